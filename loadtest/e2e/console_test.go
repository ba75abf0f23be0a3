package e2e

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kaqiao/gateway/app"
	"kaqiao/gateway/client"
)

// A confirm of yesterday, about which the bank is silent, is settled by a person in a browser.
func TestAPersonDecidesInTheBrowser(t *testing.T) {
	browser := startBrowser(t)
	if browser == nil {
		return
	}
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	code := p.code(t, "abc", c, "").Code.Reveal()
	silence := map[string]any{"faults": []any{
		map[string]any{"kind": "no_reply_after_commit", "operation": "confirm"},
		map[string]any{"kind": "no_reply_before_commit", "operation": "query"},
	}}
	if err := p.control.Behave(t.Context(), "abc", silence); err != nil {
		t.Fatal(err)
	}
	if a, err = p.client.Confirm(t.Context(), a.ID, confirmation(a, c, code), client.NewKey()); err != nil || a.State != client.BindingStateProcessing {
		t.Fatalf("confirm: %s, %v", a.State, err)
	}
	agreement := p.agreements(t, "abc", c)[0].Number
	p.stopGateway()
	url, key := p.oneDayLater(t)

	page := browser.open(t, url+"/console")
	page.fill("#key", "not-the-key")
	page.click("#enter_form button")
	page.sees("#notice", "key")
	page.fill("#key", key)
	page.click("#enter_form button")
	attempt := page.attribute("#list_body button", "data-attempt")
	page.sees("#list_body", "signing", "****"+a.Card.Last4, "processing")
	page.click("#list_body button")
	page.sees("#history", "application", "accepted", "query", "unknown")
	page.click("#history details summary")
	page.sees("#history pre", "→ epcc.101.001.01", "TrxInf.TrxCtgy=0201", "SgnInf.SgnAcctId=****"+a.Card.Last4, "← epcc.102.001.01")
	page.click("#lang")
	page.sees("#list_body", "签约确认", "处理中")
	page.sees("#decide_form", "从未收到", "录入")
	page.click("#lang")

	page.click("input[value=accepted]")
	page.fill("#agreement", agreement)
	page.fill("#reason", "letter of the bank, read on the phone")
	page.click("#decide_form button")
	page.sees("#sure", agreement, "signing", "Accepted")
	page.click("#sure_no")
	page.sees("#list_body", "signing") // nothing was entered yet
	page.click("#decide_form button")
	page.click("#sure_yes")
	page.sees("#notice", attempt, "accepted", "active")
	page.sees("#empty", "Nothing waits")
	page.sees("#history", "decision", "letter of the bank, read on the phone")
	page.sees("#ask", "nothing to decide")
	page.remembersNothing()
	if said := page.complaints(); len(said) != 1 || !strings.Contains(said[0], "401") { // the wrong key's
		t.Errorf("the browser complains: %q", said)
	}

	after, err := client.New(url, key, client.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	b, err := after.Get(t.Context(), a.ID)
	if err != nil || b.State != client.BindingStateActive || b.Agreement.Number != agreement {
		t.Errorf("the binding is %s under %q, %v; the bank signed %s", b.State, b.Agreement.Number, err, agreement)
	}
	for _, one := range b.History {
		if one.Note != "" {
			t.Errorf("a caller sees an operator's words: %q", one.Note)
		}
	}
}

// oneDayLater starts the gateway again on the same data, with a clock that is 25 hours ahead.
func (p *pair) oneDayLater(t *testing.T) (url, key string) {
	t.Helper()
	cfg := p.gatewayConfig(t)
	cfg.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	cfg.Callbacks = "127.0.0.1:0"
	gateway, err := app.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	live(t, "gateway of the next day", gateway.Run, gateway.Ready())
	text, err := os.ReadFile(cfg.DevCallerKey)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.URL(), strings.TrimSpace(string(text))
}

// browser is a Chromium without a window.
type browser struct{ allocator context.Context }

// startBrowser returns nil where there is no Chromium, which only CI calls a failure.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the chromium program is missing")
		}
		t.Log("left out: the console in a browser; chromium is not installed here")
		return nil
	}
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("lang", "en-US"), chromedp.WindowSize(1280, 1000),
	})
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	return &browser{ctx}
}

// tab is one page of it.
type tab struct {
	t    *testing.T
	ctx  context.Context
	said chan []string // all that the browser complained of, when its messages have ended
	stop context.CancelFunc
}

// open shows a page. Whatever takes longer than a minute in all is a failure.
func (b *browser) open(t *testing.T, url string) *tab {
	t.Helper()
	whole, stop := chromedp.NewContext(b.allocator)
	if err := chromedp.Do(whole); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(whole, time.Minute)
	p := &tab{t: t, ctx: ctx, said: make(chan []string, 1), stop: cancel}
	messages := chromedp.Console(ctx)
	go func() {
		var all []string
		for m, err := range messages {
			if err != nil {
				break
			}
			all = append(all, m.String())
		}
		p.said <- all
	}()
	t.Cleanup(func() { cancel(); stop() })
	p.do("open "+url, chromedp.Navigate(url))
	return p
}

func (p *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS("body")))
		p.t.Fatalf("%s: %v; the page says:\n%s\nthe browser: %v", what, err, text, p.complaints())
	}
}

func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do("fill "+selector, chromedp.Clear(chromedp.CSS(selector), chromedp.NodeVisible), chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// sees waits until an element shows all of these texts.
func (p *tab) sees(selector string, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.do("see "+text+" in "+selector, chromedp.PollFunction[chromedp.Void](
			`(s, t) => { const e = document.querySelector(s); return !!e && e.checkVisibility() && e.innerText.includes(t); }`,
			chromedp.WithPollingArgs(selector, text), chromedp.WithPollingTimeout(20*time.Second)))
	}
}

func (p *tab) attribute(selector, name string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.AttributeValue(chromedp.CSS(selector), name, chromedp.NodeVisible))
	if err != nil || !value.Exists {
		p.t.Fatalf("%s of %s: %+v, %v", name, selector, value, err)
	}
	return value.Value
}

// remembersNothing: the key is in no store that outlives the page.
func (p *tab) remembersNothing() {
	p.t.Helper()
	kept, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`localStorage.length + sessionStorage.length + document.cookie.length`))
	if err != nil || kept != 0 {
		p.t.Errorf("the page keeps something: %d, %v", kept, err)
	}
}

// complaints closes the page and returns what the browser said: errors of
// scripts, what the page's policy forbade, what did not load.
func (p *tab) complaints() []string {
	p.stop()
	all := <-p.said
	p.said <- all
	return all
}
