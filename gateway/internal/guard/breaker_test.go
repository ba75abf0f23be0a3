package guard_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

const second = profiles.Duration(time.Second)

var rules = profiles.Breaker{
	Window: 10 * second, MinCalls: 20, FailureRate: 0.5, SlowRate: 0.8, SlowAfter: 2 * second, Consecutive: 20,
	OpenFor: profiles.Range{Min: 5 * second, Max: 60 * second}, Probes: 3,
}

// What exchanges come to.
var (
	fine        = op.Result{Outcome: op.Accepted, Exchange: 100 * time.Millisecond}
	no          = op.Result{Outcome: op.Refused, Reason: op.CodeWrong}
	later       = op.Result{Outcome: op.Pending}
	late        = op.Result{Outcome: op.Accepted, Exchange: 3 * time.Second}
	silent      = op.Result{Outcome: op.Unknown, Reason: op.BankTimeout, Fault: op.ChannelFault}
	memberFails = op.Result{Outcome: op.Unknown, Reason: op.BankTimeout, Fault: op.MemberFault}
	unreachable = op.Result{Outcome: op.NotSent, Reason: op.ChannelUnavailable, Fault: op.ChannelFault}
	ours        = op.Result{Outcome: op.NotSent, Reason: op.Internal}
	cancelled   = op.Result{Outcome: op.Unknown, Fault: op.ChannelFault, Err: fmt.Errorf("exchange: %w", context.Canceled)}
)

// bench is a guard of three banks behind one hub, and of one that is direct.
type bench struct {
	*testing.T
	*guard.Guard
	set    *profiles.Set
	mu     sync.Mutex
	told   []string
	chance float64
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, set: &profiles.Set{}}
	channel := profiles.ChannelBreaker{
		Window: rules.Window, MinCalls: rules.MinCalls, FailureRate: rules.FailureRate, Consecutive: rules.Consecutive,
		OpenFor: rules.OpenFor, Probes: rules.Probes,
	}
	for _, id := range []string{"a", "b", "c"} {
		b.set.Banks = append(b.set.Banks, &profiles.Bank{ID: id, Limits: wide, Breaker: rules, Routes: []profiles.Route{{Channel: "hub"}}})
	}
	b.set.Banks = append(b.set.Banks, &profiles.Bank{ID: "direct", Limits: wide, Breaker: rules, Routes: []profiles.Route{{Channel: "direct"}}})
	for _, id := range []string{"hub", "direct"} {
		b.set.Channels = append(b.set.Channels, &profiles.Channel{ID: id, Limits: wide, Breaker: channel, Timeouts: profiles.ChannelTimeouts{Apply: 10 * second}})
	}
	b.Guard = guard.New(guard.Config{Set: b.set, Chance: func() float64 { return b.chance }, Changed: func(c guard.Change) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, c.Name()+" "+c.ID+" "+c.Class+" "+string(c.To))
	}})
	return b
}

// enter must be let in.
func (b *bench) enter(bank string, kind op.Kind) func(op.Result) {
	b.Helper()
	leave, refused := b.try(bank, kind)
	if refused != nil {
		b.Fatalf("%s at %s was refused: %+v", kind, bank, refused)
	}
	return leave
}

func (b *bench) try(bank string, kind op.Kind) (func(op.Result), *op.Problem) {
	channel := "hub"
	if bank == "direct" {
		channel = "direct"
	}
	return b.Enter(b.Context(), channel, bank, kind)
}

// happen has n exchanges of a kind come to a result.
func (b *bench) happen(n int, bank string, kind op.Kind, r op.Result) {
	b.Helper()
	for range n {
		b.enter(bank, kind)(r)
	}
}

// refused wants a refusal that asks for a wait of so many seconds.
func (b *bench) refused(bank string, kind op.Kind, reason op.Reason, wait int) {
	b.Helper()
	leave, refused := b.try(bank, kind)
	if refused == nil {
		leave(ours)
		b.Fatalf("%s at %s was let in", kind, bank)
	}
	if refused.Reason != reason || refused.RetryAfterS != wait || refused.Outcome != op.NotSent || refused.Bank != bank {
		b.Errorf("refused with %+v, want %s and %d s", refused, reason, wait)
	}
}

func (b *bench) state(scope guard.Scope, id string, class guard.Class) guard.ClassSnapshot {
	b.Helper()
	s, ok := b.Snapshot(scope, id)
	if !ok {
		b.Fatalf("no %s %s", scope, id)
	}
	return s.Classes[class]
}

