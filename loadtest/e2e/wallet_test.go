package e2e

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// eventually asks again and again until done says so. It is for states that
// only HTTP shows; what can be waited for directly is.
func eventually(t testing.TB, what string, done func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// customers are people of one kind whose cards are unbound, and whom every channel can name.
func (p *pair) customers(t testing.TB, bank, kind string, n int) []control.Customer {
	t.Helper()
	all, _, err := p.control.Customers(t.Context(), bank, kind, "", 2*n+10)
	found := slices.DeleteFunc(all, func(c control.Customer) bool { return !load.InGBK(c.Name.Reveal()) })
	if err != nil || len(found) < n {
		t.Fatalf("bank %s: %d customers of kind %s, want %d: %v", bank, len(found), kind, n, err)
	}
	return found[:n]
}

// request is what a wallet sends for a customer's first card.
func request(c control.Customer) client.BindingRequest {
	card := c.Cards[0]
	return client.BindingRequest{
		UserID: "u_1001", Platform: "wechat",
		Card: client.Card{Number: card.Number.Reveal(), Cvv: card.CVV.Reveal(), Expiry: card.Expiry.Reveal()},
		Holder: client.Holder{
			Name: c.Name.Reveal(), Mobile: c.Mobile.Reveal(), Email: c.Email,
			Document: client.Document{Type: client.DocumentType(c.Document.Type), Number: c.Document.Number.Reveal()},
		},
		Terminal: client.Terminal{Os: "android", OsVersion: "14", ClientVersion: "8.0.50", DeviceID: "d-1"},
	}
}

// code waits for a code that came after the message with the id after.
func (p *pair) code(t testing.TB, bank string, c control.Customer, after string) control.Message {
	t.Helper()
	messages, err := p.control.Inbox(t.Context(), bank, c.Mobile.Reveal(), after, patience)
	if err != nil || len(messages) == 0 {
		t.Fatalf("no code reached the customer: %v", err)
	}
	return messages[0]
}

// decided asks for a binding until the gateway has found out what became of it.
func (p *pair) decided(t testing.TB, id string) client.Answer {
	t.Helper()
	var a client.Answer
	eventually(t, "the binding's outcome is found out", func(ctx context.Context) bool {
		var err error
		a, err = p.client.Get(ctx, id)
		return err == nil && a.State != "processing" && a.State != "revoking"
	})
	return a
}

// confirmation is what a confirm of this binding must bring.
func confirmation(a client.Answer, c control.Customer, code string) client.ConfirmRequest {
	in := client.ConfirmRequest{Code: code}
	for _, need := range a.Next.Requires {
		switch need {
		case "card.cvv":
			in.Card.Cvv = c.Cards[0].CVV.Reveal()
		case "card.expiry":
			in.Card.Expiry = c.Cards[0].Expiry.Reveal()
		}
	}
	return in
}

// bind takes a card from nothing to active, whatever has to be found out on the way.
func (p *pair) bind(t testing.TB, bank string, c control.Customer) client.Answer {
	t.Helper()
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil {
		t.Fatalf("bank %s: apply: %v", bank, err)
	}
	if a.State == "processing" {
		a = p.decided(t, a.ID)
	}
	if a.State == "awaiting_approval" {
		return p.approve(t, bank, c, a)
	}
	if a.State != "awaiting_code" {
		t.Fatalf("bank %s: after the apply the binding is %s (%s)", bank, a.State, a.Problem.Code)
	}
	code := p.code(t, bank, c, "").Code.Reveal()
	for range 3 {
		if a, err = p.client.Confirm(t.Context(), a.ID, confirmation(a, c, code), client.NewKey()); err != nil {
			t.Fatalf("bank %s: confirm: %v", bank, err)
		}
		if a.State == "processing" {
			a = p.decided(t, a.ID)
		}
		if a.State != "awaiting_code" { // it never reached the bank: the same code serves again
			break
		}
	}
	if a.State != "active" || a.Agreement.Number == "" {
		t.Fatalf("bank %s: after the confirm the binding is %s with agreement %q (%s)", bank, a.State, a.Agreement.Number, a.Problem.Code)
	}
	return a
}

// approve plays whoever is asked, and waits until the gateway knows.
func (p *pair) approve(t testing.TB, bank string, c control.Customer, a client.Answer) client.Answer {
	t.Helper()
	m := p.code(t, bank, c, "") // the call-back, or the push
	if err := p.control.Decide(t.Context(), bank, m.ID, true); err != nil {
		t.Fatalf("bank %s: approve: %v", bank, err)
	}
	eventually(t, "the approval is known", func(ctx context.Context) bool {
		var err error
		a, err = p.client.Get(ctx, a.ID)
		return err == nil && a.State != "awaiting_approval" && a.State != "processing"
	})
	if a.State != "active" || a.Agreement.Number == "" {
		t.Fatalf("bank %s: after the approval the binding is %s with agreement %q (%s)", bank, a.State, a.Agreement.Number, a.Problem.Code)
	}
	return a
}

// problem is the refusal that err must be.
func problem(t testing.TB, err error) *client.Problem {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a problem document", err)
	}
	return p
}

// asked is how many requests the banks and hubs of the farm have had.
func (p *pair) asked(t testing.TB) int64 {
	t.Helper()
	var page struct {
		Channels []struct{ ID string }
	}
	p.get(t, "/channels", &page)
	n := int64(0)
	for _, c := range page.Channels {
		var one struct {
			Counters struct{ Operations map[string]int64 }
		}
		p.get(t, "/channels/"+c.ID, &one)
		for _, count := range one.Counters.Operations {
			n += count
		}
	}
	return n
}
