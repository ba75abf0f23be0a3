package ledger_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
)

func propose(t testing.TB, l *ledger.Ledger, number string, id ledger.Identity, kinds ...string) ledger.Answer {
	t.Helper()
	if kinds == nil {
		kinds = []string{"email", "phone"}
	}
	a, err := l.Propose(t.Context(), ledger.Proposal{Request: request(number), Identity: id, Account: "u_1001", Kinds: kinds})
	if err != nil {
		t.Fatalf("propose: %v", err)
	}
	return a
}

func decide(t testing.TB, l *ledger.Ledger, message string, approve bool, want error) ledger.Case {
	t.Helper()
	c, err := l.Decide(t.Context(), message, approve, "")
	if !errors.Is(err, want) {
		t.Fatalf("decide %s: %+v, %v; want %v", message, c, err, want)
	}
	return c
}

func recall(t testing.TB, l *ledger.Ledger, number string) ledger.Answer {
	t.Helper()
	a, found, err := l.Recall(t.Context(), "nucc", "apply", number)
	if err != nil || !found {
		t.Fatalf("recall %s: %v, %v", number, found, err)
	}
	return a
}

func inbox(t testing.TB, l *ledger.Ledger, to string) []ledger.Message {
	t.Helper()
	m, err := l.Messages(t.Context(), to, 100)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestACaseIsApprovedByAnyOfItsMessages(t *testing.T) {
	clock := newClock()
	var turned []ledger.CaseState
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now, Cases: func(c ledger.Case) { turned = append(turned, c.State) }})
	a := propose(t, l, "n1", identity(one()))
	if a.Refusal != "" || a.Agreement != "" || a.Case.State != ledger.Received || a.Class != "I" ||
		!a.Case.Expires.Equal(clock.now.Add(15*time.Minute)) || !slices.Equal(a.Case.Kinds, []string{"email", "phone"}) {
		t.Fatalf("%+v", a)
	}
	if again := propose(t, l, "n1", identity(one())); !again.Repeated || again.Case.State != ledger.Received {
		t.Errorf("repeated: %+v", again)
	}
	mails, calls := inbox(t, l, one().Email), inbox(t, l, one().Mobile)
	if len(mails) != 1 || len(calls) != 1 || mails[0].Kind != "email" || calls[0].Kind != "phone" || mails[0].Case != ledger.Received {
		t.Fatalf("%+v %+v", mails, calls)
	}
	clock.forward(time.Minute)
	if s := recall(t, l, "n1").Case.State; s != ledger.CallbackScheduled {
		t.Errorf("while they are at it: %s", s)
	}
	first := decide(t, l, calls[0].ID, true, nil)
	clock.forward(time.Hour)
	second := decide(t, l, mails[0].ID, true, nil)
	if first.State != ledger.Approved || first.Agreement.Number == "" || first.Agreement.Account != "u_1001" ||
		second.Agreement.Number != first.Agreement.Number {
		t.Errorf("%+v, %+v", first, second)
	}
	decide(t, l, mails[0].ID, false, ledger.ErrOver)
	if a := recall(t, l, "n1"); a.Refusal != "" || a.Agreement != first.Agreement.Number || a.Case.State != ledger.Approved {
		t.Errorf("%+v", a)
	}
	if all := agreements(t, l, ""); len(all) != 1 || all[0].State != "signed" {
		t.Errorf("%+v", all)
	}
	if !slices.Equal(turned, []ledger.CaseState{ledger.Received, ledger.Approved}) {
		t.Errorf("told of %v", turned)
	}
}

func TestACaseIsRejectedOrExpires(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one(), numbered(2)), Now: clock.Now})
	propose(t, l, "n1", identity(one()), "app_push")
	propose(t, l, "n2", identity(numbered(2)), "app_push")
	if s := recall(t, l, "n1").Case.State; s != ledger.Received {
		t.Errorf("a push is %s", s)
	}
	push := inbox(t, l, one().Mobile)[0]
	if c := decide(t, l, push.ID, false, nil); c.State != ledger.Rejected || c.Reason != "declined" {
		t.Errorf("%+v", c)
	}
	decide(t, l, push.ID, false, nil)
	decide(t, l, push.ID, true, ledger.ErrOver)
	refusal(t, "denied", recall(t, l, "n1"), ledger.ApprovalDenied)

	clock.forward(15 * time.Minute)
	late := inbox(t, l, numbered(2).Mobile)[0]
	decide(t, l, late.ID, true, ledger.ErrOver)
	refusal(t, "expired", recall(t, l, "n2"), ledger.ApprovalExpired)
	if all := agreements(t, l, ""); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	decide(t, l, "999", true, ledger.ErrNotFound)
	decide(t, l, "x", true, ledger.ErrNotFound)
	refusal(t, "a code", apply(t, l, "n3", identity(one())), "")
	decide(t, l, inbox(t, l, one().Mobile)[0].ID, true, ledger.ErrNoApproval)
}

