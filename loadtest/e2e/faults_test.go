package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/profiles"
)

// Every fault at every step ends in one truth on both sides, be it a bank's or the hub's own.
func TestEveryFaultEndsInOneTruth(t *testing.T) {
	p := startPair(t)
	for _, where := range []string{"/banks/", "/channels/"} {
		for i, kind := range profiles.FaultKinds() {
			if strings.Contains(kind, "notice") || kind == "contradiction" {
				continue // signing by code has no notice; and what a query contradicts has a test of its own
			}
			// A card may be used once a minute, so each strike has a customer of its own.
			bank := p.behind("nucc", i)
			subject := where + "nucc"
			if where == "/banks/" {
				subject = where + bank
			}
			for _, operation := range []string{"apply", "confirm", "unsign"} {
				c := p.fresh(t, bank)
				t.Run(strings.Trim(where, "/s")+" "+operation+" "+kind, func(t *testing.T) { p.strike(t, subject, bank, c, operation, kind) })
			}
		}
	}
	p.mustAgree(t)
}

// behind is the i-th bank behind a channel, in turn.
func (p *pair) behind(channel string, i int) string {
	var ids []string
	for _, b := range p.set.Banks {
		if b.Routes[0].Channel == channel {
			ids = append(ids, b.ID)
		}
	}
	return ids[i%len(ids)]
}

// Where people approve there is no second step: what is done is found by query and goes on.
func TestEveryFaultAtABankWhosePeopleApproveEndsInOneTruth(t *testing.T) {
	p := startPair(t)
	foreign := []string{"bea", "hangseng", "hsbc", "scb"}
	for i, kind := range profiles.FaultKinds() {
		if strings.Contains(kind, "notice") || kind == "contradiction" {
			continue // they strike notices, and the bank's own tests have them; what a query contradicts has a test of its own
		}
		bank := foreign[i%len(foreign)]
		for _, operation := range []string{"apply", "unsign"} {
			c := p.fresh(t, bank)
			t.Run(operation+" "+kind, func(t *testing.T) { p.strike(t, "/banks/"+bank, bank, c, operation, kind) })
		}
	}
	p.mustAgree(t)
}

// On a line of its own a bank knows no query: what is in doubt is undone, and an ending is said again.
func TestEveryFaultOnALineEndsInOneTruth(t *testing.T) {
	p := startPair(t)
	city := []string{"bob", "bosc", "hzbank", "jsbank", "nbcb", "njcb"}
	for i, kind := range profiles.FaultKinds() {
		if strings.Contains(kind, "notice") || !profiles.Playable(kind, "iso8583", "") {
			continue
		}
		bank := city[i%len(city)]
		for _, operation := range []string{"apply", "confirm", "unsign"} {
			c := p.fresh(t, bank)
			t.Run(operation+" "+kind, func(t *testing.T) { p.strike(t, "/banks/"+bank, bank, c, operation, kind) })
		}
	}
	p.mustAgree(t)
}

// undoes: what became of a request is found out by undoing it.
func (p *pair) undoes(bank string) bool {
	return p.set.Channel(p.set.Bank(bank).Routes[0].Channel).Protocol == "iso8583"
}

// fresh is a customer whom no test has used yet.
func (p *pair) fresh(t *testing.T, bank string) control.Customer {
	t.Helper()
	if p.used == nil {
		p.used = map[string]int{}
	}
	all := p.customers(t, bank, "debit", 40) // bound ones are left out, so the list moves up
	for _, c := range all {
		if card := c.Cards[0].Number.Reveal(); p.used[card] == 0 {
			p.used[card]++
			return c
		}
	}
	t.Fatalf("bank %s has no customer left", bank)
	return control.Customer{}
}

