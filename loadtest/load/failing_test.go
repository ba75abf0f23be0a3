package load

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kaqiao/loadtest/control"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

var phones = profiles.Terminal{Android: "5.0", IOS: "10.0", Harmony: "2.0"}

// city has enough people of every kind, virtual cards with and without
// permission in turn, and takes new customers; a number whose last digit is 7 is taken already.
type city struct{ enrolled map[string]control.Customer }

func (c *city) Customers(_ context.Context, bank, kind, cursor string, limit int) ([]control.Customer, string, error) {
	people := crowd(2_000)
	for i := range people {
		card := &people[i].Cards[0]
		card.Number = secret.NewCard(bank + kind)
		if kind == "debit" {
			card.Number = secret.NewCard("6228480402564890018")
		}
		card.OnlinePayment = kind != "virtual" || i%2 == 0
		card.CVV, card.Expiry = secret.NewCVV("129"), secret.NewExpiry("2031-12")
	}
	from, _ := strconv.Atoi(cursor)
	to := min(len(people), from+limit)
	return people[from:to], strconv.Itoa(to), nil
}

func (c *city) Enrol(_ context.Context, bank, state string, one control.Customer) error {
	number := one.Cards[0].Number.Reveal()
	if strings.HasSuffix(number, "7") {
		return &control.RefusalError{Status: 409, Code: "exists"}
	}
	c.enrolled[bank+" "+state+" "+number] = one
	return nil
}

func sixBanks() (banks []control.Bank, weights []float64) {
	for _, id := range []string{"abc", "icbc", "ccb"} {
		banks = append(banks, control.Bank{ID: id, Tier: "state"})
	}
	for _, id := range []string{"bob", "nbcb", "njcb"} {
		banks = append(banks, control.Bank{ID: id, Tier: "city"})
	}
	return banks, []float64{1, 1, 1, 1, 1, 1}
}

