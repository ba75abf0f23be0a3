package guard_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// happened is one exchange in the book of the model.
type happened struct {
	slot          int64
	failed, tardy bool
}

// book is a breaker by the book: everything that has happened, counted anew each time.
type book struct {
	rules profiles.Breaker
	all   []happened
	row   int
}

// opens says whether the breaker must open with this exchange.
func (b *book) opens(slot int64, failed, tardy bool) bool {
	b.all = append(b.all, happened{slot, failed, tardy})
	if failed {
		b.row++
	} else {
		b.row = 0
	}
	var calls, failures, slow int
	for _, h := range b.all {
		if h.slot > slot-10 {
			calls++
			if h.failed {
				failures++
			}
			if h.tardy {
				slow++
			}
		}
	}
	if !failed && !tardy {
		return false
	}
	return b.row >= b.rules.Consecutive || calls >= b.rules.MinCalls &&
		(float64(failures) >= float64(b.rules.FailureRate)*float64(calls) || float64(slow) >= float64(b.rules.SlowRate)*float64(calls))
}

// A breaker opens exactly when the book says so, and for a time that its rules allow.
func TestBreakerByTheBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := profiles.Breaker{
			Window:   profiles.Duration(time.Duration(rapid.IntRange(1, 20).Draw(t, "window")) * time.Second),
			MinCalls: rapid.IntRange(1, 30).Draw(t, "calls"), Consecutive: rapid.IntRange(1, 30).Draw(t, "row"),
			FailureRate: profiles.Share(rapid.IntRange(1, 100).Draw(t, "failures")) / 100, SlowRate: profiles.Share(rapid.IntRange(1, 100).Draw(t, "slow")) / 100,
			SlowAfter: 2 * second, OpenFor: profiles.Range{Min: second, Max: 60 * second}, Probes: 3,
		}
		s := set(wide, wide, wide)
		s.Banks[0].Breaker = r
		c := &clock{noon}
		g := guard.New(guard.Config{Set: s, Now: c.now})
		b := book{rules: r}
		for range rapid.IntRange(1, 200).Draw(t, "exchanges") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Millisecond)
			result := rapid.SampledFrom([]op.Result{fine, fine, no, later, late, memberFails, memberFails, ours, cancelled, unreachable}).Draw(t, "result")
			leave, refused := g.Enter(t.Context(), "hub", "a", op.Confirm)
			if refused != nil {
				t.Fatalf("refused: %+v", refused)
			}
			leave(result)
			failed := result.Outcome == op.Unknown && result.Err == nil
			counts := result.Outcome != op.NotSent && result.Err == nil
			slot := int64(c.at.Sub(noon)) / (int64(r.Window) / 10)
			opens := counts && b.opens(slot, failed, result.Exchange > 2*time.Second)
			snapshot, _ := g.Snapshot(guard.OfBank, "a")
			state := snapshot.Classes[guard.Confirm]
			if (state.State == guard.Open) != opens {
				t.Fatalf("%s; the book says open: %v; %+v", state.State, opens, state.Window)
			}
			if opens {
				if d := state.Until.Sub(c.at); d < time.Second || d > 2*time.Second {
					t.Fatalf("open for %v", d)
				}
				if _, refused := g.Enter(t.Context(), "hub", "a", op.Cancel); refused == nil {
					t.Fatal("an open breaker let somebody in")
				}
				return
			}
		}
	})
}
