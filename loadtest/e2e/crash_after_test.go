package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/verify"
)

// mustAnswerAlike wants one answer to one key, to the byte, however often it
// is asked, and that which was given before the crash.
func (l *lane) mustAnswerAlike(t *testing.T, d deed, s *subject) {
	t.Helper()
	var first reply
	eventually(t, "the request is answered again", func(ctx context.Context) bool {
		var err error
		first, err = l.send(ctx, s)
		return err == nil && first.status != http.StatusConflict && first.status != http.StatusServiceUnavailable
	})
	again, err := l.send(t.Context(), s)
	if err != nil || again != first {
		t.Errorf("answered\n%d %s\nand then\n%d %s, %v", first.status, first.body, again.status, again.body, err)
	}
	if s.before != nil && *s.before != first {
		t.Errorf("answered before the crash\n%d %s\nand after it\n%d %s", s.before.status, s.before.body, first.status, first.body)
	}
	s.before = &first
	s.learn(first)
	if unknown := d.name == "verify" && strings.Contains(first.body, "outcome_unknown"); first.status >= 300 && !unknown && d.fault == "" {
		t.Errorf("answered %d %s", first.status, first.body)
	}
}

// aftermath drives what a deed has left to its end, and wants one truth then:
// of the gateway, of the bank, of what the caller was told and of what is kept.
func (l *lane) aftermath(t *testing.T, d deed, s *subject) {
	t.Helper()
	if d.ends == nil {
		return // a verification leaves nothing
	}
	if s.id == "" {
		t.Fatalf("nobody knows the binding's id: %+v", s.before)
	}
	ends := d.ends
	if l.protocol != "iso8583" && !s.mayBeLost && len(ends) > 1 {
		ends = ends[:1]
	}
	b := l.end(t, s, ends)
	if s.before != nil {
		var said client.Binding
		if err := json.Unmarshal([]byte(s.before.body), &said); err == nil && slices.Contains([]client.BindingState{"active", "failed", "cancelled", "revoked"}, said.State) && said.State != b.State {
			t.Errorf("the caller was answered %s, and it is %s", said.State, b.State)
		}
	}
	if b.State == "cancelled" && l.protocol == "jws" { // its people say yes all the same
		approved(t, l, s)
		eventually(t, "what nobody wants any more is ended", func(context.Context) bool {
			all := l.agreements(t, s)
			return len(all) == 1 && all[0].State == "unsigned"
		})
	}
	signed := 0
	for _, a := range l.agreements(t, s) {
		if a.State == "signed" {
			signed++
			if b.State == "active" && a.Number != b.Agreement.Number {
				t.Errorf("the bank holds agreement %s, the gateway %s", a.Number, b.Agreement.Number)
			}
		}
	}
	if want := map[bool]int{true: 1}[b.State == "active"]; signed != want {
		t.Errorf("it is %s, and the bank holds %d agreements", b.State, signed)
	}
	l.mustTell(t, s, string(b.State))
	l.mustExplain(t, s, string(b.State))
}

// end walks a binding to where nothing is left to do.
func (l *lane) end(t *testing.T, s *subject, ends []string) (b client.Binding) {
	t.Helper()
	over := false
	defer func() {
		if !over {
			story, err := exec.CommandContext(context.WithoutCancel(t.Context()), l.gateway.binary, "explain", "--data", l.data, s.id).CombinedOutput() //nolint:gosec // our own program
			t.Logf("%s\n%v", story, err)
		}
	}()
	tried := 0
	eventually(t, "the binding comes to an end", func(ctx context.Context) bool {
		r, err := l.send(ctx, &subject{request: call{method: http.MethodGet, path: "/v1/bindings/" + s.id}})
		if err != nil || r.status != http.StatusOK || json.Unmarshal([]byte(r.body), &b) != nil {
			t.Logf("GET: %d %s, %v", r.status, r.body, err)
			return false
		}
		switch b.State {
		case "processing", "revoking":
			return false
		case "awaiting_code": // of two codes either may count, or neither where the second was undone
			codes := l.codesOf(t, s)
			c := challenge(t, l, s)
			if tried < len(codes) {
				c = post("/confirm")(t, l, s)
				c.body = text(t, client.ConfirmRequest{Code: codes[tried]})
				tried++
			} else {
				tried = 0
			}
			_, _ = l.send(ctx, &subject{request: c}) // what it came to is read
			return false
		case "awaiting_approval":
			if tried == 0 {
				approved(t, l, s)
				tried++
			}
			return false
		case "active":
			return slices.Contains(ends, "active") // or its end has yet to be heard
		}
		return true
	})
	over = slices.Contains(ends, string(b.State))
	if !over {
		t.Errorf("it ended %s (%s), want %v", b.State, b.Problem.Code, ends)
	}
	return b
}