// A query alone sees that time is over, with nobody settling.
func TestAQueryLetsACaseExpire(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	propose(t, l, "n1", identity(one()))
	clock.forward(15 * time.Minute)
	refusal(t, "expired", recall(t, l, "n1"), ledger.ApprovalExpired)
}

func TestTheLaterRequestTakesThePlace(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	propose(t, l, "n1", identity(one()), "app_push")
	refusal(t, "at once", propose(t, l, "n2", identity(one()), "app_push"), ledger.TooSoon)
	refusal(t, "a code after a push", apply(t, l, "n3", identity(one())), "")
	refusal(t, "push replaced by a code", recall(t, l, "n1"), ledger.ApprovalSuperseded)
	clock.forward(time.Minute)
	refusal(t, "push again", propose(t, l, "n4", identity(one()), "app_push"), "")
	refusal(t, "code replaced by a push", confirm(t, l, "n3", identity(one()), "123456"), ledger.CodeUsed)
	if got := inbox(t, l, one().Mobile); len(got) != 3 || got[2].Case != ledger.Superseded {
		t.Errorf("%+v", got)
	}
}

func TestWhatACaseIsRefusedFor(t *testing.T) {
	silent := numbered(3)
	silent.Email = ""
	rules := terms()
	rules.Kinds = []string{"email"}
	l := open(t, ledger.Config{People: only(one(), numbered(2), silent), Terms: rules, Now: newClock().Now})
	wrong := identity(one())
	wrong.Name = identity(ledger.Customer{Name: "李四", Cards: one().Cards}).Name
	refusal(t, "name", propose(t, l, "n1", wrong, "email"), ledger.NameMismatch)
	refusal(t, "way", propose(t, l, "n2", identity(one()), "phone"), ledger.NotOffered)
	refusal(t, "sms", propose(t, l, "n3", identity(one()), "sms"), ledger.NotOffered)
	refusal(t, "no address", propose(t, l, "n4", identity(silent), "email"), ledger.NoMobile)
	refusal(t, "unknown", propose(t, l, "n5", identity(numbered(9)), "email"), ledger.NoSuchCard)
	refusal(t, "well", propose(t, l, "n6", identity(one()), "email"), "")
	refusal(t, "other elements", propose(t, l, "n6", identity(numbered(2)), "email"), ledger.ElementsChanged)
}

// People at the bank decide after a while, and a restart does not make them forget.
func TestReviewSurvivesARestart(t *testing.T) {
	clock := newClock()
	path := filepath.Join(t.TempDir(), "abc.db")
	review := func(card string, _ uint64) (ledger.Verdict, bool) {
		switch card {
		case one().Cards[0].Number:
			return ledger.Verdict{After: 4 * time.Minute}, true
		case numbered(2).Cards[0].Number:
			return ledger.Verdict{After: 8 * time.Minute, Reject: "no_answer"}, true
		}
		return ledger.Verdict{After: 16 * time.Minute}, true
	}
	cfg := ledger.Config{
		Path: path, Terms: terms(), People: only(one(), numbered(2), numbered(3)), Now: clock.Now, Review: review,
	}
	l, err := ledger.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		propose(t, l, "n"+pad(i+1, 1), identity(numbered(i+1)))
	}
	clock.forward(time.Minute)
	if s := recall(t, l, "n1").Case.State; s != ledger.InReview {
		t.Errorf("early: %s", s)
	}
	clock.forward(time.Minute)
	if s := recall(t, l, "n1").Case.State; s != ledger.CallbackScheduled {
		t.Errorf("later: %s", s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var turned []ledger.Case
	cfg.Review, cfg.Cases = nil, func(c ledger.Case) { turned = append(turned, c) }
	l = open(t, cfg)
	next, err := l.Settle(t.Context())
	if want := clock.now.Add(2 * time.Minute); err != nil || !next.Equal(want) || len(turned) != 0 {
		t.Fatalf("next at %v, %v, %v; want %v", next, err, turned, want)
	}
	clock.forward(time.Hour)
	if next, err = l.Settle(t.Context()); err != nil || !next.IsZero() {
		t.Fatalf("%v, %v", next, err)
	}
	refusal(t, "approved", recall(t, l, "n1"), "")
	refusal(t, "rejected", recall(t, l, "n2"), ledger.ApprovalDenied)
	refusal(t, "too late", recall(t, l, "n3"), ledger.ApprovalExpired)
	if len(turned) != 3 || turned[0].State != ledger.Approved || turned[1].Reason != "no_answer" || turned[2].State != ledger.Expired {
		t.Errorf("%+v", turned)
	}
	left, err := l.Untold(t.Context(), 10)
	if err != nil || len(left) != 3 || left[0].Agreement.Number == "" || left[1].State != ledger.Rejected {
		t.Errorf("%+v, %v", left, err)
	}
	if err := l.Told(t.Context(), left[0].Request); err != nil {
		t.Fatal(err)
	}
	if left, err = l.Untold(t.Context(), 10); err != nil || len(left) != 2 || left[0].Number != "n2" {
		t.Errorf("%+v, %v", left, err)
	}
}