func (b *bench) wantState(scope guard.Scope, id string, class guard.Class, want guard.State) {
	b.Helper()
	if s := b.state(scope, id, class); s.State != want {
		b.Errorf("%s %s, %v: %s, want %s: %+v", scope, id, class, s.State, want, s.Window)
	}
}

func (b *bench) wantTold(want ...string) {
	b.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.told, want) {
		b.Errorf("told %q, want %q", b.told, want)
	}
}

// pass lets time pass on a bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

// bubble runs a test on a clock of its own.
func bubble(t *testing.T, run func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(newBench(t)) })
}

func TestOpensByFailureRate(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(10, "a", op.Apply, fine)
		b.happen(9, "a", op.Apply, memberFails)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Closed)
		b.happen(1, "a", op.Apply, memberFails)
		s := b.state(guard.OfBank, "a", guard.Fresh)
		want := guard.Why{Rule: "failure_rate", Consecutive: 10, Counts: guard.Counts{Accepted: 10, Unknown: 10}}
		if s.State != guard.Open || *s.Why != want || !s.Until.Equal(time.Now().Add(5*time.Second)) || !s.Since.Equal(time.Now()) {
			t.Errorf("%+v, %+v", s, s.Why)
		}
		b.refused("a", op.Verify, op.BankUnavailable, 6) // new work leaves a second for a query to go first
		b.happen(1, "a", op.Confirm, fine)
		b.happen(1, "b", op.Apply, fine)
		b.wantState(guard.OfChannel, "hub", guard.Fresh, guard.Closed)
		b.wantTold("bank.degraded a new open")
	})
}

// A bank that says no is well, however often it does.
func TestRefusalsNeverCount(t *testing.T) {
	bubble(t, func(b *bench) {
		for _, r := range []op.Result{no, later, ours, cancelled} {
			b.happen(100, "a", op.Apply, r)
			b.happen(100, "direct", op.Confirm, r)
		}
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Closed)
		b.wantState(guard.OfBank, "direct", guard.Confirm, guard.Closed)
		b.wantState(guard.OfChannel, "direct", guard.Confirm, guard.Closed)
		want := guard.Counts{Refused: 100, Pending: 100}
		if got := b.state(guard.OfBank, "a", guard.Fresh).Window; got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
		b.wantTold()
	})
}

// gobreaker's own count of failures in a row decays with its window: thirty that
// are far apart left it closed.
func TestFailuresFarApartOpen(t *testing.T) {
	bubble(t, func(b *bench) {
		for n := 1; b.state(guard.OfBank, "a", guard.Confirm).State == guard.Closed; n++ {
			if n > 30 {
				t.Fatal("30 failures in a row left it closed")
			}
			b.happen(1, "a", op.Confirm, memberFails)
			pass(30 * time.Second)
		}
		if why := b.state(guard.OfBank, "a", guard.Confirm).Why; why.Rule != "consecutive" || why.Consecutive != 20 {
			t.Errorf("%+v", why)
		}
	})
}

func TestSlownessOpens(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(5, "a", op.Apply, fine)
		b.happen(19, "a", op.Apply, late)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Closed)
		b.happen(1, "a", op.Apply, late)
		if why := b.state(guard.OfBank, "a", guard.Fresh).Why; why == nil || why.Rule != "slow_rate" || why.Counts.Slow != 20 || why.Counts.Calls() != 25 {
			t.Errorf("%+v", why)
		}
		b.wantState(guard.OfChannel, "hub", guard.Fresh, guard.Closed)
		b.happen(50, "b", op.Apply, op.Result{Outcome: op.Pending, Exchange: time.Millisecond}) // who answers "later" at once is quick
		b.wantState(guard.OfBank, "b", guard.Fresh, guard.Closed)
	})
}

// A member that is silent behind a hub that speaks with others.
func TestASilentMemberDoesNotOpenItsHub(t *testing.T) {
	bubble(t, func(b *bench) {
		for range 40 {
			if leave, refused := b.try("a", op.Apply); refused == nil {
				pass(8 * time.Second)
				b.happen(1, "b", op.Query, fine)
				leave(silent)
			}
		}
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Open)
		b.wantState(guard.OfChannel, "hub", guard.Fresh, guard.Closed)
		b.happen(1, "b", op.Apply, fine)
	})
}

