package ledger_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/secret"
)

// objection is one thing that is wrong with a customer or with what a request
// says. Their order here is the order in which an issuer comes to them.
type objection struct {
	refusal  ledger.Refusal
	customer func(*ledger.Customer) // how the bank knows the customer
	given    func(*ledger.Identity) // what the request says
}

func card(change func(*ledger.Card)) func(*ledger.Customer) {
	return func(c *ledger.Customer) { change(&c.Cards[0]) }
}

func inState(state string) func(*ledger.Customer) {
	return card(func(k *ledger.Card) { k.State = state })
}

// objections leave out what needs a history (signs_exceeded, too_soon).
func objections() []objection {
	return []objection{
		{ledger.NoSuchCard, nil, func(id *ledger.Identity) { id.Card = secret.NewCard("6228480000000009999") }},
		{ledger.NoSuchCard, nil, func(id *ledger.Identity) { id.CardType = "credit" }},
		{ledger.CardClosed, inState("closed"), nil},
		{ledger.CardLost, inState("lost"), nil},
		{ledger.CardLocked, inState("locked"), nil},
		{ledger.CardFrozen, inState("frozen"), nil},
		{ledger.CardExpired, card(func(k *ledger.Card) { k.Expiry = "2026-10" }), nil},
		{ledger.NameMismatch, nil, func(id *ledger.Identity) { id.Name = secret.NewName("张三丰") }},
		{ledger.DocumentTypeMismatch, nil, func(id *ledger.Identity) { id.DocumentType = "passport" }},
		{ledger.DocumentMismatch, nil, func(id *ledger.Identity) { id.Document = secret.NewDocument("110105194912310038") }},
		{ledger.NoMobile, func(c *ledger.Customer) { c.Mobile = "" }, nil},
		{ledger.MobileMismatch, nil, func(id *ledger.Identity) { id.Mobile = secret.NewMobile("+8613900000000") }},
		{ledger.CVVMismatch, nil, func(id *ledger.Identity) { id.CVV = secret.NewCVV("999") }},
		{ledger.ExpiryMismatch, nil, func(id *ledger.Identity) { id.Expiry = secret.NewExpiry("2031-01") }},
		{ledger.ClassRestricted, card(func(k *ledger.Card) { k.Class = "III" }), nil},
		{ledger.OnlineNotOpened, card(func(k *ledger.Card) { k.OnlinePayment = false }), nil},
	}
}

// exclude says which pairs cannot both be true of one card: it has one state.
func exclude(a, b objection) bool {
	states := map[ledger.Refusal]bool{
		ledger.CardClosed: true, ledger.CardLost: true, ledger.CardLocked: true, ledger.CardFrozen: true,
	}
	return states[a.refusal] && states[b.refusal]
}

func object(c *ledger.Customer, id *ledger.Identity, by ...objection) {
	for _, o := range by {
		if o.customer != nil {
			o.customer(c)
		}
	}
	*id = identity(*c)
	for _, o := range by {
		if o.given != nil {
			o.given(id)
		}
	}
}

func TestEachRefusalAloneAndInPairs(t *testing.T) {
	l := open(t, ledger.Config{Now: newClock().Now})
	n := 0
	ask := func(by ...objection) ledger.Answer {
		n++
		c := numbered(n)
		var id ledger.Identity
		object(&c, &id, by...)
		if err := l.AddCustomer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return apply(t, l, "n"+strconv.Itoa(n), id)
	}
	refusal(t, "nothing wrong", ask(), "")
	all := objections()
	for i, first := range all {
		refusal(t, "alone", ask(first), first.refusal)
		for _, second := range all[i+1:] {
			if exclude(first, second) {
				continue
			}
			refusal(t, string(first.refusal)+" and "+string(second.refusal), ask(second, first), first.refusal)
		}
	}
	messages, err := l.Messages(t.Context(), "", 1000)
	if err != nil || len(messages) != 1 {
		t.Errorf("%d messages, %v: only the request without fault sends one", len(messages), err)
	}
}

