package flow_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

func TestUnknownConfirmToldSigned(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostAfter}
	b, err := h.confirm(b.ID, canaryCode)
	if err != nil || b.State != flow.Processing || b.Next.Action != "poll" {
		t.Fatalf("got %+v, %v", b, err)
	}
	if len(h.wakes) != 1 || !h.wakes[0].Equal(start.Add(2*time.Second)) {
		t.Errorf("wakes %v: the first query is due 2 s after", h.wakes)
	}
	h.pass(t, 2*time.Second)
	if b = h.get(t, b.ID); b.State != flow.Active || b.Agreement != "SGN1" {
		t.Fatalf("found out: %+v", b)
	}
	h.pass(t, time.Minute)
	if h.bank.queries() != 1 {
		t.Errorf("%d queries: what is known is not asked again", h.bank.queries())
	}
}

func TestUnknownConfirmToldRefused(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostAfter}
	if b, _ = h.confirm(b.ID, wrongCode); b.State != flow.Processing {
		t.Fatalf("got %+v", b)
	}
	h.pass(t, 2*time.Second)
	if b = h.get(t, b.ID); b.State != flow.AwaitingCode || b.Challenge.AttemptsLeft != 2 {
		t.Fatalf("found out: %+v", b)
	}
	if b, err := h.confirm(b.ID, canaryCode); err != nil || b.State != flow.Active {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestNotFoundIsBelievedLateAndTwice(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostBefore}
	b, _ = h.confirm(b.ID, canaryCode)
	for _, c := range []struct {
		at      time.Duration
		queries int
		state   string
	}{
		{2 * time.Second, 1, flow.Processing},  // too early to be believed
		{7 * time.Second, 2, flow.Processing},  // once
		{21 * time.Second, 2, flow.Processing}, // not asked yet
		{22 * time.Second, 3, flow.AwaitingCode},
	} {
		h.pass(t, c.at-h.Now().Sub(start))
		if got := h.get(t, b.ID); got.State != c.state || h.bank.queries() != c.queries {
			t.Fatalf("after %v: %s after %d queries, want %s after %d", c.at, got.State, h.bank.queries(), c.state, c.queries)
		}
	}
	if b, err := h.confirm(b.ID, canaryCode); err != nil || b.State != flow.Active {
		t.Errorf("tried again: %+v, %v", b, err)
	}
}

// The bank answers a query before it has worked off what it got: "not found" then would lose an agreement.
func TestLateSigningIsAdopted(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{late}
	b, _ = h.confirm(b.ID, canaryCode)
	h.pass(t, time.Minute)
	if b = h.get(t, b.ID); b.State != flow.Active || b.Agreement == "" {
		t.Errorf("got %+v; the bank has %v", b, h.bank.live())
	}
}

