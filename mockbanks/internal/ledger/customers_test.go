package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"

	"github.com/google/go-cmp/cmp"
)

func TestCustomersInPages(t *testing.T) {
	clock := newClock()
	second := credit(numbered(1))
	second.Cards = append(second.Cards, ledger.Card{Number: "6228480000000008888", Type: "debit", Class: "II", State: "lost"})
	all := []ledger.Customer{numbered(0), second, numbered(2), numbered(3), numbered(4)}
	all[2].Cards[0].State = "frozen"
	l := open(t, ledger.Config{People: only(all...), Now: clock.Now})

	var got []ledger.Customer
	pages, cursor := 0, ""
	for {
		found, next, err := l.Customers(t.Context(), ledger.Filter{Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		got, cursor, pages = append(got, found...), next, pages+1
		if next == "" {
			break
		}
	}
	if diff := cmp.Diff(all, got); diff != "" || pages != 3 {
		t.Errorf("%d pages, and they differ from what was put in:\n%s", pages, diff)
	}

	of := func(f ledger.Filter) (names string) {
		t.Helper()
		found, _, err := l.Customers(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			names += c.Cards[0].Number[18:]
		}
		return names
	}
	if got := of(ledger.Filter{Kind: "credit"}); got != "1" {
		t.Errorf("credit customers: %s", got)
	}
	// Whoever waits for a code is being bound, until the code and the pause are over.
	refusal(t, "apply", apply(t, l, "n0", identity(all[0])), "")
	if got := of(ledger.Filter{Unbound: true}); got != "1234" {
		t.Errorf("unbound while one waits for a code: %s", got)
	}
	clock.forward(5 * time.Minute)
	// Whoever has a signed agreement is bound, until it ends.
	refusal(t, "apply", apply(t, l, "n1", identity(all[3])), "")
	signed := confirm(t, l, "n1", identity(all[3]), latestCode(t, l, all[3]))
	if got := of(ledger.Filter{Unbound: true, Kind: "debit"}); got != "024" {
		t.Errorf("unbound: %s", got)
	}
	clock.forward(time.Second)
	refusal(t, "unsign", unsign(t, l, "u1", signed.Agreement, "0003"), "")
	if got := of(ledger.Filter{Unbound: true}); got != "01234" {
		t.Errorf("unbound after the end: %s", got)
	}

	for _, f := range []ledger.Filter{{Limit: -1}, {Limit: 1001}, {Cursor: "x"}, {Cursor: "-1"}, {Kind: "gold"}} {
		if _, _, err := l.Customers(t.Context(), f); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestAgreementsInPages(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: people(5), Now: clock.Now})
	var signed []string
	for i := range 5 {
		n, c := fmt.Sprint("n", i), numbered(i)
		refusal(t, "apply", apply(t, l, n, identity(c)), "")
		signed = append([]string{confirm(t, l, n, identity(c), latestCode(t, l, c)).Agreement}, signed...)
	}
	var got []string
	cursor := ""
	for range 3 {
		found, next, err := l.Agreements(t.Context(), ledger.AgreementFilter{Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found {
			got = append(got, a.Number)
		}
		cursor = next
	}
	if diff := cmp.Diff(signed, got); diff != "" || cursor != "" {
		t.Errorf("cursor %q, pages differ:\n%s", cursor, diff)
	}
	if _, _, err := l.Agreements(t.Context(), ledger.AgreementFilter{Limit: 1001}); !errors.Is(err, ledger.ErrInvalid) {
		t.Errorf("limit: %v", err)
	}
}

func TestAddCustomer(t *testing.T) {
	l := open(t, ledger.Config{People: only(one()), Now: newClock().Now})
	added := numbered(2)
	added.Cards[0].Class, added.Cards[0].State = "", ""
	if err := l.AddCustomer(t.Context(), added); err != nil {
		t.Fatal(err)
	}
	refusal(t, "the new customer", apply(t, l, "n1", identity(added)), "")
	found, _, err := l.Customers(t.Context(), ledger.Filter{Cursor: "1"})
	if diff := cmp.Diff([]ledger.Customer{numbered(2)}, found); err != nil || diff != "" {
		t.Errorf("%v, defaults: %s", err, diff)
	}
	partly := numbered(3)
	partly.Cards = append(partly.Cards, one().Cards...)
	if err := l.AddCustomer(t.Context(), partly); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("a card that exists: %v", err)
	}
	refusal(t, "the customer who was not taken", apply(t, l, "n2", identity(partly)), ledger.NoSuchCard)

	for field, spoil := range map[string]func(*ledger.Customer){
		"kind":                    func(c *ledger.Customer) { c.Kind = "gold" },
		"name":                    func(c *ledger.Customer) { c.Name = strings.Repeat("张", 101) },
		"document.type":           func(c *ledger.Customer) { c.Document.Type = "library card" },
		"document.number":         func(c *ledger.Customer) { c.Document.Number = "" },
		"mobile":                  func(c *ledger.Customer) { c.Mobile = "13800000003" },
		"email":                   func(c *ledger.Customer) { c.Email = strings.Repeat("a", 255) },
		"cards":                   func(c *ledger.Customer) { c.Cards = nil },
		"cards[0].number":         func(c *ledger.Customer) { c.Cards[0].Number = "622848" },
		"cards[0].type":           func(c *ledger.Customer) { c.Cards[0].Type = "gift" },
		"cards[0].class":          func(c *ledger.Customer) { c.Cards[0].Class = "IV" },
		"cards[0].cvv":            func(c *ledger.Customer) { c.Cards[0].CVV = "12a" },
		"cards[0].expiry":         func(c *ledger.Customer) { c.Cards[0].Expiry = "08/29" },
		"cards[0].cvv and expiry": func(c *ledger.Customer) { *c = credit(*c); c.Cards[0].CVV = "" },
		"cards[0].state":          func(c *ledger.Customer) { c.Cards[0].State = "melted" },
		"cards[1].number":         func(c *ledger.Customer) { c.Cards = append(c.Cards, c.Cards[0]) },
	} {
		c := numbered(9)
		spoil(&c)
		err := l.AddCustomer(t.Context(), c)
		if !errors.Is(err, ledger.ErrInvalid) || !strings.Contains(err.Error(), " "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
		if err != nil && strings.Contains(err.Error(), "6228480000000000009") {
			t.Errorf("%s: the error quotes the card", field)
		}
	}
}
