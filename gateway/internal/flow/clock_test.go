package flow_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// clockSteps are what is done to a machine's clock.
var clockSteps = map[string]time.Duration{
	"back by seconds": -3 * time.Second, "back by an hour": -time.Hour, "back by a year": -365 * 24 * time.Hour,
	"forward by an hour": time.Hour, "forward by a year": 365 * 24 * time.Hour,
}

// stepped sets the clock, and has what is looked after then looked after.
func (h *house) stepped(t *testing.T, by time.Duration) {
	t.Helper()
	h.add(by)
	if by < 0 {
		if err := h.flow.SetBack(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever is done to the clock: order stays order, for pages, histories and
// readers of events with a cursor; also where a process ends in between.
func TestOrderOutlivesTheClock(t *testing.T) {
	for name, step := range clockSteps {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", restart ", restart), func(t *testing.T) {
				h := newHouse(t, t.TempDir(), shipped(t))
				h.event = func(name string, _ time.Time, b flow.Binding) []byte { return []byte(name + b.ID) }
				h.wire(h.set)
				var made, told []string
				cursor := ""
				for n := range 6 {
					if n == 3 {
						h.stepped(t, step)
						if restart {
							h.wire(h.set)
							if err := h.flow.Restart(t.Context()); err != nil {
								t.Fatal(err)
							}
						}
					}
					b := h.createFor(t, fmt.Sprint("u_", n))
					if _, err := h.confirm(b.ID, canaryCode); err != nil {
						t.Fatal(err)
					}
					made = append(made, b.ID)
					got := h.get(t, b.ID)
					if len(got.History) != 2 || got.History[0].Kind != op.Apply || got.History[1].Kind != op.Confirm {
						t.Errorf("history %+v", got.History)
					}
					page, err := h.store.Events(t.Context(), journal.EventFilter{Caller: "wallet", After: cursor, Limit: 10})
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page {
						told, cursor = append(told, e.Subject), e.ID
					}
				}
				if !slices.Equal(told, made) {
					t.Errorf("who reads events on and on was told of %v, want %v", told, made)
				}
				page, err := h.store.Bindings(t.Context(), journal.Filter{Caller: "wallet", Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				for n, b := range page {
					if b.ID != made[len(made)-1-n] {
						t.Errorf("row %d of the newest is %s, want %s", n, b.ID, made[len(made)-1-n])
					}
				}
			})
		}
	}
}

// A clock that is set while an outcome is unknown: it is found out as soon as
// under a clock that is right, nothing is sent twice, and the answer of a key stays.
func TestUnknownUnderAClockThatIsSet(t *testing.T) {
	for name, step := range clockSteps {
		for _, manner := range []manner{asked, undoing} {
			t.Run(fmt.Sprint(name, ", manner ", manner), func(t *testing.T) {
				h := newHouseOf(t, t.TempDir(), shipped(t), manner)
				id := h.bring(t, flow.AwaitingCode)
				h.bank.fates = []fate{lostAfter}
				k := keyed("POST /confirm", "key-1", "body")
				wish := diskCases[1].wish
				if b, err := wish(h, id, k); err != nil || b.State != flow.Processing {
					t.Fatalf("%s, %v", b.State, err)
				}
				status, body, done, err := h.flow.Replay(t.Context(), k)
				if err != nil || !done {
					t.Fatal(err)
				}
				h.stepped(t, step)
				h.pass(t, 2*time.Minute)
				want, agreements := flow.Active, 1
				if manner == undoing {
					want, agreements = flow.Failed, 0
				}
				if got := h.get(t, id); got.State != want || len(h.bank.live()) != agreements || h.bank.heard(op.Confirm) != 1 {
					t.Errorf("%s with %d agreements after %d confirms", got.State, len(h.bank.live()), h.bank.heard(op.Confirm))
				}
				again, same, done, err := h.flow.Replay(t.Context(), k)
				if err != nil || !done || again != status || string(same) != string(body) {
					t.Errorf("the key's answer became %d %s, %v", again, same, err)
				}
			})
		}
	}
}

// A clock that is set far ahead while a bank signs makes everything look
// abandoned. It is asked about, and what the bank says after all changes nothing any more.
func TestClockSetAheadWhileTheBankSigns(t *testing.T) {
	for _, manner := range []manner{asked, undoing} {
		h := newHouseOf(t, t.TempDir(), shipped(t), manner)
		id := h.bring(t, flow.AwaitingCode)
		h.store.before = func(c journal.Change) error {
			if len(c.Attempts) > 0 && c.Attempts[0].Settled && c.Attempts[0].Kind == op.Confirm {
				h.store.before = nil // the bank has signed; before that is written, others look
				h.add(365 * 24 * time.Hour)
				h.pass(t, time.Minute)
			}
			return nil
		}
		if _, err := h.confirm(id, canaryCode); err != nil {
			t.Fatal(err)
		}
		h.pass(t, 2*time.Minute)
		got := h.get(t, id)
		live := len(h.bank.live())
		if got.State != flow.Active && got.State != flow.Failed || (got.State == flow.Active) != (live == 1) || h.bank.heard(op.Confirm) != 1 {
			t.Errorf("manner %d: %s, and the bank has %d agreements", manner, got.State, live)
		}
	}
}

// A session, its code and the pause before another code, under a clock that is set.
func TestSessionUnderAClockThatIsSet(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.stepped(t, -time.Hour)
	if _, err := h.challenge(b.ID, ""); err != nil {
		t.Errorf("another code, under a clock set back: %v", err)
	}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Active {
		t.Errorf("confirmed under a clock set back: %s, %v", got.State, err)
	}
	late := h.createFor(t, "u_2")
	h.stepped(t, 365*24*time.Hour)
	if _, err := h.confirm(late.ID, canaryCode); err == nil || problem(t, err).Reason != op.SessionExpired {
		t.Errorf("a session that is over: %v", err)
	}
	heard := h.bank.heard(op.Confirm)
	h.pass(t, 2*time.Second)
	if got := h.get(t, late.ID); got.State != flow.Expired || h.bank.heard(op.Confirm) != heard {
		t.Errorf("%s", got.State)
	}
	h.stepped(t, -365*24*time.Hour)
	if got := h.get(t, late.ID); got.State != flow.Expired {
		t.Errorf("a session that was over is %s again", got.State)
	}
	if again := h.createFor(t, "u_2"); again.State != flow.AwaitingCode { // the card is free again
		t.Errorf("%s", again.State)
	}
}

// What is looked after because the clock was set back never overwrites what a
// bank has answered meanwhile, whichever of the two is written first.
func TestSetBackOvertakesNobody(t *testing.T) {
	for _, answerFirst := range []bool{false, true} {
		h := newHouse(t, t.TempDir(), shipped(t))
		id := h.bring(t, flow.AwaitingCode)
		answered, write, written := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		intended := false
		h.store.before = func(c journal.Change) error {
			switch a := c.Attempts[0]; {
			case !intended:
				intended = true
			case a.Settled: // the bank has answered
				close(answered)
				<-write
			case answerFirst: // the waiting anew was read, and is about to be written
				close(write)
				return <-written
			}
			return nil
		}
		go func() {
			_, err := h.confirm(id, canaryCode)
			written <- err
		}()
		<-answered
		h.stepped(t, -time.Hour)
		if !answerFirst {
			h.store.before = nil
			close(write)
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
		got := h.get(t, id)
		last := got.History[len(got.History)-1]
		if got.State != flow.Active || !last.Settled || last.Outcome != op.Accepted || len(h.bank.live()) != 1 {
			t.Errorf("answer first %v: %s, %+v", answerFirst, got.State, last)
		}
	}
}

// A clock that is set back while a request is at its bank makes it none of a
// process before: its key is still running, and its answer is the key's.
func TestReplayUnderAClockSetBack(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	if err := h.flow.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.stepped(t, -time.Hour)
	k := keyed(createRoute, "k1", "body")
	h.store.before = func(c journal.Change) error {
		if len(c.Attempts) > 0 && c.Attempts[0].Settled { // the first is away at the bank
			h.store.before = nil
			_, _, done, err := h.flow.Replay(t.Context(), k)
			if p := problem(t, err); done || p.Reason != op.IdempotencyConflict || p.RetryAfterS == 0 {
				t.Errorf("replay while it runs: %+v", p)
			}
		}
		return nil
	}
	b, err := h.flow.Create(t.Context(), request(), k)
	if err != nil {
		t.Fatal(err)
	}
	status, body := render(b, nil)
	if again, same, done, err := h.flow.Replay(t.Context(), k); !done || err != nil || again != status || string(same) != string(body) {
		t.Errorf("the caller was told %d %s, and its key says %d %s, %v", status, body, again, same, err)
	}
}
