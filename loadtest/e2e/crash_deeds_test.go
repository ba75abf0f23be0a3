package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// deed is one thing that a caller, a bank or its people do.
type deed struct {
	name      string
	protocols []string
	// begin brings a subject to where the deed is done.
	begin func(*testing.T, *lane, *subject)
	fresh bool // nothing begins it: it is the first that a process does
	// request is what a caller asks; nil: happen is what a bank or its people do.
	request func(*testing.T, *lane, *subject) call
	happen  func(*testing.T, *lane, *subject)
	// fault is the operation whose answer is lost, after the bank has done it.
	fault string
	// from is the first point at which it differs from another deed; empty: all of it does.
	from string
	// last are points that must have been passed when it is over, by protocol, or by "" for all the others.
	last map[string][]string
	ends []string
}

// call is a request of a caller. Sent again, it is the same to the byte.
type call struct{ method, path, body, key string }

// subject is a customer, and what became of the binding of his card.
type subject struct {
	customer    control.Customer
	id          string
	request     call
	before      *reply // what was answered before the crash
	interrupted bool   // an exchange with the bank was under way
	mayBeLost   bool   // its request may never have left
}

// heard is the deed of a bank that says so: of a hub's banks only one lane's is heard.
const heard = "notice"

var (
	epccAndISO = []string{"epcc", "iso8583"}
	everywhere = []string{"epcc", "iso8583", "jws"}
	bound      = []string{"active"}
	undone     = []string{"active", "failed"} // on a line, where what is in doubt is undone
)

// deeds are all of them.
var deeds = []deed{
	{name: "apply", protocols: everywhere, begin: nothingBefore, fresh: true, request: apply, last: answered("POST"), ends: undone},
	{name: "challenge", protocols: epccAndISO, begin: applied, request: challenge, last: answered("POST"), ends: bound},
	{name: "confirm", protocols: epccAndISO, begin: applied, request: confirm, last: told("binding.active"), ends: undone},
	{name: "approve", protocols: []string{"jws"}, begin: applied, happen: approved, last: told("binding.active"), ends: bound},
	{name: "cancel", protocols: everywhere, begin: applied, request: post("/cancel"), last: answered("POST"), ends: []string{"cancelled"}},
	{name: "password-free", protocols: epccAndISO, begin: active, request: passwordFree, last: answered("PUT"), ends: bound},
	{name: "revoke", protocols: everywhere, begin: active, request: revoke, last: told("binding.revoked"), ends: []string{"revoked"}},
	{name: "verify", protocols: []string{"iso8583", "jws"}, begin: nothingBefore, fresh: true, request: verifying, last: answered("POST")},
	{name: heard, protocols: []string{"epcc", "jws"}, begin: active, happen: revokedByBank, last: told("binding.revoked_by_bank"), ends: []string{"revoked"}},
	{
		name: "apply lost", protocols: everywhere, begin: nothingBefore, fresh: true, request: apply, fault: "apply", from: "bank.answered",
		last: map[string][]string{"": {"resolve.told apply"}, "iso8583": {"notify.delivered binding.failed"}}, ends: undone,
	},
	{
		name: "confirm lost", protocols: epccAndISO, begin: applied, request: confirm, fault: "confirm", from: "bank.answered",
		last: map[string][]string{"epcc": {"notify.delivered binding.active"}, "iso8583": {"notify.delivered binding.failed"}}, ends: undone,
	},
	{
		name: "revoke lost", protocols: everywhere, begin: active, request: revoke, fault: "unsign", from: "bank.answered",
		last: told("binding.revoked"), ends: []string{"revoked"},
	},
}

func deedOf(name string) deed {
	return deeds[slices.IndexFunc(deeds, func(d deed) bool { return d.name == name })]
}

func answered(method string) map[string][]string {
	return map[string][]string{"": {"api.answered " + method}}
}

func told(event string) map[string][]string {
	return map[string][]string{"": {"notify.delivered " + event}}
}

