package e2e

import (
	"errors"
	"testing"

	"kaqiao/gateway/client"
)

// Every bank whose channel can verify says yes to its customer and no to a
// stranger's document; of the others the caller hears that they can't. Nothing is bound by it.
func TestVerifications(t *testing.T) {
	p := startPair(t)
	for _, bank := range p.set.Banks {
		c := p.customers(t, bank.ID, "debit", 2)
		in := verification(request(c[0]))
		v, err := p.client.Verify(t.Context(), in, "")
		var problem *client.Problem
		if p.set.Channel(bank.Routes[0].Channel).Protocol == "epcc" {
			if !errors.As(err, &problem) || problem.Code != "verification_unsupported" || problem.Outcome != "not_sent" {
				t.Errorf("%s: %v", bank.ID, err)
			}
			continue
		}
		if err != nil || v.Result != "matched" || v.Card.Last4 == "" || v.BankNumber == "" {
			t.Errorf("%s: %+v, %v", bank.ID, v, err)
		}
		in.Holder.Document.Number = c[1].Document.Number.Reveal()
		if _, err = p.client.Verify(t.Context(), in, ""); !errors.As(err, &problem) || problem.Category != "information" || problem.Outcome != "refused" {
			t.Errorf("%s: another's document: %v", bank.ID, err)
		}
	}
	if page, err := p.client.List(t.Context(), client.ListBindingsParams{}); err != nil || len(page.Bindings) != 0 {
		t.Errorf("%d bindings, %v", len(page.Bindings), err)
	}
}

// verification is a binding's request without what a verification has no use for.
func verification(in client.BindingRequest) client.VerificationRequest {
	return client.VerificationRequest{UserID: in.UserID, Platform: in.Platform, Card: in.Card, Holder: in.Holder, Terminal: in.Terminal}
}