// A query about a second try tells of the first one's refusal while the second is on its way.
func TestAnEarlierRefusalIsNotTakenForALaterOnes(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	if _, err := h.confirm(b.ID, wrongCode); problem(t, err).Reason != op.CodeWrong {
		t.Fatal(err)
	}
	h.bank.fates = []fate{late}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is asked below
	h.pass(t, time.Minute)
	if b = h.get(t, b.ID); b.State != flow.Active {
		t.Fatalf("got %+v; the bank has %v", b, h.bank.live())
	}

	h = newHouse(t, t.TempDir(), shipped(t))
	b = h.create(t)
	for range 2 {
		if _, err := h.confirm(b.ID, wrongCode); problem(t, err).Reason != op.CodeWrong {
			t.Fatal(err)
		}
	}
	h.bank.fates = []fate{lostBefore}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is asked below
	h.pass(t, time.Minute)
	// The third try never arrived, so nothing is locked.
	if b = h.get(t, b.ID); b.State != flow.AwaitingCode || b.Challenge.AttemptsLeft != 1 {
		t.Fatalf("got %+v", b)
	}
	if b, err := h.confirm(b.ID, canaryCode); err != nil || b.State != flow.Active {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestUnknownApply(t *testing.T) {
	for name, c := range map[string]struct {
		fate   fate
		state  string
		reason op.Reason
	}{
		"told accepted": {lostAfter, flow.AwaitingCode, ""},
		"late":          {late, flow.AwaitingCode, ""},
		"never arrived": {lostBefore, flow.Failed, op.BankTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			h.bank.fates = []fate{c.fate}
			b := h.create(t)
			if b.State != flow.Processing || b.Challenge.Kind != "" {
				t.Fatalf("got %+v", b)
			}
			if _, err := h.confirm(b.ID, canaryCode); problem(t, err).Reason != op.InvalidState || problem(t, err).RetryAfterS == 0 {
				t.Errorf("confirmed what is not known: %v", err)
			}
			h.pass(t, time.Minute)
			b = h.get(t, b.ID)
			if b.State != c.state || b.Reason != c.reason {
				t.Fatalf("found out: %+v", b)
			}
			if c.state == flow.Failed {
				if _, err := h.store.Sealed(t.Context(), b.ID); !errors.Is(err, journal.ErrNotFound) {
					t.Errorf("the card is still in the vault: %v", err)
				}
				return
			}
			if b.Challenge.Kind != "sms" || !b.Challenge.ExpiresAt.Equal(start.Add(5*time.Minute)) || !b.Challenge.ResendAt.Equal(start.Add(time.Minute)) || b.Challenge.AttemptsLeft != 3 {
				t.Errorf("challenge: %+v", b.Challenge)
			}
			if b, err := h.confirm(b.ID, canaryCode); err != nil || b.State != flow.Active {
				t.Errorf("got %+v, %v", b, err)
			}
		})
	}
}

func TestTheClockAloneDecidesNothing(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostAfter}
	h.bank.queryFates = make([]fate, 200)
	for i := range h.bank.queryFates {
		h.bank.queryFates[i] = lostBefore
	}
	b, _ = h.confirm(b.ID, canaryCode)
	var asked []time.Duration
	before := h.bank.queries()
	for range 6 * 24 * 4 { // six days
		h.add(15 * time.Minute)
		h.find(t)
		if n := h.bank.queries(); n > before {
			asked, before = append(asked, h.Now().Sub(start)), n
		}
	}
	if got := h.get(t, b.ID); got.State != flow.Processing {
		t.Fatalf("became %s by the clock", got.State)
	}
	// At the end every day, for ever.
	last := asked[len(asked)-4:]
	for i := 1; i < len(last); i++ {
		if pause := last[i] - last[i-1]; pause < 24*time.Hour || pause > 24*time.Hour+15*time.Minute {
			t.Errorf("asked at %v", last)
		}
	}
	h.bank.queryFates = nil
	h.add(24*time.Hour + time.Second)
	h.find(t)
	if got := h.get(t, b.ID); got.State != flow.Active {
		t.Errorf("a day later the bank tells, and it is %s", got.State)
	}
}

func TestSessionEndsOnlyWhenNothingIsUnknown(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	idle := h.create(t)
	h.pass(t, 15*time.Minute-time.Second)
	if got := h.get(t, idle.ID); got.State != flow.AwaitingCode {
		t.Fatalf("ended early: %s", got.State)
	}
	h.bank.fates = []fate{lostBefore}
	if b, err := h.confirm(idle.ID, canaryCode); err != nil || b.State != flow.Processing {
		t.Fatalf("got %+v, %v", b, err)
	}
	h.pass(t, 10*time.Second)
	if got := h.get(t, idle.ID); got.State != flow.Processing {
		t.Fatalf("ended while unknown: %s", got.State)
	}
	h.pass(t, 20*time.Second)
	got := h.get(t, idle.ID)
	if got.State != flow.Expired || got.Reason != op.SessionExpired || got.Next.Action != "restart" {
		t.Fatalf("got %+v", got)
	}
	if _, err := h.store.Sealed(t.Context(), idle.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the card is still in the vault: %v", err)
	}
	if _, err := h.confirm(idle.ID, canaryCode); problem(t, err).Reason != op.SessionExpired {
		t.Errorf("confirmed: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.add(15 * time.Minute)
	// Before anybody has swept it, it is over all the same.
	if got := h.get(t, b.ID); got.State != flow.Expired {
		t.Errorf("shown as %s", got.State)
	}
	ctx := context.Background()
	for name, try := range map[string]func() error{
		"confirm":   func() error { _, err := h.confirm(b.ID, canaryCode); return err },
		"challenge": func() error { _, err := h.challenge(b.ID, ""); return err },
		"cancel":    func() error { _, err := h.flow.Cancel(ctx, "wallet", b.ID, flow.Keyed{}); return err },
	} {
		if got := problem(t, try()).Reason; got != op.SessionExpired {
			t.Errorf("%s: %s", name, got)
		}
	}
	h.find(t)
	if row, err := h.store.Binding(ctx, b.ID); err != nil || row.State != flow.Expired || row.Live {
		t.Errorf("swept: %+v, %v", row, err)
	}
	if h.bank.counts[op.Confirm]+h.bank.counts[op.Challenge] != 0 {
		t.Error("the bank was asked")
	}
}

// A process dies between what it meant and what it sent, or between the bank's answer and the journal.
func TestCrash(t *testing.T) {
	for name, c := range map[string]struct {
		kind  op.Kind
		after bool // the bank had done it
		state string
	}{
		"apply, nothing sent":   {op.Apply, false, flow.Failed},
		"apply, done":           {op.Apply, true, flow.AwaitingCode},
		"confirm, nothing sent": {op.Confirm, false, flow.AwaitingCode},
		"confirm, done":         {op.Confirm, true, flow.Active},
		"unsign, nothing sent":  {op.Unsign, false, flow.Revoked},
		"unsign, done":          {op.Unsign, true, flow.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			set := shipped(t)
			h := newHouse(t, t.TempDir(), set)
			died := errors.New("process died")
			crash := func() {
				if !c.after {
					h.bank.fates = []fate{lostBefore}
				}
				h.store.before = func(ch journal.Change) error {
					for _, a := range ch.Attempts {
						if a.Kind == c.kind && a.Settled {
							return died // what was learned is not written
						}
					}
					return nil
				}
			}
			var b flow.Binding
			if c.kind == op.Apply {
				crash()
			}
			b = h.create(t)
			if c.kind == op.Confirm {
				crash()
			}
			if c.kind != op.Apply {
				h.confirm(b.ID, canaryCode) //nolint:errcheck // the crash is what is tried
			}
			if c.kind == op.Unsign {
				crash()
				got, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{})
				if err != nil || got.State != flow.Revoking {
					t.Fatalf("got %+v, %v", got, err)
				}
			}
			h.store.before = nil
			h.wire(set)
			h.pass(t, 10*time.Second)
			if h.bank.queries() != 0 {
				t.Error("asked while the dead process might still have been waiting")
			}
			h.pass(t, time.Minute)
			if got := h.get(t, b.ID); got.State != c.state {
				t.Fatalf("got %s, want %s; history %+v", got.State, c.state, got.History)
			}
			if live := len(h.bank.live()); (live == 1) != (c.state == flow.Active) {
				t.Errorf("the bank has %d agreements", live)
			}
		})
	}
}

