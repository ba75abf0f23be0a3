package flow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

func (h *house) hear(t *testing.T, n op.Notice) {
	t.Helper()
	if err := h.flow.Heard(context.Background(), n); err != nil {
		t.Fatalf("heard: %v", err)
	}
}

// A bank that can't be asked has its confirm undone, as often as it takes.
func TestUnknownConfirmIsUndone(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{lostAfter, lostBefore, lostAfter}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(h.bank.live()) != 1 {
		t.Fatal("the bank has not signed: nothing is tried here")
	}
	h.pass(t, time.Minute)
	got := h.get(t, b.ID)
	if got.State != flow.Failed || got.Reason != op.BankTimeout || len(h.bank.live()) != 0 {
		t.Errorf("got %+v; the bank has %v", got, h.bank.live())
	}
	var repeats []string
	for _, a := range got.History {
		if a.Kind == op.Reverse {
			repeats = append(repeats, a.Number)
		}
		if !a.Settled || !a.AskAt.IsZero() {
			t.Errorf("left open: %+v", a)
		}
	}
	if len(repeats) != 3 || repeats[0] == repeats[1] {
		t.Errorf("reversals %v: want three, each with a number of its own", repeats)
	}
	if _, err := h.store.Sealed(context.Background(), b.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the card is still there: %v", err)
	}
	if h.createFor(t, "u_1001").State != flow.AwaitingCode {
		t.Error("the card can't be bound again")
	}
}

func TestAnAnswerThatComesLate(t *testing.T) {
	for name, c := range map[string]struct {
		fate  fate
		state string
		live  int
	}{
		"before it is undone": {answersSoon, flow.Active, 1},
		"after it was undone": {answersLate, flow.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
			b := h.create(t)
			h.bank.fates = []fate{c.fate}
			if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
				t.Fatalf("got %+v, %v", got, err)
			}
			h.pass(t, time.Minute)
			if got := h.get(t, b.ID); got.State != c.state || len(h.bank.live()) != c.live {
				t.Errorf("got %s, the bank has %v", got.State, h.bank.live())
			}
		})
	}
}

// A bank's word that bears another's number is nobody's, even where nobody
// could say so but for what it says besides; the right one is still taken.
func TestAnAnswerUnderAnothersNumber(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{answersSoon}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	truth := h.bank.unasked[0].n // what it will say in a second
	h.bank.unasked = nil
	bent := func(bend func(*op.Notice)) op.Notice {
		n := truth
		r := *truth.Result
		r.Agreement = "SGN-ANOTHER"
		n.Result = &r
		bend(&n)
		return n
	}
	for what, n := range map[string]op.Notice{
		"another's card":       bent(func(n *op.Notice) { n.Card = secret.NewCard("6222021234567890128") }),
		"another bank":         bent(func(n *op.Notice) { n.Member = "00000000" }),
		"another operation":    bent(func(n *op.Notice) { n.Kind = op.Unsign }),
		"a number of nobody's": bent(func(n *op.Notice) { n.Of += "9" }),
	} {
		before := h.flow.Misaddressed()
		h.hear(t, n)
		if got := h.get(t, b.ID); got.State != flow.Processing || got.Agreement != "" {
			t.Errorf("%s: %s with agreement %q", what, got.State, got.Agreement)
		}
		if h.flow.Misaddressed() != before+1 {
			t.Errorf("%s: it was not counted", what)
		}
	}
	if !strings.Contains(h.log.String(), "under another's number") || strings.Contains(h.log.String(), "6222021234567890128") {
		t.Errorf("the log says\n%s", h.log)
	}
	truth.Card = request().Card
	h.hear(t, truth)
	if got := h.get(t, b.ID); got.State != flow.Active || got.Agreement != truth.Result.Agreement {
		t.Errorf("its own answer: %s with %q, want %q", got.State, got.Agreement, truth.Result.Agreement)
	}
}

// The reversal is on its way, and its answer not yet there, when the late answer comes.
func TestAnAnswerThatMeetsItsReversal(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{answersLate, lostBefore}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is found out below
	h.pass(t, 4*time.Second)
	if got := h.get(t, b.ID); got.State != flow.Processing || !strings.Contains(h.log.String(), "it is dropped") {
		t.Fatalf("the late answer was taken: %+v\n%s", got, h.log)
	}
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Failed || len(h.bank.live()) != 0 {
		t.Errorf("got %s, the bank has %v", got.State, h.bank.live())
	}
}