// With nobody else to ask, a hub that has many members gets the benefit of the doubt.
func TestASilentMemberAloneDoesNotOpenItsHub(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Apply, silent)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Open)
		b.wantState(guard.OfChannel, "hub", guard.Fresh, guard.Closed)
	})
}

func TestASilentHubDoesNotOpenItsMembers(t *testing.T) {
	for name, r := range map[string]op.Result{"silent": silent, "unreachable": unreachable} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				for i := range 40 {
					if leave, refused := b.try([]string{"a", "b", "c"}[i%3], op.Apply); refused == nil {
						pass(100 * time.Millisecond)
						leave(r)
					}
				}
				b.wantState(guard.OfChannel, "hub", guard.Fresh, guard.Open)
				for _, bank := range []string{"a", "b", "c"} {
					b.wantState(guard.OfBank, bank, guard.Fresh, guard.Closed)
				}
				if _, refused := b.try("a", op.Apply); refused == nil || refused.Reason != op.ChannelUnavailable {
					t.Errorf("refused with %+v", refused)
				}
			})
		})
	}
}

// A direct bank's silence is its channel's, unless it still answers something else.
func TestASilentDirectBank(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "direct", op.Apply, silent)
		b.wantState(guard.OfChannel, "direct", guard.Fresh, guard.Open)
		b.wantState(guard.OfBank, "direct", guard.Fresh, guard.Closed)
	})
	bubble(t, func(b *bench) {
		for range 20 {
			leave := b.enter("direct", op.Apply)
			pass(time.Second)
			b.happen(1, "direct", op.Query, fine)
			leave(silent)
		}
		b.wantState(guard.OfBank, "direct", guard.Fresh, guard.Open)
		b.wantState(guard.OfChannel, "direct", guard.Fresh, guard.Closed)
	})
}

// What began before a change is no news after it.
func TestLateResultsOfAnotherTime(t *testing.T) {
	bubble(t, func(b *bench) {
		var hanging []func(op.Result)
		for range 100 {
			hanging = append(hanging, b.enter("a", op.Query))
		}
		b.happen(20, "a", op.Query, memberFails)
		pass(5 * time.Second)
		b.happen(3, "a", op.Query, fine)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
		for _, leave := range hanging {
			leave(memberFails)
		}
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
		if n := look(b.Guard, "a").InFlight; n != 0 {
			t.Errorf("%d are under way", n)
		}
		b.wantTold("bank.degraded a query open", "bank.recovered a query closed")
	})
}

func TestOpenTimeGrowsAndIsForgotten(t *testing.T) {
	bubble(t, func(b *bench) {
		b.chance = 1
		opens := func(want time.Duration) {
			t.Helper()
			if got := time.Until(b.state(guard.OfBank, "a", guard.Query).Until); got != want {
				t.Errorf("open for %v, want %v", got, want)
			}
			pass(want)
			b.wantState(guard.OfBank, "a", guard.Query, guard.HalfOpen)
		}
		b.happen(20, "a", op.Query, memberFails)
		opens(10 * time.Second)
		for _, want := range []time.Duration{20 * time.Second, 40 * time.Second, 60 * time.Second, 60 * time.Second} {
			b.happen(1, "a", op.Query, memberFails) // one failing probe is enough
			opens(want)
		}
		b.happen(3, "a", op.Query, fine)
		b.happen(20, "a", op.Query, memberFails)
		opens(60 * time.Second) // it was well for no time at all
		b.happen(3, "a", op.Query, fine)
		pass(time.Minute)
		b.chance = 0
		b.happen(20, "a", op.Query, memberFails)
		opens(5 * time.Second)
	})
}

// A probe of which nobody ever hears again gives its permit back as a failure
// (gobreaker's half-open state has no expiry).
func TestAHungProbeComesBack(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Query, memberFails)
		pass(5 * time.Second)
		hung := b.enter("a", op.Query)
		two, three := b.enter("a", op.Query), b.enter("a", op.Query)
		b.refused("a", op.Query, op.BankUnavailable, 1) // no more than three at once
		two(fine)
		three(fine)
		b.refused("a", op.Query, op.BankUnavailable, 1)
		pass(20 * time.Second) // the longest time-out and ten seconds
		synctest.Wait()
		b.wantState(guard.OfBank, "a", guard.Query, guard.Open)
		pass(5 * time.Second)
		b.happen(2, "a", op.Query, fine)
		hung(memberFails) // it was counted already
		b.happen(1, "a", op.Query, fine)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
		if n := look(b.Guard, "a").InFlight; n != 0 {
			t.Errorf("%d are under way", n)
		}
	})
}