func plannedFor(t *testing.T, f Failing, seed uint64, n int) []Subject {
	t.Helper()
	banks, weights := sixBanks()
	f.Terminal = phones
	plan, err := Choice{Seed: seed, Failing: f}.Plan(t.Context(), &city{map[string]control.Customer{}}, banks, weights, n)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestMixIsKeptExactlyAndBanksInTroubleAreNobodyElses(t *testing.T) {
	plan := plannedFor(t, Failing{Part: 0.5}, 1, 1_000)
	count, tiers := map[string]int{}, map[string]bool{}
	apart := Apart(plan)
	for _, s := range plan {
		if s.Planned == nil {
			count["none"]++
		} else {
			count[s.Planned.Want.Category]++
		}
		if p := apart[s.Bank]; p != nil && p != s.Planned {
			t.Fatalf("bank %s plays %s and serves %v", s.Bank, p.Kind, s.Planned)
		}
	}
	if count["none"] != 500 || count[Information] != 210 || count[BankTrouble] != 175 || count[Terminal] != 115 {
		t.Errorf("planned are %v", count)
	}
	banks, _ := sixBanks()
	for _, b := range banks {
		if apart[b.ID] != nil {
			tiers[b.Tier] = true
		}
	}
	if len(apart) != 3 || len(tiers) != 2 {
		t.Errorf("%d of 6 banks are set aside, of %d tiers", len(apart), len(tiers))
	}
}

func TestPlanOfFailuresIsOfItsSeed(t *testing.T) {
	shape := func(seed uint64) (s []string) {
		for _, one := range plannedFor(t, Failing{Part: 0.7, Mix: []Weighted{{Account, 1}, {BankTrouble, 1}, {Information, 1}}}, seed, 200) {
			kind := ""
			if one.Planned != nil {
				kind = one.Planned.Kind
			}
			s = append(s, one.Bank+" "+one.Kind+" "+kind+" "+one.Card().Number.Reveal())
		}
		return s
	}
	if !slices.Equal(shape(3), shape(3)) {
		t.Error("one seed gives two plans")
	}
	if slices.Equal(shape(3), shape(4)) {
		t.Error("two seeds give one plan")
	}
}

func TestAccountsThatRefuseAreFoundOrMade(t *testing.T) {
	farm := &city{map[string]control.Customer{}}
	banks, weights := sixBanks()
	c := Choice{Failing: Failing{Part: 1, Mix: []Weighted{{Account, 1}}, Terminal: phones}}
	plan, err := c.Plan(t.Context(), farm, banks, weights, 60)
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, s := range plan {
		switch s.Planned.Kind {
		case "class_iii":
			if s.Kind != "class_iii" {
				t.Errorf("a class III account is a customer of kind %s", s.Kind)
			}
		case "virtual":
			if s.Kind != "virtual" || s.Card().OnlinePayment {
				t.Error("a virtual card that may pay was picked")
			}
		default:
			made++
			one, known := farm.enrolled[s.Bank+" "+s.Planned.from.newState+" "+s.Card().Number.Reveal()]
			if !known || one.Cards[0].OnlinePayment != (s.Planned.Kind != "not_opened") {
				t.Errorf("the bank does not know of the customer for %s", s.Planned.Kind)
			}
			if n := s.Card().Number.Reveal(); n[:kept] != "6228480402" || len(n) != 19 {
				t.Error("a new card is of another issuer")
			}
		}
	}
	if made != 40 || len(farm.enrolled) != 40 {
		t.Errorf("%d of 60 customers are new, the bank has %d", made, len(farm.enrolled))
	}
}

func TestPlansThatCannotBeAreRefused(t *testing.T) {
	banks, weights := sixBanks()
	for name, c := range map[string]Choice{
		"one bank":        {Failing: Failing{Part: 1}},
		"kind that fails": {Failing: Failing{Part: 1}, Mix: []Weighted{{"class_iii", 1}}},
	} {
		n := 6
		if name == "one bank" {
			n = 1
		}
		if _, err := c.Plan(t.Context(), &city{}, banks[:n], weights[:n], 10); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, f := range []Failing{{Part: 1.1}, {Part: 1, Mix: []Weighted{{"weather", 1}}}} {
		if f.Check() == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

func TestWhatIsSpoiltIsWrongInOneWayAndStaysWellFormed(t *testing.T) {
	for _, who := range []control.Customer{
		{Name: secret.NewName("阿卜杜拉·安"), Document: control.Document{Type: "resident_id", Number: secret.NewDocument("11010519491231002X")}},
		{Name: secret.NewName("O'NEILL LAN"), Document: control.Document{Type: "passport", Number: secret.NewDocument("E12345679")}},
	} {
		who.Mobile = secret.NewMobile("+8613800138009")
		who.Cards = []control.Card{{Number: secret.NewCard("6228480402564890018"), CVV: secret.NewCVV("999"), Expiry: secret.NewExpiry("2029-08")}}
		for _, p := range Catalogue(phones) {
			if p.spoil == nil {
				continue
			}
			given := who
			w := Wallet{Subject: Subject{Customer: &given}}
			p.spoil(&w)
			if p.Want.Category == Terminal {
				if w.Phone == (Phone{}) || w.Phone == today() {
					t.Errorf("%s: the phone is one that every platform takes", p.Kind)
				}
				continue
			}
			if said(given) != said(who) {
				t.Errorf("%s changes the plan's own customer", p.Kind)
			}
			was, is := strings.Split(said(who), "|"), strings.Split(said(*w.Subject.Customer), "|")
			changed := 0
			for i := range was {
				if was[i] != is[i] {
					changed++
				}
			}
			if changed != 1 {
				t.Errorf("%s changes %d elements of %v", p.Kind, changed, who.Document.Type)
			}
			if len(is[1]) == len("resident_id ")+18 && is[1] != was[1] && checkCharacter(is[1][12:29]) != is[1][29:] {
				t.Errorf("%s makes a document of the wrong form", p.Kind)
			}
		}
	}
}

func said(c control.Customer) string {
	card := c.Cards[0]
	return strings.Join([]string{
		c.Name.Reveal(), c.Document.Type + " " + c.Document.Number.Reveal(), c.Mobile.Reveal(),
		card.Number.Reveal(), card.CVV.Reveal(), card.Expiry.Reveal(),
	}, "|")
}

func TestVersionBefore(t *testing.T) {
	for version, want := range map[string]string{"5.0": "4.9", "10.0": "9.9", "0.3.1": "0.2.9", "1": "0.9", "": "", "0.0": "", "x": ""} {
		if got := before(version); got != want {
			t.Errorf("before %s is %q, want %q", version, got, want)
		}
	}
}

func TestApportionLosesNothing(t *testing.T) {
	for n := range 200 {
		parts, sum := apportion(n, []float64{42, 35, 23}), 0
		for i, w := range []float64{42, 35, 23} {
			sum += parts[i]
			if off := float64(parts[i]) - float64(n)*w/100; off >= 1 || off <= -1 {
				t.Errorf("of %d, %v", n, parts)
			}
		}
		if sum != n {
			t.Errorf("of %d, %v", n, parts)
		}
	}
}

// A plan wants of no bank what it can't do, and expects to hear what its protocol can tell.
func TestPlanKnowsWhatBanksCanTell(t *testing.T) {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set.Bank("icbc").Challenge.Kinds = []string{"email", "phone"}
	set.Bank("nbcb").Challenge.Kinds = []string{"email", "phone"}
	banks, weights := sixBanks()
	for i := range banks {
		banks[i].Protocol = map[string]string{"state": "epcc", "city": "iso8583"}[banks[i].Tier]
	}
	f := Failing{Part: 0.9, Terminal: phones, Banks: set}
	plan, err := Choice{Seed: 5, Failing: f}.Plan(t.Context(), &city{map[string]control.Customer{}}, banks, weights, 2_000)
	if err != nil {
		t.Fatal(err)
	}
	told, at := map[string]bool{}, map[string]int{}
	for _, s := range plan {
		at[s.Bank]++
		p := s.Planned
		if p == nil {
			continue
		}
		if approves := s.Bank == "icbc" || s.Bank == "nbcb"; approves && p.Want.Step == Confirm {
			t.Fatalf("%s is to ask for a code: %s", s.Bank, p.Kind)
		}
		if p.Kind == "wrong_name" || p.Doubt {
			told[banks[s.Lane].Protocol+" "+p.Kind+" "+p.Want.Code+" "+p.End] = true
		}
	}
	for _, want := range []string{"epcc wrong_name name_mismatch failed", "iso8583 wrong_name identity_mismatch failed"} {
		if !told[want] {
			t.Errorf("nobody is to be told %q of %v", want, told)
		}
	}
	for said := range told {
		if strings.HasPrefix(said, "iso8583") && !strings.HasSuffix(said, "failed") {
			t.Errorf("what a bank without a query is in doubt about is undone, and not %q", said)
		}
	}
	apart := Apart(plan)
	for _, b := range banks {
		if n := at[b.ID]; apart[b.ID] == nil && n < 300 {
			t.Errorf("%s has %d of the bindings", b.ID, n)
		}
	}
}