// An unsigning does nothing twice, so it is simply sent again.
func TestUnknownUnsignIsRepeated(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = []fate{lostBefore, lostBefore}
	if got, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{}); err != nil || got.State != flow.Revoking {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Revoked || len(h.bank.live()) != 0 || h.bank.counts[op.Unsign] != 3 {
		t.Errorf("got %s after %d unsignings, the bank has %v", got.State, h.bank.counts[op.Unsign], h.bank.live())
	}
}

func TestApproval(t *testing.T) {
	for name, c := range map[string]struct {
		reason op.Reason
		told   int // notices
		state  string
		why    op.Reason
	}{
		"approved, and told":       {"", 1, flow.Active, ""},
		"approved, and told twice": {"", 2, flow.Active, ""},
		"approved, and never told": {"", 0, flow.Active, ""},
		"rejected":                 {op.DocumentMismatch, 1, flow.Failed, op.DocumentMismatch},
		"rejected, and never told": {op.DocumentMismatch, 0, flow.Failed, op.DocumentMismatch},
		"nobody came":              {op.CodeExpired, 1, flow.Expired, op.SessionExpired},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), approving)
			b := h.create(t)
			if b.State != flow.AwaitingApproval || b.Next.Action != "poll" || !b.ExpiresAt.Equal(start.Add(time.Hour)) {
				t.Fatalf("got %+v", b)
			}
			if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.AwaitingApproval {
				t.Errorf("a confirm that does no harm: %+v, %v", got, err)
			}
			notice := h.bank.decide(b.Number, c.reason)
			for range c.told {
				h.hear(t, notice)
			}
			if c.told == 0 {
				h.pass(t, 2*time.Second)
			}
			if got := h.get(t, b.ID); got.State != c.state || got.Reason != c.why {
				t.Errorf("got %s, %s", got.State, got.Reason)
			}
			if c.state == flow.Expired && h.createFor(t, "u_1001").State != flow.AwaitingApproval {
				t.Error("it can't be begun again")
			}
		})
	}
}

// Our own clock ends nothing that a bank may still approve.
func TestApprovalOutlivesTheSession(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), approving)
	b := h.create(t)
	h.add(3 * time.Hour)
	h.find(t)
	if got := h.get(t, b.ID); got.State != flow.AwaitingApproval {
		t.Fatalf("got %s", got.State)
	}
	h.hear(t, h.bank.decide(b.Number, ""))
	if got := h.get(t, b.ID); got.State != flow.Active || got.Agreement == "" {
		t.Errorf("got %+v", got)
	}
}

// The notice overtakes the answer of the very exchange that it is about.
func TestANoticeBeforeOurOwnAnswer(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), approving)
	said := false
	h.store.before = func(c journal.Change) error {
		for _, a := range c.Attempts {
			if a.Kind == op.Apply && a.Settled && !said {
				said = true
				h.hear(t, h.bank.decide(a.Number, ""))
			}
		}
		return nil
	}
	b := h.create(t)
	if len(h.wakes) != 1 || h.wakes[0].After(h.Now()) {
		t.Errorf("wakes %v: the bank is to be asked at once", h.wakes)
	}
	h.find(t)
	if got := h.get(t, b.ID); got.State != flow.Active {
		t.Errorf("got %+v", got)
	}
}

func TestABankThatContradictsItself(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), approving)
	b := h.create(t)
	h.hear(t, h.bank.decide(b.Number, op.DocumentMismatch))
	h.hear(t, op.Notice{Kind: op.Apply, Channel: "nucc", Of: b.Number, Result: &op.Result{Outcome: op.Accepted, Agreement: "SGN9"}})
	if got := h.get(t, b.ID); got.State != flow.Failed {
		t.Errorf("a final state was overwritten: %+v", got)
	}
	if !strings.Contains(h.log.String(), "contradicts itself") {
		t.Error("nobody was told")
	}
	h.hear(t, op.Notice{Kind: op.Apply, Channel: "nucc", Of: "no such number", Result: &op.Result{Outcome: op.Accepted}})
	if !strings.Contains(h.log.String(), "never asked") {
		t.Error("an answer to nothing was passed over in silence")
	}
}

// A bank with both ways is asked for the other one at once: the pause is between two codes.
func TestChallengeOfAnotherKind(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	got, err := h.challenge(b.ID, "app_push")
	if err != nil || got.State != flow.AwaitingApproval || got.Challenge.Kind != "app_push" || got.Next.Action != "poll" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if o := h.bank.last; o.Challenge != "app_push" || o.Account == "" {
		t.Errorf("the bank was asked for %q, with the account %q", o.Challenge, o.Account)
	}
	h.hear(t, h.bank.decide(got.Number, ""))
	if got = h.get(t, b.ID); got.State != flow.Active {
		t.Errorf("got %+v", got)
	}
}