// Probes that say nothing give their permits back, the last one as well.
func TestNeutralProbesComeBack(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Query, memberFails)
		pass(5 * time.Second)
		b.happen(50, "a", op.Query, cancelled)
		b.happen(50, "a", op.Query, ours)
		b.happen(2, "a", op.Query, fine)
		b.happen(50, "a", op.Query, cancelled)
		b.happen(1, "a", op.Query, no)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
	})
}

// A permit of a breaker is not lost where the other gate refuses.
func TestPermitsComeBackFromTheOtherGate(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Query, memberFails)
		b.happen(20, "b", op.Query, unreachable)
		pass(5 * time.Second)
		var probes []func(op.Result)
		for range 3 {
			probes = append(probes, b.enter("b", op.Query)) // the channel's three
		}
		for range 20 {
			b.refused("a", op.Query, op.ChannelUnavailable, 1)
		}
		for _, leave := range probes {
			leave(fine)
		}
		b.wantState(guard.OfChannel, "hub", guard.Query, guard.Closed)
		b.happen(3, "a", op.Query, fine)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
	})
}

// Queries go first; what is new goes last, and is needed to close.
func TestQueriesProbeFirst(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Apply, memberFails)
		pass(5 * time.Second)
		b.refused("a", op.Apply, op.BankUnavailable, 1)
		b.happen(10, "a", op.Query, fine)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.HalfOpen)
		b.happen(1, "a", op.Apply, fine)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Closed)
		b.wantTold("bank.degraded a new open", "bank.recovered a new closed")
	})
	bubble(t, func(b *bench) { // a query that fails saves everybody else the attempt
		b.happen(20, "a", op.Apply, memberFails)
		pass(5 * time.Second)
		b.happen(1, "a", op.Query, memberFails)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Open)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Closed)
	})
	bubble(t, func(b *bench) { // where nobody queries, new work tries itself
		b.happen(20, "a", op.Apply, memberFails)
		pass(6 * time.Second)
		b.happen(3, "a", op.Apply, fine)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Closed)
	})
}

func TestASlowProbeFails(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Query, memberFails)
		pass(5 * time.Second)
		b.happen(1, "a", op.Query, late)
		b.wantState(guard.OfBank, "a", guard.Query, guard.Open)
	})
}

func TestForce(t *testing.T) {
	bubble(t, func(b *bench) {
		force := func(scope guard.Scope, id string, to guard.State, d time.Duration) {
			t.Helper()
			if err := b.Force(scope, id, to, d, "maintenance", "ops"); err != nil {
				t.Fatal(err)
			}
		}
		force(guard.OfBank, "a", guard.ForcedOpen, time.Minute)
		b.refused("a", op.Query, op.BankUnavailable, 60)
		b.happen(1, "b", op.Apply, fine)
		s, _ := b.Snapshot(guard.OfBank, "a")
		if f := s.Forced; f == nil || f.State != guard.ForcedOpen || f.Reason != "maintenance" || f.By != "ops" || !f.Until.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("%+v", f)
		}
		if h := s.Health(nil); h != guard.IsForcedOpen {
			t.Errorf("health %s", h)
		}
		pass(time.Minute)
		synctest.Wait()
		b.happen(1, "a", op.Apply, fine)

		force(guard.OfChannel, "hub", guard.ForcedOpen, time.Minute)
		b.refused("b", op.Apply, op.ChannelUnavailable, 60)
		force(guard.OfChannel, "hub", guard.Closed, 0)
		b.happen(1, "b", op.Apply, fine)

		b.happen(20, "c", op.Apply, memberFails)
		force(guard.OfBank, "c", guard.ForcedShut, time.Minute)
		b.happen(100, "c", op.Apply, memberFails)
		force(guard.OfBank, "c", guard.Closed, 0)
		b.wantState(guard.OfBank, "c", guard.Fresh, guard.Open)
		b.refused("c", op.Apply, op.BankUnavailable, 6)
		b.wantTold("bank.degraded a  forced_open", "bank.recovered a  closed", "channel.degraded hub  forced_open", "channel.recovered hub  closed",
			"bank.degraded c new open", "bank.recovered c  forced_closed", "bank.recovered c  closed")
		if err := b.Force(guard.OfBank, "none", guard.ForcedOpen, time.Minute, "", ""); err == nil {
			t.Error("a bank that is not there was forced")
		}
	})
}

