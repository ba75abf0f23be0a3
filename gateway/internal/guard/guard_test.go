package guard_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, profiles.Beijing)

func limits(perSecond, burst, inFlight int, reserve profiles.Share) profiles.Limits {
	together := profiles.Together(reserve)
	return profiles.Limits{PerSecond: perSecond, Burst: burst, InFlight: inFlight, Reserve: &together}
}

var wide = limits(1_000_000, 1_000_000, 100_000, 0)

// set has two banks behind one channel.
func set(a, b, channel profiles.Limits) *profiles.Set {
	return &profiles.Set{
		Banks:    []*profiles.Bank{{ID: "a", Limits: a}, {ID: "b", Limits: b}},
		Channels: []*profiles.Channel{{ID: "hub", Limits: channel}},
	}
}

func newGuard(s *profiles.Set, now func() time.Time) *guard.Guard {
	return guard.New(guard.Config{Set: s, Now: now})
}

// figures are what a person sees first.
type figures struct{ InFlight, InFlightLimit, LastSecond, PerSecond int }

func look(g *guard.Guard, bank string) figures {
	s, _ := g.Snapshot(guard.OfBank, bank)
	return figures{s.InFlight, s.InFlightLimit, s.LastSecond, s.PerSecond}
}

// admit enters n times and returns how many were let through.
func admit(g *guard.Guard, bank string, kind op.Kind, n int) (in int, last *op.Problem) {
	for range n {
		if leave, refused := g.Enter(context.Background(), "hub", bank, kind); refused == nil {
			in++
			_ = leave
		} else {
			last = refused
		}
	}
	return in, last
}

func TestInFlight(t *testing.T) {
	g := newGuard(set(limits(1000, 1000, 10, 0.25), wide, wide), (&clock{noon}).now)
	in, refused := admit(g, "a", op.Apply, 20)
	if in != 7 { // 10 less a quarter, rounded down
		t.Errorf("%d applies were let through, want 7", in)
	}
	if refused.Reason != op.BankRateLimited || refused.RetryAfterS != 1 || refused.Asked || refused.Outcome != op.NotSent || refused.Bank != "a" {
		t.Errorf("refused with %+v", refused)
	}
	if in, _ := admit(g, "a", op.Query, 20); in != 3 {
		t.Errorf("%d queries were let through beside them, want 3", in)
	}
	if s := look(g, "a"); s != (figures{InFlight: 10, InFlightLimit: 10, PerSecond: 1000}) {
		t.Errorf("snapshot %+v", s)
	}
	if in, _ := admit(g, "b", op.Apply, 20); in != 20 {
		t.Errorf("another bank let %d of 20 through", in)
	}
}

// Each kind of operation knows whether the reserve is for it.
func TestReserve(t *testing.T) {
	for kind, want := range map[op.Kind]int{
		op.Verify: 5, op.Apply: 5, op.Challenge: 5, op.Kind("unheard of"): 5,
		op.Confirm: 10, op.Cancel: 10, op.Unsign: 10, op.Query: 10,
	} {
		for name, l := range map[string]profiles.Limits{
			"in flight": limits(1000, 1000, 10, 0.5),
			"rate":      limits(10, 10, 1000, 0.5),
		} {
			g := newGuard(set(l, wide, wide), (&clock{noon}).now)
			if in, _ := admit(g, "a", kind, 50); in != want {
				t.Errorf("%s, %s: %d were let through, want %d", kind, name, in, want)
			}
		}
	}
	// However small the limit, something may begin; without a limit, nothing may.
	if in, _ := admit(newGuard(set(limits(1, 1, 1, 0.5), wide, wide), (&clock{noon}).now), "a", op.Apply, 5); in != 1 {
		t.Errorf("%d were let through, want 1", in)
	}
	if in, _ := admit(newGuard(set(profiles.Limits{}, wide, wide), (&clock{noon}).now), "a", op.Query, 5); in != 0 {
		t.Errorf("%d were let through by a bank without limits, want 0", in)
	}
	if in, _ := admit(newGuard(set(profiles.Limits{InFlight: 9}, wide, wide), (&clock{noon}).now), "a", op.Query, 5); in != 0 {
		t.Errorf("%d were let through by a bank without a rate, want 0", in)
	}
}