// What is cancelled while the bank's people think about it may be signed all the same: it is ended.
func TestCancelWhileTheBankThinks(t *testing.T) {
	for name, c := range map[string]struct {
		reason op.Reason
		fates  []fate // of the unsigning
	}{
		"it is approved":                         {"", nil},
		"it is approved, and hard to end":        {"", []fate{noLine, lostBefore, turnedDown, lostAfter}},
		"it is rejected, and nothing is owed":    {op.DocumentMismatch, nil},
		"nobody comes, and again nothing is due": {op.CodeExpired, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), approving)
			b := h.create(t)
			got, err := h.flow.Cancel(context.Background(), "wallet", b.ID, flow.Keyed{})
			if err != nil || got.State != flow.Cancelled {
				t.Fatalf("got %+v, %v", got, err)
			}
			if _, err := h.store.Sealed(context.Background(), b.ID); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("the card is still there: %v", err)
			}
			if again := h.create(t); again.State != flow.AwaitingApproval {
				t.Errorf("the card can't be bound again: %s", again.State)
			}
			h.hear(t, h.bank.decide(b.Number, c.reason))
			h.bank.fates = c.fates
			h.pass(t, 3*time.Minute)
			got = h.get(t, b.ID)
			if got.State != flow.Cancelled || len(h.bank.live()) != 0 {
				t.Errorf("got %s; the bank has %v", got.State, h.bank.live())
			}
			for _, a := range got.History {
				if !a.Settled || !a.AskAt.IsZero() {
					t.Errorf("left open: %+v", a)
				}
			}
			if asked := h.bank.counts[op.Unsign] > 0; asked != (c.reason == "") {
				t.Errorf("%d unsignings", h.bank.counts[op.Unsign])
			}
		})
	}
}

// A bank speaks of a confirm just before its time is up, and again just after
// that was written: the second word decides, and what is written because of the first changes nothing of it.
func TestAnEarlyWordOvertakesNothing(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{answersSoon}
	times := 0
	h.store.before = func(c journal.Change) error {
		if len(c.Attempts) == 0 || c.Attempts[0].Kind != op.Confirm || !c.Attempts[0].Settled || times == 2 {
			return nil
		}
		times++
		h.hear(t, h.bank.unasked[0].n)
		return nil
	}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.store.before, h.bank.unasked = nil, nil // and never again
	h.pass(t, 2*time.Minute)
	if got := h.get(t, b.ID); times != 2 || got.State != flow.Active || len(h.bank.live()) != 1 {
		t.Errorf("heard %d times: %s, and the bank has %d agreements", times, got.State, len(h.bank.live()))
	}
}

// A bank has ended an agreement before its confirm was found out, and nobody
// could go by that at the moment when it was: the process ended, or the disk failed. It is gone by later.
func TestAnEarlyEndIsNotForgotten(t *testing.T) {
	for _, restart := range []bool{false, true} {
		h := newHouse(t, t.TempDir(), shipped(t))
		b := h.create(t)
		h.bank.fates = []fate{lostAfter}
		if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
			t.Fatal(got.State, err)
		}
		h.hear(t, op.Notice{Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: h.bank.live()[0], Number: "N-1"})
		h.store.before = func(c journal.Change) error {
			if c.Binding != nil && c.Binding.State == flow.Revoked {
				return journal.ErrStorage
			}
			return nil
		}
		for range 100 {
			h.pass(t, time.Second)
			if h.get(t, b.ID).State == flow.Active {
				break
			}
		}
		if got := h.get(t, b.ID); got.State != flow.Active {
			t.Fatalf("restart %v: the confirm is not found out: %s", restart, got.State)
		}
		h.store.before = nil
		if restart {
			h.wire(h.set)
			if err := h.flow.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		h.pass(t, 2*time.Second)
		if got := h.get(t, b.ID); got.State != flow.Revoked {
			t.Errorf("restart %v: %s", restart, got.State)
		}
	}
}

// A late answer has no number of its own. Of two that contradict each other both are kept, and each once.
func TestBothWordsOfAContradictionAreKept(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	said := func(outcome op.Outcome, code string) {
		h.hear(t, op.Notice{Kind: op.Apply, Channel: "nucc", Of: b.Number, Result: &op.Result{Outcome: outcome, RawCode: code}, Heard: code})
	}
	for range 2 {
		said(op.Refused, "no")
		said(op.Accepted, "yes")
	}
	kept, err := h.store.Notices(t.Context(), b.ID)
	if err != nil || len(kept) != 2 {
		t.Fatalf("%+v, %v", kept, err)
	}
	if words := []string{kept[0].Heard, kept[1].Heard}; !slices.Contains(words, "no") || !slices.Contains(words, "yes") {
		t.Errorf("kept: %q", words)
	}
}
