package guard_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

func queued(l profiles.Limits, queue int, wait time.Duration) profiles.Limits {
	l.Queue, l.Wait = queue, profiles.Duration(wait)
	return l
}

const half = 500 * time.Millisecond

// entered is what one caller saw at the gate.
type entered struct {
	after   time.Duration
	leave   func(op.Result)
	refused *op.Problem
}

func goIn(ctx context.Context, g *guard.Guard, kind op.Kind) <-chan entered {
	out := make(chan entered, 1)
	go func() {
		began := time.Now()
		leave, refused := g.Enter(ctx, "hub", "a", kind)
		out <- entered{time.Since(began), leave, refused}
	}()
	synctest.Wait()
	return out
}

func TestWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(1000, 1000, 1, 0), 2, half), wide, wide), time.Now)
		first := <-goIn(t.Context(), g, op.Apply)
		second, third := goIn(t.Context(), g, op.Apply), goIn(t.Context(), g, op.Apply)
		fourth := <-goIn(t.Context(), g, op.Apply)
		if fourth.refused == nil || fourth.after != 0 || fourth.refused.Reason != op.BankRateLimited || fourth.refused.RetryAfterS != 1 {
			t.Errorf("beyond the queue: %+v", fourth)
		}
		if s, _ := g.Snapshot(guard.OfBank, "a"); s.Waiting != 2 || s.WaitingLimit != 2 || s.Classes[guard.Fresh].Waiting != 2 || s.InFlight != 1 {
			t.Errorf("%+v", s)
		}
		pass(100 * time.Millisecond)
		first.leave(fine)
		got := <-second
		if got.refused != nil || got.after != 100*time.Millisecond {
			t.Fatalf("the second: %+v", got)
		}
		if late := <-third; late.refused == nil || late.after != half {
			t.Errorf("the third has waited %v: %+v", late.after, late.refused)
		}
		got.leave(fine)
		if s, _ := g.Snapshot(guard.OfBank, "a"); s.Waiting != 0 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Who can't be served in time is refused at once.
func TestSheds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(1000, 1000, 2, 0), 100, 10*time.Second), wide, wide), time.Now)
		for range 20 { // places are held for two seconds
			leave := (<-goIn(t.Context(), g, op.Apply)).leave
			pass(2 * time.Second)
			leave(fine)
		}
		inside := []func(op.Result){(<-goIn(t.Context(), g, op.Apply)).leave, (<-goIn(t.Context(), g, op.Apply)).leave}
		soon, cancel := context.WithTimeout(t.Context(), 2900*time.Millisecond)
		defer cancel()
		if got := <-goIn(soon, g, op.Apply); got.refused == nil || got.after != 0 || got.refused.RetryAfterS != 1 {
			t.Errorf("a deadline that a wait and an exchange don't fit in: %+v", got)
		}
		var waiting []<-chan entered
		for range 9 { // a second each
			waiting = append(waiting, goIn(t.Context(), g, op.Apply))
		}
		waiting = append(waiting, goIn(t.Context(), g, op.Apply))
		if got := <-goIn(t.Context(), g, op.Apply); got.refused == nil || got.after != 0 || got.refused.RetryAfterS != 11 {
			t.Errorf("the eleventh would have waited eleven seconds: %+v", got)
		}
		for _, leave := range inside {
			leave(fine)
		}
		for _, w := range waiting {
			(<-w).leave(fine)
		}
	})
}

func TestTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(1000, 1000, 1, 0), 10, 10*time.Second), wide, wide), time.Now)
		first := <-goIn(t.Context(), g, op.Apply)
		var order []string
		var all sync.WaitGroup
		for _, who := range []struct {
			name string
			kind op.Kind
		}{
			{"apply 1", op.Apply}, {"apply 2", op.Verify}, {"unsign", op.Unsign}, {"confirm 1", op.Confirm}, {"query", op.Query},
			{"confirm 2", op.Cancel}, {"apply 3", op.Challenge}, {"reverse", op.Reverse},
		} {
			all.Go(func() {
				leave, refused := g.Enter(t.Context(), "hub", "a", who.kind)
				if refused != nil {
					t.Errorf("%s: %+v", who.name, refused)
					return
				}
				order = append(order, who.name) // one at a time is inside
				pass(time.Millisecond)
				leave(fine)
			})
			synctest.Wait()
		}
		first.leave(fine)
		all.Wait()
		if want := []string{"query", "reverse", "confirm 1", "confirm 2", "unsign", "apply 1", "apply 2", "apply 3"}; !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

// A short wait for the rate, in order.
func TestWaitsForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(10, 1, 100, 0), 10, half), wide, wide), time.Now)
		var waiting []<-chan entered
		for range 6 {
			waiting = append(waiting, goIn(t.Context(), g, op.Apply))
		}
		if got := <-goIn(t.Context(), g, op.Apply); got.refused == nil || got.after != 0 {
			t.Errorf("the seventh would have waited 600 ms: %+v", got)
		}
		for i, w := range waiting {
			if got := <-w; got.refused != nil || got.after != time.Duration(i)*100*time.Millisecond {
				t.Errorf("number %d has waited %v: %+v", i, got.after, got.refused)
			}
		}
	})
}