// over reports whether a deed is: its last points are passed, and what comes of an event is written.
func (l *lane) over(t *testing.T, d deed, passed *[]string) func(context.Context) bool {
	last, ok := d.last[l.protocol]
	if !ok {
		last = d.last[""]
	}
	return func(context.Context) bool {
		*passed = l.passed(t)
		for _, line := range last {
			i := slices.Index(*passed, line)
			if i < 0 || strings.HasPrefix(line, "notify.") && !slices.Contains((*passed)[i:], "journal.writing") {
				return false
			}
		}
		return d.request == nil || slices.ContainsFunc(*passed, func(line string) bool { return strings.HasPrefix(line, "api.answered") })
	}
}

func nothingBefore(*testing.T, *lane, *subject) {}

func applied(t *testing.T, l *lane, s *subject) {
	t.Helper()
	s.request = apply(t, l, s)
	r, err := l.send(t.Context(), s)
	if err != nil || r.status != http.StatusCreated {
		t.Fatalf("apply: %d %s, %v", r.status, r.body, err)
	}
	s.learn(r)
	s.request = call{}
	if l.protocol == "jws" { // the bank is asked a few times, and then rests
		eventually(t, "the bank is asked no more", func(context.Context) bool {
			n := 0
			for _, line := range l.passed(t) {
				if line == "resolve.told apply" {
					n++
				}
			}
			return n >= jwsAsked
		})
	}
}

func active(t *testing.T, l *lane, s *subject) {
	t.Helper()
	l.arm(t, "")
	applied(t, l, s)
	l.end(t, s, bound)
	l.mustTell(t, s, "active")
	var passed []string
	eventually(t, "what comes of the event is written", l.over(t, deed{last: told("binding.active")}, &passed))
}

func apply(t *testing.T, _ *lane, s *subject) call {
	return call{http.MethodPost, "/v1/bindings", text(t, request(s.customer)), client.NewKey()}
}

func verifying(t *testing.T, _ *lane, s *subject) call {
	in := request(s.customer)
	return call{http.MethodPost, "/v1/verifications", text(t, map[string]any{
		"user_id": in.UserID, "platform": in.Platform, "card": in.Card, "holder": in.Holder, "terminal": in.Terminal,
	}), client.NewKey()}
}

func challenge(t *testing.T, l *lane, s *subject) call {
	c := post("/challenge")(t, l, s)
	c.body = `{"kind":"sms"}`
	return c
}

func confirm(t *testing.T, l *lane, s *subject) call {
	c := post("/confirm")(t, l, s)
	c.body = text(t, client.ConfirmRequest{Code: l.codesOf(t, s)[0]})
	return c
}

func post(what string) func(*testing.T, *lane, *subject) call {
	return func(_ *testing.T, _ *lane, s *subject) call {
		return call{http.MethodPost, "/v1/bindings/" + s.id + what, "", client.NewKey()}
	}
}

func passwordFree(_ *testing.T, _ *lane, s *subject) call {
	return call{http.MethodPut, "/v1/bindings/" + s.id + "/password-free", `{"enabled":true,"limit":{"minor":10000,"currency":"CNY"}}`, client.NewKey()}
}

func revoke(_ *testing.T, _ *lane, s *subject) call {
	return call{http.MethodDelete, "/v1/bindings/" + s.id, "", client.NewKey()}
}

func approved(t *testing.T, l *lane, s *subject) {
	t.Helper()
	messages, err := l.farm.Inbox(t.Context(), l.bank, s.customer.Mobile.Reveal(), "", patience)
	if err != nil || len(messages) == 0 {
		t.Fatalf("nobody is asked: %v", err)
	}
	if err := l.farm.Decide(t.Context(), l.bank, messages[0].ID, true); err != nil {
		t.Fatal(err)
	}
}

func revokedByBank(t *testing.T, l *lane, s *subject) {
	t.Helper()
	for _, a := range l.agreements(t, s) {
		if a.State != "signed" {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.farmURL+"/banks/"+l.bank+"/agreements/"+a.Number+"/revoke", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := l.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode >= 300 {
			t.Fatalf("the bank can't end it: status %d", res.StatusCode)
		}
		return
	}
	t.Fatal("there is nothing to end")
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
