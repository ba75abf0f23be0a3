package ledger_test

import (
	"errors"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/secret"
)

func reverse(t testing.TB, l *ledger.Ledger, number, of, original string) ledger.Answer {
	t.Helper()
	a, err := l.Reverse(t.Context(), ledger.Reverse{Request: request(number), Of: of, Original: original})
	if err != nil {
		t.Fatalf("reverse: %v", err)
	}
	return a
}

// own confirms under a number of its own.
func own(t testing.TB, l *ledger.Ledger, number, of, code, account string) ledger.Answer {
	t.Helper()
	a, err := l.Confirm(t.Context(), ledger.Confirm{
		Request: request(number), Of: of, Identity: identity(one()), Code: secret.NewCode(code), Account: account,
	})
	if err != nil {
		t.Fatalf("confirm: %v", err)
	}
	return a
}

func TestVerifyCountsNothing(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{Now: clock.Now})
	verify := func(id ledger.Identity) ledger.Answer {
		a, err := l.Verify(t.Context(), ledger.Verify{Request: request("v1"), Identity: id})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for i, o := range objections() {
		c := numbered(i + 1)
		var id ledger.Identity
		object(&c, &id, o)
		if err := l.AddCustomer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := o.refusal
		if want == ledger.ClassRestricted || want == ledger.OnlineNotOpened {
			want = "" // asked when it is signed for
		}
		refusal(t, string(o.refusal), verify(id), want)
	}
	c := numbered(90)
	if err := l.AddCustomer(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for range 30 { // more than a card may sign in a day
		if a := verify(identity(c)); a.Refusal != "" || a.Class != "I" || a.CardType != "debit" || a.Repeated {
			t.Fatalf("%+v", a)
		}
	}
	refusal(t, "apply after many verifications", apply(t, l, "n1", identity(c)), "")
	if m, err := l.Messages(t.Context(), "", 0); err != nil || len(m) != 1 {
		t.Errorf("%d messages, %v: only the apply sends one", len(m), err)
	}
}

func TestAConfirmWithANumberOfItsOwn(t *testing.T) {
	l := open(t, ledger.Config{People: only(one()), Now: newClock().Now})
	refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
	code := latestCode(t, l, one())
	refusal(t, "for no apply", own(t, l, "c0", "n0", code, "u1"), ledger.NoSuchCode)
	refusal(t, "wrong", own(t, l, "c1", "n1", "000000", "u1"), ledger.CodeWrong)
	signed := own(t, l, "c2", "n1", code, "u1")
	refusal(t, "right", signed, "")
	if again := own(t, l, "c2", "n1", code, "u1"); again.Agreement != signed.Agreement || !again.Repeated {
		t.Errorf("repeated: %+v", again)
	}
	refusal(t, "another number for the used code", own(t, l, "c3", "n1", code, "u1"), ledger.CodeUsed)
	refusal(t, "its number for another apply", own(t, l, "c2", "n2", code, "u1"), ledger.ElementsChanged)
}

func TestReverseAnApply(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
	code := latestCode(t, l, one())
	refusal(t, "reversed", reverse(t, l, "r1", "apply", "n1"), "")
	if again := reverse(t, l, "r1", "apply", "n1"); again.Refusal != "" || !again.Repeated {
		t.Errorf("the same reversal again: %+v", again)
	}
	refusal(t, "another reversal of it", reverse(t, l, "r2", "apply", "n1"), "")
	refusal(t, "the reversal's number for another original", reverse(t, l, "r1", "apply", "n9"), ledger.ElementsChanged)
	refusal(t, "its code", own(t, l, "c1", "n1", code, "u1"), ledger.CodeUsed)
	refusal(t, "the original again", apply(t, l, "n1", identity(one())), ledger.Reversed)
	clock.forward(time.Minute)
	refusal(t, "a new one", apply(t, l, "n2", identity(one())), "")
	refusal(t, "and its code", own(t, l, "c2", "n2", latestCode(t, l, one()), "u1"), "")
	refusal(t, "an apply whose code did its work", reverse(t, l, "r3", "apply", "n2"), "")
	if got := agreements(t, l, ""); len(got) != 1 || got[0].State != "signed" {
		t.Errorf("reversing an apply ends no agreement: %+v", got)
	}
}

func TestReverseAConfirm(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	sign := func(number, account string) string {
		t.Helper()
		clock.forward(time.Minute)
		refusal(t, "apply", apply(t, l, "a"+number, identity(one())), "")
		a := own(t, l, number, "a"+number, latestCode(t, l, one()), account)
		refusal(t, "confirm", a, "")
		return a.Agreement
	}
	first := sign("c1", "u1")
	clock.forward(time.Second)
	if a := reverse(t, l, "r1", "confirm", "c1"); a.Refusal != "" || a.Agreement != first {
		t.Errorf("%+v", a)
	}
	if got := agreements(t, l, ""); len(got) != 1 || got[0].State != "invalidated" || !got[0].At.Equal(clock.now) {
		t.Errorf("%+v", got)
	}
	if a, ok, err := l.Recall(t.Context(), "nucc", "confirm", "c1"); err != nil || !ok || a.Refusal != ledger.Reversed {
		t.Errorf("recalled: %+v, %v, %v", a, ok, err)
	}
	refusal(t, "unsign what was reversed", unsign(t, l, "u1", first, "0001"), ledger.AlreadyUnsigned)

	// Two signings of one card and account have one agreement, and it ends with the second.
	second := sign("c2", "u1")
	if third := sign("c3", "u1"); third != second || second == first {
		t.Fatalf("agreements %s, %s, %s", first, second, third)
	}
	if a := reverse(t, l, "r2", "confirm", "c2"); a.Refusal != "" || a.Agreement != "" {
		t.Errorf("%+v", a)
	}
	if got := agreements(t, l, ""); got[0].State != "signed" {
		t.Errorf("it ended while another signing holds it: %+v", got[0])
	}
	if a := reverse(t, l, "r3", "confirm", "c3"); a.Refusal != "" || a.Agreement != second {
		t.Errorf("%+v", a)
	}
	if got := agreements(t, l, ""); got[0].State != "invalidated" {
		t.Errorf("%+v", got[0])
	}
}

// What overtakes its original on the way is remembered, so that the original does nothing when it comes.
func TestReversalBeforeItsOriginal(t *testing.T) {
	l := open(t, ledger.Config{People: only(one()), Now: newClock().Now})
	refusal(t, "an apply never seen", reverse(t, l, "r1", "apply", "n1"), ledger.NoOriginal)
	refusal(t, "asked again", reverse(t, l, "r2", "apply", "n1"), ledger.NoOriginal)
	refusal(t, "the apply", apply(t, l, "n1", identity(one())), ledger.Reversed)
	if m, err := l.Messages(t.Context(), "", 0); err != nil || len(m) != 0 {
		t.Errorf("%d messages, %v", len(m), err)
	}
	refusal(t, "another apply", apply(t, l, "n2", identity(one())), "")
	code := latestCode(t, l, one())
	refusal(t, "a confirm never seen", reverse(t, l, "r3", "confirm", "c1"), ledger.NoOriginal)
	refusal(t, "the confirm", own(t, l, "c1", "n2", code, "u1"), ledger.Reversed)
	refusal(t, "another confirm", own(t, l, "c2", "n2", code, "u1"), "")
}

func TestReversalsThatAreRefused(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	for _, of := range []string{"", "unsign", "verify", "reverse"} {
		if _, err := l.Reverse(t.Context(), ledger.Reverse{Request: request("r0"), Of: of, Original: "n1"}); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("%q: %v", of, err)
		}
	}
	refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
	signed := own(t, l, "c1", "n1", latestCode(t, l, one()), "u1")
	other := ledger.Reverse{Request: request("r1"), Of: "confirm", Original: "c1"}
	other.Institution = "Z2000000000002"
	if a, err := l.Reverse(t.Context(), other); err != nil || a.Refusal != ledger.NoOriginal {
		t.Errorf("another institution: %+v, %v", a, err)
	}
	if got := agreements(t, l, ""); len(got) != 1 || got[0].State != "signed" || got[0].Number != signed.Agreement {
		t.Errorf("%+v", got)
	}
	// A refusal has done nothing, and what is reversed can't be tried again.
	clock.forward(time.Minute)
	refusal(t, "apply", apply(t, l, "n2", identity(one())), "")
	refusal(t, "wrong code", own(t, l, "c2", "n2", "000000", "u1"), ledger.CodeWrong)
	refusal(t, "reversed", reverse(t, l, "r2", "confirm", "c2"), "")
	refusal(t, "tried again", own(t, l, "c2", "n2", latestCode(t, l, one()), "u1"), ledger.Reversed)
	refusal(t, "under another number", own(t, l, "c3", "n2", latestCode(t, l, one()), "u1"), "")
}
