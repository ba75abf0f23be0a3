package load

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/secret"
)

// town has so many people of each kind at every bank, in pages of at most 7.
type town int

func (n town) Customers(_ context.Context, bank, kind, cursor string, limit int) ([]control.Customer, string, error) {
	from, _ := strconv.Atoi(cursor)
	to := min(int(n), from+min(limit, 7))
	var page []control.Customer
	for i := from; i < to; i++ {
		page = append(page, control.Customer{Cards: []control.Card{{Number: secret.NewCard(fmt.Sprintf("%s/%s/%d", bank, kind, i))}}})
	}
	if to == int(n) {
		return page, "", nil
	}
	return page, strconv.Itoa(to), nil
}

var threeBanks = []control.Bank{{ID: "abc", Tier: "state"}, {ID: "bob", Tier: "city"}, {ID: "hsbc", Tier: "foreign"}}

func TestPlanKeepsWeightsAndNeverPicksAPersonTwice(t *testing.T) {
	c := Choice{Banks: []Weighted{{"abc", 3}, {"city", 1}}, Mix: []Weighted{{"debit", 3}, {"credit", 1}}, Seed: 5}
	banks, weights, err := c.Select(threeBanks)
	if err != nil || len(banks) != 2 {
		t.Fatal(banks, err)
	}
	plan, err := c.Plan(t.Context(), town(400), banks, weights, 400)
	if err != nil {
		t.Fatal(err)
	}
	seen, count := map[string]bool{}, map[string]int{}
	for i, s := range plan {
		if card := s.Card().Number.Reveal(); seen[card] {
			t.Fatalf("%s is bound twice", card)
		} else {
			seen[card] = true
		}
		count[s.Bank]++
		count[s.Kind]++
		if s.Bank != banks[s.Lane].ID {
			t.Fatalf("%s is recorded in lane %d", s.Bank, s.Lane)
		}
		// Evenly spread: after every 4 bindings the weights are kept exactly.
		if (i+1)%4 == 0 && count["abc"] != 3*(i+1)/4 {
			t.Fatalf("after %d bindings, %d at abc", i+1, count["abc"])
		}
	}
	if count["credit"] < 60 || count["credit"] > 140 {
		t.Errorf("%d credit cards of 400, about 100 were asked for", count["credit"])
	}
	again, err := c.Plan(t.Context(), town(400), banks, weights, 400)
	if err != nil {
		t.Fatal(err)
	}
	for i := range plan {
		if plan[i].Kind != again[i].Kind || !plan[i].Card().Number.Equal(again[i].Card().Number) {
			t.Fatalf("the same seed gave another plan at %d", i)
		}
	}
}

func TestPlanSaysWhereThereAreTooFewPeople(t *testing.T) {
	_, err := Choice{}.Plan(t.Context(), town(10), threeBanks, []float64{1, 1, 1}, 31)
	if want := "bank abc has 10 unbound customers of kind debit and 11 are needed: ask for fewer bindings, or start the farm with fresh data"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, _, err := (Choice{Banks: []Weighted{{"abd", 1}}}).Select(threeBanks); err == nil {
		t.Error("a bank that the farm does not have was taken")
	}
}

func TestParseWeights(t *testing.T) {
	got, err := ParseWeights("abc=3, icbc")
	if err != nil || len(got) != 2 || got[0] != (Weighted{"abc", 3}) || got[1] != (Weighted{"icbc", 1}) {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "abc=", "abc=0", "abc=-1", "abc=NaN", "abc,abc", "abc,,icbc", "=3"} {
		if got, err := ParseWeights(bad); err == nil {
			t.Errorf("%q was taken: %v", bad, got)
		}
	}
}

// witness remembers exchanges, newest first, in pages of two.
type witness []control.Exchange

func (w witness) Exchanges(_ context.Context, _, cursor string, _ int) ([]control.Exchange, string, error) {
	from, _ := strconv.Atoi(cursor)
	to := min(from+2, len(w))
	if to == len(w) {
		return w[from:], "", nil
	}
	return w[from:to], strconv.Itoa(to), nil
}

func TestShareSplitsEachTotalByTheBanksOwnRecord(t *testing.T) {
	r := NewRecorder(1)
	r.Answered(0, Apply, 310*time.Millisecond, Answer{BankNumber: "1"})
	r.Answered(0, Confirm, 520*time.Millisecond, Answer{BankNumber: "1"}) // the same number, another operation
	r.Answered(0, Apply, 400*time.Millisecond, Answer{BankNumber: "2"})   // the farm has forgotten it
	r.Answered(0, Apply, 2*time.Millisecond, Answer{Code: "validation"})  // no bank was asked
	w := witness{
		{Operation: "query", Number: "1", TookMS: 9},
		{Operation: "confirm", Number: "1", TookMS: 500},
		{Operation: "apply", Number: "1", TookMS: 300},
		{Operation: "apply", Number: "9", TookMS: 77},
	}
	if err := r.Share(t.Context(), w, threeBanks[:1]); err != nil {
		t.Fatal(err)
	}
	got := r.Tallies()[0]
	apply, confirm := got.Steps[Apply], got.Steps[Confirm]
	if apply.Joinable != 2 || apply.Total.Count() != 1 || confirm.Joinable != 1 || confirm.Total.Count() != 1 {
		t.Fatalf("apply: %d of %d joined; confirm: %d of %d", apply.Total.Count(), apply.Joinable, confirm.Total.Count(), confirm.Joinable)
	}
	about(t, "apply's bank", apply.Bank.Max(), 300*time.Millisecond)
	about(t, "apply's gateway", apply.Gateway.Max(), 10*time.Millisecond)
	about(t, "confirm's bank", confirm.Bank.Max(), 500*time.Millisecond)
	about(t, "confirm's gateway", confirm.Gateway.Max(), 20*time.Millisecond)
}

func TestRingKeepsTheNewest(t *testing.T) {
	var r ring
	for i := range remembered + 10 {
		r.put(join{number: strconv.Itoa(i)})
	}
	seen := map[string]bool{}
	for _, j := range r.list {
		seen[j.number] = true
	}
	if len(r.list) != remembered || seen["9"] || !seen["10"] || !seen[strconv.Itoa(remembered+9)] {
		t.Errorf("%d kept, 9: %v, 10: %v", len(r.list), seen["9"], seen["10"])
	}
}