func TestHealth(t *testing.T) {
	bubble(t, func(b *bench) {
		health := func() guard.Health {
			s, _ := b.Snapshot(guard.OfBank, "a")
			c, _ := b.Snapshot(guard.OfChannel, "hub")
			return s.Health([]guard.Snapshot{c})
		}
		if h := health(); h != guard.Healthy {
			t.Error(h)
		}
		b.happen(20, "a", op.Confirm, memberFails)
		if h := health(); h != guard.Degraded {
			t.Error(h)
		}
		b.happen(20, "a", op.Apply, memberFails)
		if h := health(); h != guard.Unavailable {
			t.Error(h)
		}
		pass(5 * time.Second)
		if h := health(); h != guard.Degraded {
			t.Error(h)
		}
	})
	bubble(t, func(b *bench) {
		b.happen(20, "b", op.Apply, unreachable)
		s, _ := b.Snapshot(guard.OfBank, "a")
		hub, _ := b.Snapshot(guard.OfChannel, "hub")
		other, _ := b.Snapshot(guard.OfChannel, "direct")
		if h := s.Health([]guard.Snapshot{hub}); h != guard.Unavailable {
			t.Error(h)
		}
		if h := s.Health([]guard.Snapshot{hub, other}); h != guard.Degraded {
			t.Error(h)
		}
	})
}

// A new set changes limits and rules, and nothing that was counted.
func TestAdjust(t *testing.T) {
	bubble(t, func(b *bench) {
		b.happen(20, "a", op.Apply, memberFails)
		b.happen(19, "b", op.Apply, memberFails)
		inside := b.enter("c", op.Apply)
		next := *b.set
		next.Banks = slices.Clone(b.set.Banks)
		tight := *b.set.Banks[2]
		tight.Limits.InFlight = 1
		next.Banks[2] = &tight
		next.Banks = next.Banks[:3]
		b.Adjust(&next)
		b.wantState(guard.OfBank, "a", guard.Fresh, guard.Open)
		b.refused("c", op.Apply, op.BankRateLimited, 1)
		inside(fine)
		b.happen(5, "c", op.Apply, fine)
		b.happen(1, "b", op.Apply, memberFails)
		b.wantState(guard.OfBank, "b", guard.Fresh, guard.Open)
		b.refused("direct", op.Apply, op.BankUnavailable, 0)
	})
}

// Who is inside while the ladder changes leaves by the rungs it came by.
func TestAdjustTheLadder(t *testing.T) {
	bubble(t, func(b *bench) {
		next := *b.set
		next.Banks = slices.Clone(b.set.Banks)
		other := *b.set.Banks[0]
		own := profiles.Reserve{Query: 0.1, Confirm: 0.1, Unsign: 0.1}
		other.Limits = profiles.Limits{PerSecond: 1000, Burst: 1000, InFlight: 10, Reserve: &own}
		next.Banks[0] = &other
		kinds := []op.Kind{op.Apply, op.Unsign, op.Confirm, op.Query}
		var inside []func(op.Result)
		for _, set := range []*profiles.Set{&next, b.set, &next} {
			for _, kind := range kinds {
				inside = append(inside, b.enter("a", kind))
			}
			b.Adjust(set)
		}
		for _, leave := range inside {
			leave(fine)
		}
		for _, most := range []struct {
			kind op.Kind
			n    int
		}{{op.Apply, 7}, {op.Unsign, 1}, {op.Confirm, 1}, {op.Query, 1}} {
			if in, _ := admit(b.Guard, "a", most.kind, 20); in != most.n {
				t.Errorf("%d of %s were let in, want %d", in, most.kind, most.n)
			}
		}
	})
}

func TestLatency(t *testing.T) {
	bubble(t, func(b *bench) {
		for i := range 200 {
			b.happen(1, "a", op.Query, op.Result{Outcome: op.Accepted, Exchange: time.Duration(i+1) * time.Millisecond})
		}
		s := b.state(guard.OfBank, "a", guard.Query)
		if s.P50 != 136*time.Millisecond || s.P99 != 199*time.Millisecond || s.Exchanges != 128 {
			t.Errorf("p50 %v, p99 %v of %d", s.P50, s.P99, s.Exchanges)
		}
	})
}
