package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// longSighted are the quick profiles with a gateway that does not believe "not found" for so long.
func longSighted(t testing.TB, visible time.Duration) fstest.MapFS {
	t.Helper()
	files := quickProfiles(t, quickAnswer)
	re := regexp.MustCompile(`visible_after: \w+`)
	for _, file := range files {
		file.Data = re.ReplaceAll(file.Data, []byte("visible_after: "+visible.String()))
	}
	return files
}

// misbehave lays faults over a bank until it is called again.
func (p *pair) misbehave(t *testing.T, bank, faults string) {
	t.Helper()
	if text, status := p.raw(t, http.MethodPut, p.farmURL+"/banks/"+bank+"/behaviour", `{"faults":[`+faults+`]}`, nil); status >= 300 {
		t.Fatalf("status %d %s", status, text)
	}
}

// begun is a binding that waits for its code or for people, and whose it is.
func (p *pair) begun(t *testing.T, bank string) (client.Answer, control.Customer) {
	t.Helper()
	c := p.fresh(t, bank)
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

// An answer under a wrong seal or in a wrong charset, and a server's own error page, tell nothing: the outcome is unknown and is found out.
func TestAnAnswerThatTellsNothing(t *testing.T) {
	p := startPair(t)
	for _, c := range []struct{ bank, kind, more, end string }{
		{"abc", "bad_signature", "", "active"},
		{"abc", "http_5xx", "", "awaiting_code"}, // it never arrived, so the code counts still
		{"abc", "http_5xx", `,"after_commit":true`, "active"},
		{"njcb", "bad_signature", "", "failed"}, // undone
		{"boc", "wrong_charset", "", "active"},
		{"bosc", "wrong_charset", "", "failed"},
	} {
		t.Run(c.bank+" "+c.kind+c.more, func(t *testing.T) {
			a, who := p.begun(t, c.bank)
			p.misbehave(t, c.bank, fmt.Sprintf(`{"kind":%q,"operation":"confirm","count":1%s}`, c.kind, c.more))
			code := p.code(t, c.bank, who, "").Code.Reveal()
			a, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, who, code), client.NewKey())
			if err != nil || a.State != "processing" {
				t.Fatalf("the confirm is %s, %v", a.State, err)
			}
			if a = p.decided(t, a.ID); string(a.State) != c.end {
				t.Errorf("found out as %s, want %s", a.State, c.end)
			}
		})
	}
	for kind, more := range map[string]string{"bad_signature": "", "wrong_charset": "", "http_5xx": `,"after_commit":true`} {
		p.misbehave(t, "hsbc", fmt.Sprintf(`{"kind":%q,"operation":"apply","count":1%s}`, kind, more))
		a, who := p.begun(t, "hsbc")
		if a.State != "processing" {
			t.Errorf("hsbc %s: the apply is %s", kind, a.State)
		}
		if a = p.decided(t, a.ID); a.State != "awaiting_approval" {
			t.Errorf("hsbc %s: found out as %s", kind, a.State)
		}
		p.approve(t, "hsbc", who, a)
	}
	p.mustAgree(t)
}

// What a bank does not see at first the gateway does not believe to be not there.
func TestNotFoundIsNotBelievedTooEarly(t *testing.T) {
	p := startPairOf(t, longSighted(t, 2*time.Second))
	const blind = `{"kind":"not_found_for_a_while","operation":%q,"count":1,"for":%q}`
	a, who := p.begun(t, "abc")
	p.misbehave(t, "abc", fmt.Sprintf(blind, "confirm", "700ms"))
	code := p.code(t, "abc", who, "").Code.Reveal()
	a, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, who, code), client.NewKey())
	if err != nil || a.State != "processing" {
		t.Fatalf("the confirm is %s, %v", a.State, err)
	}
	if a = p.decided(t, a.ID); a.State != "active" {
		t.Errorf("found out as %s", a.State)
	}
	p.misbehave(t, "abc", fmt.Sprintf(blind, "unsign", "700ms"))
	p.revokeUntilRevoked(t, a.ID)

	// Nobody stands before this bank, so its silence ends with the gateway's patience, 1s.
	p.misbehave(t, "hsbc", fmt.Sprintf(blind, "apply", "1600ms"))
	b, other := p.begun(t, "hsbc")
	if b.State != "processing" {
		t.Fatalf("the apply is %s", b.State)
	}
	if b = p.decided(t, b.ID); b.State != "awaiting_approval" {
		t.Fatalf("found out as %s", b.State)
	}
	p.approve(t, "hsbc", other, b)
	for _, bank := range []string{"abc", "hsbc"} {
		text, _ := p.raw(t, http.MethodGet, p.farmURL+"/banks/"+bank+"/exchanges?limit=100", "", nil)
		if n := bytes.Count(text, []byte(`"fault":"not_found_for_a_while"`)); n < 2 { // the call, and a query at least
			t.Errorf("bank %s: the fault was met %d times", bank, n)
		}
	}
	if strings.Contains(string(p.logs.bytes()), "contradicts itself") {
		t.Error("an alarm was raised")
	}
	p.mustAgree(t)
}

// A bank signs, and says first that it has refused. Callers are told one thing, and neither side keeps an agreement that the other has not.
func TestAContradictionEndsInOneTruth(t *testing.T) {
	p := startPair(t)
	for _, faults := range []string{
		`{"kind":"contradiction","operation":"confirm","count":1}`,
		`{"kind":"no_reply_after_commit","operation":"confirm","count":1},{"kind":"contradiction","operation":"query","count":1}`,
	} {
		a, who := p.begun(t, "ccb")
		p.misbehave(t, "ccb", faults)
		code := p.code(t, "ccb", who, "").Code.Reveal()
		a, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, who, code), client.NewKey())
		if err != nil || a.State != "processing" {
			t.Fatalf("the confirm is %s, %v", a.State, err)
		}
		if a = p.decided(t, a.ID); a.State != "failed" || a.Problem.Code != "name_mismatch" {
			t.Errorf("found out as %s (%s)", a.State, a.Problem.Code)
		}
		p.ends(t, "ccb", who)
		if a, err = p.client.Get(t.Context(), a.ID); err != nil || a.State != "failed" {
			t.Errorf("in the end %s, %v", a.State, err)
		}
	}

	// Over a line the first answer counts, whatever the second says.
	a, who := p.begun(t, "bob")
	p.misbehave(t, "bob", `{"kind":"contradiction","operation":"confirm","count":1}`)
	a, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, who, p.code(t, "bob", who, "").Code.Reveal()), client.NewKey())
	if err != nil || a.State != "active" {
		t.Errorf("over a line: %s, %v", a.State, err)
	}

	// A notice tells the truth, the query before or after it does not: whichever comes first, in the end the two agree.
	a, who = p.begun(t, "bea")
	p.misbehave(t, "bea", `{"kind":"contradiction","operation":"query","count":1}`)
	if err := p.control.Decide(t.Context(), "bea", p.code(t, "bea", who, "").ID, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the approval is known", func(ctx context.Context) bool {
		a, err = p.client.Get(ctx, a.ID)
		return err == nil && a.State != "awaiting_approval"
	})
	if a.State != "active" {
		p.ends(t, "bea", who)
	}
	p.mustAgree(t)
}

// ends waits until a bank has ended the agreement that it made with somebody.
func (p *pair) ends(t *testing.T, bank string, c control.Customer) {
	t.Helper()
	eventually(t, "the bank has ended the agreement", func(context.Context) bool {
		all := p.agreements(t, bank, c)
		return len(all) == 1 && all[0].State == "unsigned"
	})
}