func TestRate(t *testing.T) {
	c := &clock{noon}
	g := newGuard(set(limits(10, 4, 1000, 0), wide, wide), c.now)
	expect := func(want int, wait int) {
		t.Helper()
		in, refused := admit(g, "a", op.Apply, 50)
		if in != want || refused.Reason != op.BankRateLimited || refused.RetryAfterS != wait {
			t.Errorf("%d were let through, want %d; refused with %+v", in, want, refused)
		}
	}
	expect(4, 1)
	expect(0, 1)
	c.at = c.at.Add(99 * time.Millisecond)
	expect(0, 1)
	c.at = c.at.Add(time.Millisecond)
	expect(1, 1)
	c.at = c.at.Add(time.Hour)
	expect(4, 1)
	slow := newGuard(set(limits(1, 1, 1000, 0.5), wide, wide), c.now)
	if _, refused := admit(slow, "a", op.Verify, 2); refused.RetryAfterS != 2 {
		t.Errorf("retry after %d s, want 2: half of one a second is for others", refused.RetryAfterS)
	}
	c.at = c.at.Add(1100 * time.Millisecond) // one in two seconds is ordinary
	if in, _ := admit(slow, "a", op.Verify, 2); in != 0 {
		t.Error("the reserve was given to a verification")
	}
	if in, _ := admit(slow, "a", op.Query, 2); in != 1 {
		t.Error("the reserve was not given to a query")
	}
}

// What a full channel refuses costs the bank nothing.
func TestRefusedElsewhere(t *testing.T) {
	c := &clock{noon}
	g := newGuard(set(limits(5, 5, 5, 0.2), wide, limits(2, 2, 2, 0)), c.now)
	var leaves []func(op.Result)
	for range 2 {
		leave, refused := g.Enter(context.Background(), "hub", "b", op.Apply)
		if refused != nil {
			t.Fatal(refused)
		}
		leaves = append(leaves, leave)
	}
	for _, kind := range []op.Kind{op.Apply, op.Query} {
		if in, _ := admit(g, "a", kind, 100); in != 0 {
			t.Fatalf("a full channel let %d through", in)
		}
	}
	if n := look(g, "a").InFlight; n != 0 {
		t.Errorf("%d are under way at a bank that was never reached", n)
	}
	for _, leave := range leaves {
		leave(op.Result{})
	}
	c.at = c.at.Add(time.Second)
	if in, _ := admit(g, "a", op.Apply, 2); in != 2 {
		t.Errorf("%d were let through after the channel was free, want 2", in)
	}
}

func TestLeaveTwice(t *testing.T) {
	g := newGuard(set(wide, wide, wide), (&clock{noon}).now)
	first, _ := g.Enter(context.Background(), "hub", "a", op.Apply)
	_, _ = g.Enter(context.Background(), "hub", "a", op.Apply)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { first(op.Result{}) })
	}
	all.Wait()
	if n := look(g, "a").InFlight; n != 1 {
		t.Errorf("%d are under way, want 1", n)
	}
}

func TestClosedHours(t *testing.T) {
	hours := func(text string) (h profiles.Hours) {
		if err := h.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return h
	}
	s := set(wide, wide, wide)
	s.Banks[0].Closed = []profiles.Hours{hours("02:00-03:30"), hours("23:00-01:00")}
	for _, c := range []struct {
		at     string
		window string
		retry  int
	}{
		{"01:59:59", "", 0},
		{"02:00:00", "02:00-03:30", 5400},
		{"03:29:59", "02:00-03:30", 1},
		{"03:30:00", "", 0},
		{"23:00:00", "23:00-01:00", 7200},
		{"00:59:30", "23:00-01:00", 30},
		{"01:00:00", "", 0},
	} {
		at, err := time.ParseInLocation(time.DateTime, "2026-03-02 "+c.at, profiles.Beijing)
		if err != nil {
			t.Fatal(err)
		}
		for _, zone := range []*time.Location{profiles.Beijing, time.UTC} {
			g := newGuard(s, (&clock{at.In(zone)}).now)
			_, refused := g.Enter(context.Background(), "hub", "a", op.Query)
			switch {
			case c.window == "" && refused != nil:
				t.Errorf("%s: refused with %+v", c.at, refused)
			case c.window != "" && (refused == nil || refused.Reason != op.BankUnavailable || refused.Window != c.window || refused.RetryAfterS != c.retry):
				t.Errorf("%s: refused with %+v, want %s and %d s", c.at, refused, c.window, c.retry)
			}
			if _, refused := g.Enter(context.Background(), "hub", "b", op.Query); refused != nil {
				t.Errorf("%s: another bank is closed: %+v", c.at, refused)
			}
		}
	}
}