func TestUnsignIsKeptUp(t *testing.T) {
	for name, fates := range map[string][]fate{
		"no line":            {noLine, noLine, arrives},
		"never arrived":      {lostBefore, arrives},
		"answer lost":        {lostAfter},
		"late":               {late},
		"busy, never done":   {busy, arrives},
		"everything at once": {noLine, lostBefore, busy, late},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			b := h.create(t)
			if _, err := h.confirm(b.ID, canaryCode); err != nil {
				t.Fatal(err)
			}
			h.bank.fates = fates
			got, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{})
			if err != nil || got.State != flow.Revoking || got.Next.Action != "poll" {
				t.Fatalf("got %+v, %v", got, err)
			}
			again, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{})
			if err != nil || again.State != flow.Revoking {
				t.Errorf("said again: %+v, %v", again, err)
			}
			h.pass(t, 3*time.Minute)
			if got := h.get(t, b.ID); got.State != flow.Revoked || len(h.bank.live()) != 0 {
				t.Fatalf("got %s; the bank has %v; history %+v", got.State, h.bank.live(), got.History)
			}
			numbers := map[string]bool{}
			for _, a := range h.get(t, b.ID).History {
				if a.Kind == op.Unsign && numbers[a.Number] {
					t.Errorf("number used twice: %+v", a)
				}
				numbers[a.Number] = true
			}
		})
	}
}

// What can't be sent is tried again more and more seldom.
func TestUnsignIsNotHammered(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = []fate{noLine, noLine, noLine, noLine, noLine, noLine}
	begun := h.Now()
	if _, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{}); err != nil {
		t.Fatal(err)
	}
	h.pass(t, 6*time.Minute+30*time.Second)
	var after []time.Duration
	for _, a := range h.get(t, b.ID).History {
		if a.Kind == op.Unsign {
			after = append(after, a.IntendedAt.Sub(begun))
		}
	}
	slices.Sort(after)
	s := time.Second
	if want := []time.Duration{0, 2 * s, 7 * s, 22 * s, 82 * s, 382 * s}; !slices.Equal(after, want) {
		t.Errorf("sent after %v, want %v", after, want)
	}
}

