package people_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/people"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// TestShippedBanksHaveBindablePeople signs with people of every bank that
// ships: whoever takes any customer of kind debit or credit must succeed.
func TestShippedBanksHaveBindablePeople(t *testing.T) {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mobiles := map[string]string{}
	for _, bank := range set.Banks {
		kinds := map[string]int{}
		l := openBank(t, bank, func(yield func(ledger.Customer) bool) {
			for c := range people.Of(bank, set.BINs, 1, 1000) {
				if owner := mobiles[c.Mobile]; owner != "" {
					t.Errorf("a mobile belongs to %s and %s", owner, bank.ID)
				}
				mobiles[c.Mobile] = bank.ID
				if kinds[c.Kind]++; !yield(c) {
					return
				}
			}
		})
		for _, kind := range []string{"debit", "credit"} {
			found, _, err := l.Customers(t.Context(), ledger.Filter{Kind: kind, Limit: 50})
			if err != nil || len(found) != 50 {
				t.Errorf("%s: %d %s customers, %v", bank.ID, len(found), kind, err)
			}
			for i, c := range found {
				row, ok := set.BINs.Lookup(c.Cards[0].Number)
				if !ok || row.Bank != bank.ID || row.Type != kind {
					t.Errorf("%s: the table gives a %s card to %q as %q", bank.ID, kind, row.Bank, row.Type)
				}
				sign(t, l, fmt.Sprint(kind, i), c)
			}
		}
		for kind, n := range map[string]int{"virtual": 40, "class_ii": 40, "class_iii": 40, "foreign": 20, "hk_macao_taiwan": 20, "corporate": 20} {
			if kinds[kind] != n {
				t.Errorf("%s: %d of kind %s, want %d", bank.ID, kinds[kind], kind, n)
			}
		}
	}
}

func openBank(t *testing.T, bank *profiles.Bank, all func(func(ledger.Customer) bool)) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(ledger.Config{
		Path: filepath.Join(t.TempDir(), bank.ID+".db"), People: all, Seed: 1,
		Terms: ledger.Terms{
			Bank: bank.ID, Name: bank.Name.ZH, CodeDigits: bank.Challenge.CodeDigits, CodeTTL: bank.Challenge.TTL.Std(),
			Attempts: bank.Challenge.Attempts, ResendAfter: bank.Challenge.ResendAfter.Std(),
			SignsPerDay: bank.Challenge.SignsPerDay, Classes: bank.Accounts.Classes,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func sign(t *testing.T, l *ledger.Ledger, number string, c ledger.Customer) {
	t.Helper()
	card := c.Cards[0]
	request := ledger.Request{Channel: "nucc", Number: number, Institution: "Z2000000000001"}
	id := ledger.Identity{
		Card: secret.NewCard(card.Number), Name: secret.NewName(c.Name), DocumentType: c.Document.Type,
		Document: secret.NewDocument(c.Document.Number), Mobile: secret.NewMobile(c.Mobile),
		CVV: secret.NewCVV(card.CVV), Expiry: secret.NewExpiry(card.Expiry),
	}
	if a, err := l.Apply(t.Context(), ledger.Apply{Request: request, Identity: id}); err != nil || a.Refusal != "" {
		t.Fatalf("apply: %+v, %v", a, err)
	}
	m, err := l.Messages(t.Context(), c.Mobile, 1)
	if err != nil || len(m) != 1 {
		t.Fatalf("messages: %d, %v", len(m), err)
	}
	a, err := l.Confirm(t.Context(), ledger.Confirm{Request: request, Identity: id, Code: secret.NewCode(m[0].Code), Account: "u1"})
	if err != nil || a.Refusal != "" || a.Agreement == "" {
		t.Fatalf("confirm: %+v, %v", a, err)
	}
}