func TestNotServed(t *testing.T) {
	g := newGuard(set(wide, wide, wide), (&clock{noon}).now)
	if _, refused := g.Enter(context.Background(), "hub", "none", op.Apply); refused == nil || refused.Reason != op.BankUnavailable {
		t.Errorf("refused with %+v", refused)
	}
	if _, refused := g.Enter(context.Background(), "none", "a", op.Apply); refused == nil || refused.Reason != op.ChannelUnavailable {
		t.Errorf("refused with %+v", refused)
	}
	if s := look(g, "none"); s != (figures{}) {
		t.Errorf("snapshot %+v", s)
	}
}

func TestSnapshotLastSecond(t *testing.T) {
	c := &clock{noon}
	g := newGuard(set(wide, wide, wide), c.now)
	for _, step := range []struct {
		after time.Duration
		enter int
		last  int
	}{
		{0, 3, 0}, {time.Second, 5, 3}, {500 * time.Millisecond, 2, 3}, {500 * time.Millisecond, 0, 7}, {time.Second, 1, 0}, {time.Second, 0, 1}, {time.Hour, 0, 0},
	} {
		c.at = c.at.Add(step.after)
		_, _ = admit(g, "a", op.Apply, step.enter)
		if got := look(g, "a").LastSecond; got != step.last {
			t.Errorf("at %v: %d in the last second, want %d", c.at.Sub(noon), got, step.last)
		}
	}
}

// Many at once: never more inside than allowed, and in the end nobody.
func TestManyAtOnce(t *testing.T) {
	g := newGuard(set(limits(1_000_000, 1_000_000, 16, 0.25), limits(1_000_000, 1_000_000, 16, 0.25), limits(1_000_000, 1_000_000, 24, 0.25)), time.Now)
	var inside, ordinary struct{ a, b, hub atomic.Int64 }
	var over, entered atomic.Int64
	var all sync.WaitGroup
	for i := range 32 {
		bank, of, rest := "a", &inside.a, &ordinary.a
		if i%2 == 1 {
			bank, of, rest = "b", &inside.b, &ordinary.b
		}
		kind := op.Query
		if i%4 < 2 {
			kind = op.Apply
		}
		all.Go(func() {
			for range 2000 {
				leave, refused := g.Enter(context.Background(), "hub", bank, kind)
				if refused != nil {
					continue
				}
				entered.Add(1)
				if of.Add(1) > 16 || inside.hub.Add(1) > 24 {
					over.Add(1)
				}
				if kind == op.Apply && (rest.Add(1) > 12 || ordinary.hub.Add(1) > 18) {
					over.Add(1)
				}
				if kind == op.Apply {
					ordinary.hub.Add(-1)
					rest.Add(-1)
				}
				inside.hub.Add(-1)
				of.Add(-1)
				leave(op.Result{})
				leave(op.Result{})
			}
		})
	}
	all.Wait()
	if over.Load() > 0 || entered.Load() == 0 {
		t.Errorf("of %d that entered, %d found more inside than allowed", entered.Load(), over.Load())
	}
	for _, bank := range []string{"a", "b"} {
		if n := look(g, bank).InFlight; n != 0 {
			t.Errorf("bank %s still has %d under way", bank, n)
		}
		if in, _ := admit(g, bank, op.Query, 12); in != 12 {
			t.Errorf("bank %s lets %d through afterwards, want 12: %+v", bank, in, look(g, bank))
		}
	}
}

func BenchmarkEnter(b *testing.B) {
	for _, goroutines := range []int{1, 8} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			g := newGuard(set(wide, wide, wide), time.Now)
			b.SetParallelism(goroutines)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if leave, refused := g.Enter(context.Background(), "hub", "a", op.Apply); refused == nil {
						leave(op.Result{})
					}
				}
			})
		})
	}
}