// What was found out about one attempt has no say in the next.
func TestToldTwice(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostAfter, lostBefore}
	h.confirm(b.ID, wrongCode) //nolint:errcheck // its outcome is found out below
	due, err := h.store.Due(t.Context(), h.Now().Add(2*time.Second), 1)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	h.pass(t, 2*time.Second)
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome stays unknown here
	for range 2 {
		refused := op.Result{Outcome: op.Refused, Reason: op.AccountFrozen}
		if err := h.flow.Told(t.Context(), due[0], op.Result{Outcome: op.Accepted, Of: &refused}); err != nil {
			t.Fatal(err)
		}
		if got := h.get(t, b.ID); got.State != flow.Processing || got.Challenge.AttemptsLeft != 2 {
			t.Errorf("got %+v", got)
		}
	}
}

func TestUnsignRefused(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = []fate{turnedDown}
	_, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{})
	if problem(t, err).Reason != op.AccountFrozen || h.get(t, b.ID).State != flow.Active {
		t.Errorf("got %v, %s", err, h.get(t, b.ID).State)
	}
	if _, err = h.store.Sealed(t.Context(), b.ID); err != nil {
		t.Errorf("an active binding lost its card: %v", err)
	}
	// The gate refuses a resend: it stays meant.
	h.bank.fates = []fate{lostBefore}
	if _, err = h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{}); err != nil {
		t.Fatal(err)
	}
	h.gate.shut = &op.Problem{Reason: op.BankRateLimited, RetryAfterS: 1}
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Revoking {
		t.Fatalf("got %s", got.State)
	}
	h.gate.shut = nil
	h.pass(t, 2*time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Revoked || len(h.bank.live()) != 0 {
		t.Errorf("got %s; the bank has %v", got.State, h.bank.live())
	}
}

func TestReadingHasTheBankAskedSooner(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.bank.fates, h.bank.queryFates = []fate{lostAfter}, []fate{lostBefore, lostBefore, lostBefore, lostBefore}
	b := h.create(t)
	h.get(t, b.ID)
	if len(h.hints) != 0 {
		t.Fatal("hinted at once")
	}
	h.pass(t, time.Minute)
	h.hints = nil
	h.get(t, b.ID)
	if len(h.hints) != 1 {
		t.Errorf("%d hints a while after the last query", len(h.hints))
	}
}

func TestHeard(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	b, err := h.confirm(b.ID, canaryCode)
	if err != nil {
		t.Fatal(err)
	}
	notice := op.Notice{Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: b.Agreement, Number: "20260302"}
	for name, other := range map[string]op.Notice{
		"unknown agreement": {Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: "SGN77"},
		"another bank's":    {Kind: op.Unsign, Channel: "nucc", Member: "C1010511000019", Agreement: b.Agreement},
	} {
		if err := h.flow.Heard(t.Context(), other); err != nil || h.get(t, b.ID).State != flow.Active {
			t.Errorf("%s: %v, %s", name, err, h.get(t, b.ID).State)
		}
	}
	for range 3 {
		if err := h.flow.Heard(t.Context(), notice); err != nil {
			t.Fatal(err)
		}
	}
	row, _ := h.store.Binding(t.Context(), b.ID)
	if row.State != flow.Revoked || row.Live || row.Version != b.Version+1 {
		t.Errorf("got %+v: heard three times, moved once", row)
	}
	if _, err := h.store.Sealed(t.Context(), b.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the card is still in the vault: %v", err)
	}

	// While our own unsigning is being found out.
	b = h.create(t)
	if b, err = h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = []fate{lostBefore}
	if _, err = h.flow.Revoke(t.Context(), "wallet", b.ID, flow.Keyed{}); err != nil {
		t.Fatal(err)
	}
	notice.Agreement = b.Agreement
	if err := h.flow.Heard(t.Context(), notice); err != nil || h.get(t, b.ID).State != flow.Revoked {
		t.Fatalf("%v, %s", err, h.get(t, b.ID).State)
	}
	before := h.bank.queries()
	h.pass(t, time.Minute)
	if h.bank.queries() != before {
		t.Error("asked about what is over")
	}
}

// A number that was given before, as after a clock that was set back, is the journal's refusal: nothing is sent, and another try gets another.
func TestANumberGivenBeforeIsTriedAgain(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	once := true
	h.store.before = func(c journal.Change) error {
		if once && len(c.Attempts) > 0 && c.Attempts[0].Kind == op.Apply {
			once = false
			return journal.ErrNumberUsed
		}
		return nil
	}
	var p *op.Problem
	if _, err := h.flow.Create(t.Context(), request(), flow.Keyed{}); !errors.As(err, &p) || p.Reason != op.Overloaded || p.Outcome != op.NotSent || p.RetryAfterS != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if n := h.bank.counts[op.Apply]; n != 0 {
		t.Errorf("the bank was asked %d times", n)
	}
	if b := h.create(t); b.State != flow.AwaitingCode {
		t.Errorf("another try is %s", b.State)
	}
}