// A caller that goes away leaves the queue at once, and others move up.
func TestCallersGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(1000, 1000, 1, 0), 10, half), wide, wide), time.Now)
		first := <-goIn(t.Context(), g, op.Apply)
		ctx, hangUp := context.WithCancel(t.Context())
		gone, stays := goIn(ctx, g, op.Query), goIn(t.Context(), g, op.Apply)
		hangUp()
		if got := <-gone; got.refused == nil || got.after != 0 {
			t.Errorf("%+v", got)
		}
		first.leave(fine)
		if got := <-stays; got.refused != nil || got.after != 0 {
			t.Errorf("%+v", got)
		}
		// Where there is room, nobody asks whether the caller is still there.
		if _, refused := g.Enter(ctx, "hub", "b", op.Apply); refused != nil {
			t.Errorf("%+v", refused)
		}
	})
}

// Who waits at the channel holds nothing at its bank, and goes on waiting there if that is full by then.
func TestWaitsHoldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(set(queued(limits(1000, 1000, 1, 0), 10, half), wide, queued(limits(1000, 1000, 1, 0), 10, half)), time.Now)
		b, _ := g.Enter(t.Context(), "hub", "b", op.Apply)
		w := goIn(t.Context(), g, op.Apply)
		if s, _ := g.Snapshot(guard.OfBank, "a"); s.InFlight != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if s, _ := g.Snapshot(guard.OfChannel, "hub"); s.InFlight != 1 || s.Waiting != 1 {
			t.Errorf("%+v", s)
		}
		pass(50 * time.Millisecond)
		b(fine)
		if got := <-w; got.refused != nil || got.after != 50*time.Millisecond {
			t.Errorf("%+v", got)
		}
	})
}

// Who waits for a bank that is given up is told so at once.
func TestOpeningEmptiesTheQueue(t *testing.T) {
	bubble(t, func(b *bench) {
		next := *b.set
		next.Banks = slices.Clone(b.set.Banks)
		tight := *b.set.Banks[0]
		tight.Limits = queued(limits(1000, 1000, 20, 0), 100, 10*time.Second)
		next.Banks[0] = &tight
		b.Adjust(&next)
		var inside []func(op.Result)
		for range 20 {
			inside = append(inside, b.enter("a", op.Apply))
		}
		var waiting []<-chan entered
		for range 30 {
			waiting = append(waiting, goIn(b.Context(), b.Guard, op.Apply))
		}
		pass(time.Second)
		for _, leave := range inside {
			leave(memberFails)
		}
		through := 0
		for _, w := range waiting {
			if got := <-w; got.refused == nil {
				through++
				got.leave(fine)
			} else if got.refused.Reason != op.BankUnavailable || got.after != time.Second {
				t.Errorf("%+v", got)
			}
		}
		if through > 19 { // one for each failure before the one that opened
			t.Errorf("%d went through", through)
		}
	})
}

// Many at once, and waiting: never more inside than allowed, the reserve is
// never eaten, and in the end nobody is inside or waits.
func TestManyWaitAtOnce(t *testing.T) {
	own := profiles.Reserve{Query: 0.125, Confirm: 0.125, Unsign: 0.25}
	tight := profiles.Limits{PerSecond: 1_000_000, Burst: 1_000_000, InFlight: 16, Queue: 20, Wait: profiles.Duration(time.Millisecond), Reserve: &own}
	s := set(tight, tight, tight)
	for _, b := range s.Banks {
		b.Breaker = rules
		b.Breaker.OpenFor = profiles.Range{Min: profiles.Duration(100 * time.Microsecond), Max: profiles.Duration(time.Millisecond)}
	}
	g := newGuard(s, time.Now)
	kinds := []op.Kind{op.Apply, op.Unsign, op.Confirm, op.Query}
	most := []int64{8, 12, 14, 16} // of a class and those below it
	var inside [4]atomic.Int64
	var over, passed atomic.Int64
	var all sync.WaitGroup
	for i := range 48 {
		class, bank := i%4, []string{"a", "b"}[i/4%2]
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for n := range 400 {
				if n == 390 {
					cancel()
				}
				leave, refused := g.Enter(ctx, "hub", bank, kinds[class])
				if refused != nil {
					continue
				}
				passed.Add(1)
				for c := class; c < 4; c++ {
					if inside[c].Add(1) > most[c] {
						over.Add(1)
					}
				}
				for c := class; c < 4; c++ {
					inside[c].Add(-1)
				}
				leave([]op.Result{fine, memberFails, silent, ours, no}[(n+i)%5])
			}
		})
	}
	all.Wait()
	if over.Load() > 0 || passed.Load() == 0 {
		t.Errorf("of %d that passed, %d found more inside than allowed", passed.Load(), over.Load())
	}
	for _, where := range []struct {
		scope guard.Scope
		id    string
	}{{guard.OfBank, "a"}, {guard.OfBank, "b"}, {guard.OfChannel, "hub"}} {
		s, _ := g.Snapshot(where.scope, where.id)
		for _, c := range s.Classes {
			if c.InFlight != 0 || c.Waiting != 0 {
				t.Errorf("%v: %+v", where, c)
			}
		}
		if s.InFlight != 0 || s.Waiting != 0 {
			t.Errorf("%v: %d are inside, %d wait", where, s.InFlight, s.Waiting)
		}
	}
}
