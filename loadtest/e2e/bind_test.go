package e2e

import (
	"context"
	"net/http"
	"testing"

	"kaqiao/loadtest/control"
)

// A card of each tier, of each kind that may be bound, from apply to agreement, seen from both sides.
func TestACardOfEachTierIsBound(t *testing.T) {
	p := startPair(t)
	banks, err := p.control.Banks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tiers := map[string]int{}
	for _, b := range banks {
		if tiers[b.Tier]++; tiers[b.Tier] > 2 {
			continue
		}
		for _, kind := range []string{"debit", "credit", "class_ii"} {
			c := p.customers(t, b.ID, kind, 1)[0]
			a := p.bind(t, b.ID, c)
			if string(a.Bank.Tier) != b.Tier || a.Bank.ID != b.ID {
				t.Errorf("%s of %s was bound at %s", kind, b.ID, a.Bank.ID)
			}
			got := p.agreements(t, b.ID, c)
			if len(got) != 1 || got[0].Number != a.Agreement.Number || got[0].State != "signed" {
				t.Errorf("%s of %s: the bank says %+v, the gateway %q", kind, b.ID, got, a.Agreement.Number)
			}
		}
	}
	if tiers["state"] < 6 || tiers["city"] < 6 || tiers["foreign"] < 4 {
		t.Errorf("the farm has %v", tiers)
	}
	p.mustAgree(t)
}

func TestARevokedAgreementHasEndedOnBothSides(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	a := p.bind(t, "abc", c)
	a, err := p.client.Revoke(t.Context(), a.ID, "")
	if err != nil || a.State != "revoked" {
		t.Fatalf("revoke: %s, %v", a.State, err)
	}
	if got := p.agreements(t, "abc", c); len(got) != 1 || got[0].State != "unsigned" {
		t.Errorf("the bank says %+v", got)
	}
	p.mustAgree(t)
}

// The bank ends an agreement on its own account and says so.
func TestAnAgreementEndedByTheBankHasEndedAtTheGateway(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	a := p.bind(t, "abc", c)
	if text, status := p.raw(t, http.MethodPost, p.farmURL+"/banks/abc/agreements/"+a.Agreement.Number+"/revoke", "", nil); status >= 300 {
		t.Fatalf("status %d %s", status, text)
	}
	eventually(t, "the gateway has heard of it", func(ctx context.Context) bool {
		got, err := p.client.Get(ctx, a.ID)
		return err == nil && got.State == "revoked"
	})
	p.mustAgree(t)
}

// agreements are what a bank's books say of a customer's first card.
func (p *pair) agreements(t testing.TB, bank string, c control.Customer) []control.Agreement {
	t.Helper()
	var page struct{ Agreements []control.Agreement }
	p.get(t, "/banks/"+bank+"/agreements?card="+c.Cards[0].Number.Reveal(), &page)
	return page.Agreements
}