func TestCreditAndVirtualCards(t *testing.T) {
	clock := newClock()
	virtual := numbered(3)
	virtual.Kind, virtual.Cards[0].Type, virtual.Cards[0].CVV, virtual.Cards[0].Expiry = "virtual", "virtual", "123", "2029-08"
	barred := numbered(4)
	barred.Kind, barred.Cards[0].Type, barred.Cards[0].OnlinePayment = "virtual", "virtual", false
	last := credit(numbered(5))
	last.Cards[0].Expiry = "2026-11"
	c := credit(numbered(1))
	l := open(t, ledger.Config{People: only(c, credit(numbered(2)), virtual, barred, last), Now: clock.Now})
	without := func(c ledger.Customer, change func(*ledger.Identity)) ledger.Identity {
		id := identity(c)
		change(&id)
		return id
	}
	noCVV, noExpiry := func(id *ledger.Identity) { id.CVV = secret.CVV{} }, func(id *ledger.Identity) { id.Expiry = secret.Expiry{} }
	for i, test := range []struct {
		what string
		id   ledger.Identity
		want ledger.Refusal
	}{
		{"credit without CVV", without(c, noCVV), ledger.CVVMismatch},
		{"credit without expiry", without(c, noExpiry), ledger.ExpiryMismatch},
		{"credit", identity(c), ""},
		{"virtual with another CVV", without(virtual, func(id *ledger.Identity) { id.CVV = secret.NewCVV("124") }), ledger.CVVMismatch},
		{"virtual without CVV and expiry", without(virtual, func(id *ledger.Identity) { noCVV(id); noExpiry(id) }), ""},
		{"virtual without permission", identity(barred), ledger.TradingNotPermitted},
		{"credit in its last month", identity(last), ""},
	} {
		refusal(t, test.what, apply(t, l, "n"+strconv.Itoa(i), test.id), test.want)
	}
	// The month is over in Beijing while it is still November in London.
	clock.now = time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC)
	refusal(t, "credit after its last month", apply(t, l, "n9", identity(last)), ledger.CardExpired)
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		held, given string
		same        bool
	}{
		{"张三", "张三", true},
		{"张三", " 张 三　", true},
		{"张三", "ZHANG SAN", false},
		{"张三", "", false},
		{"张三", "三张", false},
		{"买买提·古丽", "买买提•古丽", true},
		{"买买提·古丽", "买买提・古丽", true},
		{"买买提·古丽", "买买提‧古丽", true},
		{"买买提·古丽", "买买提古丽", false},
		{"𬱖", "𬱖", true},
		{"SMITH JOHN", "smith john", true},
		{"SMITH JOHN", "ＳＭＩＴＨ　ＪＯＨＮ", true},
		{"SMITH JOHN", "SmithJohn", true},
		{"SMITH JOHN", "JOHN SMITH", false},
		{"SMITH-JONES MARY", "Smith Jones Mary", true},
		{"O'NEILL ANNA", "ONEILL ANNA", false},
		{"杭州A-B科技", "杭州AB科技", false},
	} {
		c := one()
		c.Name = test.held
		l := open(t, ledger.Config{People: only(c), Now: newClock().Now})
		id := identity(c)
		id.Name = secret.NewName(test.given)
		want := ledger.Refusal("")
		if !test.same {
			want = ledger.NameMismatch
		}
		refusal(t, test.held+" and "+test.given, apply(t, l, "n1", id), want)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDocumentsWithoutCase(t *testing.T) {
	l := open(t, ledger.Config{People: only(one()), Now: newClock().Now})
	id := identity(one())
	id.Document = secret.NewDocument("11010519491231002x")
	refusal(t, "a small x", apply(t, l, "n1", id), "")
}

func TestPaceOfCodes(t *testing.T) {
	clock, rules := newClock(), terms()
	rules.SignsPerDay = 3
	first, second := numbered(1), numbered(2)
	second.Mobile = first.Mobile
	l := open(t, ledger.Config{Terms: rules, People: only(first, second), Now: clock.Now})
	id := identity(first)

	refusal(t, "first", apply(t, l, "n1", id), "")
	clock.forward(59 * time.Second)
	refusal(t, "inside the pause", apply(t, l, "n2", id), ledger.TooSoon)
	refusal(t, "another card of this mobile", apply(t, l, "n3", identity(second)), ledger.TooSoon)
	elsewhere := ledger.Apply{Request: request("n4"), Identity: identity(second)}
	elsewhere.Institution = "Z2000000000002"
	if a, err := l.Apply(t.Context(), elsewhere); err != nil || a.Refusal != "" {
		t.Errorf("another institution: %+v, %v", a, err)
	}
	clock.forward(time.Second)
	refusal(t, "after the pause", apply(t, l, "n5", id), "")
	clock.forward(time.Minute)
	refusal(t, "third", apply(t, l, "n6", id), "")
	refusal(t, "fourth, inside the pause as well", apply(t, l, "n7", id), ledger.SignsExceeded)
	clock.forward(time.Minute)
	refusal(t, "fourth", apply(t, l, "n8", id), ledger.SignsExceeded)
	clock.now = time.Date(2026, 11, 24, 0, 0, 0, 0, time.FixedZone("", 8*3600))
	refusal(t, "the next bank day", apply(t, l, "n9", id), "")
	if a := confirm(t, l, "n9", id, latestCode(t, l, first)); a.Refusal != "" {
		t.Fatalf("confirm: %+v", a)
	}
	refusal(t, "at once after a code that did its work", apply(t, l, "n10", id), "")
}

func TestSameNumberSameAnswer(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	wrong := identity(one())
	wrong.Name = secret.NewName("李四")
	refusal(t, "refused", apply(t, l, "n1", wrong), ledger.NameMismatch)
	clock.forward(time.Hour)
	again := apply(t, l, "n1", wrong)
	refusal(t, "refused, repeated", again, ledger.NameMismatch)
	if !again.Repeated || !again.At.Equal(clock.now.Add(-time.Hour)) {
		t.Errorf("not the first answer: %+v", again)
	}
	refusal(t, "the number for another request", apply(t, l, "n1", identity(one())), ledger.ElementsChanged)
	sent := apply(t, l, "n2", identity(one()))
	if again := apply(t, l, "n2", identity(one())); again.Refusal != "" || !again.Repeated || again.Class != sent.Class {
		t.Errorf("repeated: %+v", again)
	}
	if m, err := l.Messages(t.Context(), "", 0); err != nil || len(m) != 1 {
		t.Errorf("%d messages, %v: a repetition must not send another", len(m), err)
	}
}

func TestConfirmRefusals(t *testing.T) {
	setUp := func(t *testing.T) (*ledger.Ledger, *clock, ledger.Identity, string) {
		clock := newClock()
		l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
		refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
		return l, clock, identity(one()), latestCode(t, l, one())
	}
	t.Run("no such number", func(t *testing.T) {
		l, _, id, code := setUp(t)
		refusal(t, "another number", confirm(t, l, "n2", id, code), ledger.NoSuchCode)
		other := ledger.Confirm{Request: request("n1"), Identity: id, Code: secret.NewCode(code)}
		other.Institution = "Z2000000000002"
		if a, err := l.Confirm(t.Context(), other); err != nil || a.Refusal != ledger.NoSuchCode {
			t.Errorf("another institution: %+v, %v", a, err)
		}
		refusal(t, "the right one afterwards", confirm(t, l, "n1", id, code), "")
	})
	t.Run("the third wrong code locks", func(t *testing.T) {
		l, _, id, code := setUp(t)
		refusal(t, "first", confirm(t, l, "n1", id, "000000"), ledger.CodeWrong)
		refusal(t, "second", confirm(t, l, "n1", id, ""), ledger.CodeWrong)
		refusal(t, "third", confirm(t, l, "n1", id, "000000"), ledger.CodeWrong)
		refusal(t, "fourth", confirm(t, l, "n1", id, "000000"), ledger.CodeLocked)
		refusal(t, "right, too late", confirm(t, l, "n1", id, code), ledger.CodeLocked)
	})
	t.Run("a wrong code and then the right one", func(t *testing.T) {
		l, _, id, code := setUp(t)
		refusal(t, "wrong", confirm(t, l, "n1", id, "000000"), ledger.CodeWrong)
		signed := confirm(t, l, "n1", id, code)
		refusal(t, "right", signed, "")
		if signed.Repeated || signed.Agreement == "" {
			t.Errorf("signed: %+v", signed)
		}
	})
	t.Run("age after comparison", func(t *testing.T) {
		l, clock, id, code := setUp(t)
		clock.forward(5 * time.Minute)
		refusal(t, "old and wrong", confirm(t, l, "n1", id, "000000"), ledger.CodeWrong)
		refusal(t, "old and right", confirm(t, l, "n1", id, code), ledger.CodeExpired)
		clock.forward(-time.Millisecond)
		refusal(t, "in its last moment", confirm(t, l, "n1", id, code), "")
	})
	t.Run("superseded", func(t *testing.T) {
		l, clock, id, code := setUp(t)
		clock.forward(time.Minute)
		refusal(t, "another code", apply(t, l, "n2", id), "")
		refusal(t, "the earlier one", confirm(t, l, "n1", id, code), ledger.CodeUsed)
		refusal(t, "the later one", confirm(t, l, "n2", id, latestCode(t, l, one())), "")
	})
	t.Run("elements", func(t *testing.T) {
		l, _, id, code := setUp(t)
		for what, change := range map[string]func(*ledger.Identity){
			"card":          func(id *ledger.Identity) { id.Card = secret.NewCard("6228480000000000002") },
			"name":          func(id *ledger.Identity) { id.Name = secret.NewName("张 三") },
			"document type": func(id *ledger.Identity) { id.DocumentType = "passport" },
			"document":      func(id *ledger.Identity) { id.Document = secret.NewDocument("11010519491231002x") },
			"mobile":        func(id *ledger.Identity) { id.Mobile = secret.Mobile{} },
		} {
			changed := id
			change(&changed)
			refusal(t, what, confirm(t, l, "n1", changed, "000000"), ledger.ElementsChanged)
		}
		signed := confirm(t, l, "n1", id, code)
		refusal(t, "a changed element counts as no wrong code", signed, "")
		id.Name = secret.NewName("李四")
		refusal(t, "changed after success", confirm(t, l, "n1", id, code), ledger.ElementsChanged)
	})
}

func TestOneLiveAgreement(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	sign := func(number, account string) string {
		t.Helper()
		clock.forward(time.Minute)
		refusal(t, number, apply(t, l, number, identity(one())), "")
		a, err := l.Confirm(t.Context(), ledger.Confirm{
			Request: request(number), Identity: identity(one()), Account: account, Code: secret.NewCode(latestCode(t, l, one())),
		})
		if err != nil || a.Refusal != "" {
			t.Fatalf("%s: %+v, %v", number, a, err)
		}
		return a.Agreement
	}
	first := sign("n1", "u1")
	if sign("n2", "u1") != first {
		t.Error("a second signing of the same card and account has a number of its own")
	}
	if sign("n3", "u2") == first {
		t.Error("another wallet account has the same agreement")
	}
	revoked, err := l.Revoke(t.Context(), first)
	if err != nil || revoked.State != "unsigned" || revoked.Number != first || !revoked.At.Equal(clock.now) {
		t.Errorf("revoked: %+v, %v", revoked, err)
	}
	refusal(t, "unsign what the bank revoked", unsign(t, l, "u1", first, "0001"), ledger.AlreadyUnsigned)
	later := sign("n4", "u1")
	if later == first {
		t.Error("an ended agreement's number is given again")
	}
	invalid, err := l.Invalidate(t.Context(), later)
	if err != nil || invalid.State != "invalidated" {
		t.Errorf("invalidated: %+v, %v", invalid, err)
	}
	if again, err := l.Revoke(t.Context(), later); err != nil || again.State != "invalidated" {
		t.Errorf("what has ended is changed: %+v, %v", again, err)
	}
	if _, err := l.Revoke(t.Context(), "ABC1"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("no such agreement: %v", err)
	}
	if got := agreements(t, l, one().Cards[0].Number); len(got) != 3 || got[0].Number != later {
		t.Errorf("%d agreements, want 3, newest first", len(got))
	}
}