// codesOf are the codes that a customer has got, the newest first.
func (l *lane) codesOf(t *testing.T, s *subject) (codes []string) {
	t.Helper()
	messages, err := l.farm.Inbox(t.Context(), l.bank, s.customer.Mobile.Reveal(), "", patience)
	if err != nil || len(messages) == 0 {
		t.Fatalf("no code has come: %v", err)
	}
	for _, m := range messages {
		codes = append(codes, m.Code.Reveal())
		l.codes[m.Code.Reveal()] = true
	}
	return codes
}

// agreements are what the bank's book says of a customer's card.
func (l *lane) agreements(t *testing.T, s *subject) []control.Agreement {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.farmURL+"/banks/"+l.bank+"/agreements?card="+s.customer.Cards[0].Number.Reveal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := l.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var page struct{ Agreements []control.Agreement }
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", res.StatusCode, err)
	}
	return page.Agreements
}

// mustTell wants the caller to have been told what happened: each event at
// least once and always in the same words, none before the one that it follows.
func (l *lane) mustTell(t *testing.T, s *subject, state string) {
	t.Helper()
	want := map[string][]string{"active": {"binding.active"}, "failed": {"binding.failed"}, "cancelled": nil, "revoked": {"binding.active", "binding.revoked"}}[state]
	var all []event
	eventually(t, "the caller is told", func(context.Context) bool {
		all, _ = l.told.of(s.id)
		return len(want) == 0 || slices.ContainsFunc(all, func(e event) bool { return strings.HasPrefix(e.what, want[len(want)-1]) })
	})
	_, wrong := l.told.of(s.id)
	var got []string
	bodies, last := map[string]string{}, ""
	for _, e := range all {
		body, again := bodies[e.id]
		switch {
		case !again:
			got, bodies[e.id], last = append(got, strings.TrimSuffix(e.what, "_by_bank")), e.body, e.id
		case body != e.body || last != e.id:
			t.Errorf("event %s came again with other words, or after another: %s", e.id, e.body)
		}
	}
	if !slices.Equal(got, want) || len(wrong) > 0 {
		t.Errorf("told %v, want %v; wrong: %v", got, want, wrong)
	}
}

// mustExplain wants the story to end as the binding has, to name what was
// interrupted, to have nothing open, and the card's data to be gone with the binding.
func (l *lane) mustExplain(t *testing.T, s *subject, state string) {
	t.Helper()
	var story string
	var err error
	var next time.Time // a process for each look is dear
	eventually(t, "nothing is open and everything told", func(ctx context.Context) bool {
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(150 * time.Millisecond)
		var out []byte
		out, err = exec.CommandContext(ctx, l.gateway.binary, "explain", "--data", l.data, s.id).CombinedOutput() //nolint:gosec // our own program
		story = string(out)
		return err != nil || strings.Contains(story, "nothing is open") && !strings.Contains(story, "waiting")
	})
	data := "data destroyed"
	if state == "active" {
		data = "data kept"
	}
	wants := []string{s.id + "  " + state + "\n", data}
	if s.interrupted {
		wants = append(wants, "its process ended before an answer was written")
	}
	for _, want := range wants {
		if err != nil || !strings.Contains(story, want) {
			t.Errorf("the story lacks %q, %v:\n%s", want, err, story)
		}
	}
}

// mustAgree lays the lane's bindings beside its bank's book.
func (l *lane) mustAgree(t *testing.T) {
	t.Helper()
	key, err := os.ReadFile(l.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	g, err := client.New(l.gateway.url, strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	r, err := verify.Read(t.Context(), g, oneBank{l.farm, l.bank})
	if err != nil || r.Breaks() > 0 || r.Counts[verify.Undecided] > 0 || r.Bindings == 0 {
		t.Errorf("%d bindings, %d breaks, %v: %+v", r.Bindings, r.Breaks(), err, r.Rows)
	}
}

// oneBank is a farm of which one bank is seen.
type oneBank struct {
	*control.Farm
	bank string
}

func (o oneBank) Banks(ctx context.Context) ([]control.Bank, error) {
	all, err := o.Farm.Banks(ctx)
	return slices.DeleteFunc(all, func(b control.Bank) bool { return b.ID != o.bank }), err
}

// mustKeepNoSecrets looks through all that the gateway has written, after all its deaths.
func (l *lane) mustKeepNoSecrets(t *testing.T) {
	t.Helper()
	kept := filesIn(t, l.data)
	kept["log"] = l.gateway.out.bytes()
	var codes []string
	for code := range l.codes {
		codes = append(codes, code)
	}
	scan(t, filepath.Base(l.bank), kept, l.used, codes)
}