// strike lets one operation of one customer meet one fault.
func (p *pair) strike(t *testing.T, subject, bank string, c control.Customer, operation, kind string) {
	behaviour := p.farmURL + subject + "/behaviour"
	delay := ""
	switch {
	case profiles.Delayed(kind):
		delay = `,"delay":"1s"`
	case kind == "not_found_for_a_while":
		delay = `,"for":"200ms"` // less than the silence and what the gateway waits for
	}
	fault := fmt.Sprintf(`{"faults":[{"kind":%q,"operation":%q,"count":1%s}]}`, kind, operation, delay)
	if text, status := p.raw(t, http.MethodPut, behaviour, fault, nil); status >= 300 {
		t.Fatalf("status %d %s", status, text)
	}
	before := p.struck(t, subject, kind)
	defer func() {
		if n := p.struck(t, subject, kind) - before; n != 1 {
			t.Errorf("the fault has struck %d times", n)
		}
		if _, status := p.raw(t, http.MethodDelete, behaviour, "", nil); status >= 300 {
			t.Errorf("status %d", status)
		}
	}()
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if operation == "apply" {
		p.applied(t, bank, kind, c, a, err)
		return
	}
	switch {
	case err == nil && a.State == "awaiting_approval":
		a = p.approve(t, bank, c, a)
	case err != nil || a.State != "awaiting_code":
		t.Fatalf("apply: %s, %v", a.State, err)
	case operation == "confirm" && p.undoes(bank):
		p.confirmedOrUndone(t, bank, a, c)
	default:
		a = p.confirmUntilActive(t, a, c, p.code(t, bank, c, "").Code.Reveal())
	}
	if operation == "confirm" {
		return
	}
	p.revokeUntilRevoked(t, a.ID)
	if got := p.agreements(t, bank, c); len(got) != 1 || got[0].State != "unsigned" {
		t.Errorf("the bank says %+v", got)
	}
}

// applied sees an apply that met a fault to its end: either the code is there
// and the binding goes on, or it failed and nothing was signed.
func (p *pair) applied(t *testing.T, bank, kind string, c control.Customer, a client.Answer, err error) {
	t.Helper()
	var refused *client.Problem
	if errors.As(err, &refused) {
		if kind != "busy" || refused.Code != "bank_busy" {
			t.Errorf("the apply was refused with %s", refused.Code)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if a.State == "processing" {
		a = p.decided(t, a.ID)
	}
	committed := slices.Contains([]string{"no_reply_after_commit", "reset_after_commit", "garbage", "half_reply", "bad_signature", "not_found_for_a_while", "wrong_charset"}, kind)
	switch {
	case a.State == "awaiting_approval":
		p.approve(t, bank, c, a)
	case a.State == "awaiting_code":
		p.confirmUntilActive(t, a, c, p.code(t, bank, c, "").Code.Reveal())
	case a.State != "failed":
		t.Errorf("the binding is %s", a.State)
	case committed && !p.undoes(bank):
		t.Errorf("the bank has sent a code, and the binding failed with %s", a.Problem.Code)
	}
}

// confirmedOrUndone brings the code. Either the agreement is there on both sides, or on neither.
func (p *pair) confirmedOrUndone(t *testing.T, bank string, a client.Answer, c control.Customer) {
	t.Helper()
	a, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, c, p.code(t, bank, c, "").Code.Reveal()), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if a.State == "processing" {
		a = p.decided(t, a.ID)
	}
	signed := 0
	for _, one := range p.agreements(t, bank, c) {
		if one.State == "signed" {
			signed++
		}
	}
	if a.State == "active" && signed == 1 || a.State == "failed" && a.Problem.Category == "bank" && signed == 0 {
		return
	}
	t.Errorf("the binding is %s (%s), and the bank has %d agreements", a.State, a.Problem.Code, signed)
}

// confirmUntilActive brings the code until the binding is active.
func (p *pair) confirmUntilActive(t *testing.T, a client.Answer, c control.Customer, code string) client.Answer {
	t.Helper()
	var err error
	eventually(t, "the binding is active", func(ctx context.Context) bool {
		switch a.State {
		case "active":
			return true
		case "processing":
			a, err = p.client.Get(ctx, a.ID)
		case "awaiting_code":
			a, err = p.client.Confirm(ctx, a.ID, confirmation(a, c, code), client.NewKey())
		default:
			t.Fatalf("the binding is %s (%s)", a.State, a.Problem.Code)
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		return a.State == "active"
	})
	return a
}

// revokeUntilRevoked asks for the end of an agreement until it has ended.
func (p *pair) revokeUntilRevoked(t *testing.T, id string) {
	t.Helper()
	eventually(t, "the agreement has ended", func(ctx context.Context) bool {
		a, err := p.client.Get(ctx, id)
		if err == nil && a.State == "active" {
			a, err = p.client.Revoke(ctx, id, client.NewKey())
		}
		var refused *client.Problem
		if err != nil && (!errors.As(err, &refused) || refused.Category != "bank") {
			t.Fatalf("revoke: %v", err)
		}
		return a.State == "revoked"
	})
}

// struck is how often a kind of fault has struck at a bank or hub.
func (p *pair) struck(t *testing.T, subject, kind string) int64 {
	t.Helper()
	var one struct {
		Counters struct{ Faults map[string]int64 }
	}
	p.get(t, subject, &one)
	return one.Counters.Faults[kind]
}
