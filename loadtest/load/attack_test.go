package load

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAttackAchievesTheRateItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shots atomic.Int64
		s := Attack{Pace: Constant(500, 20*time.Second)}.Run(t.Context(), func(ctx context.Context, _ int, _ time.Time) {
			shots.Add(1)
			sleep(ctx, 3*time.Second) // slow answers must not slow the pace
		})
		achieved := float64(s.Started-1) / s.LastStart.Sub(s.Began).Seconds()
		if shots.Load() != 10_000 || s.Started != 10_000 || s.NotStarted != 0 || achieved/500 < 0.99 {
			t.Errorf("%d shots, %+v, achieved %.2f/s", shots.Load(), s, achieved)
		}
		if late := s.Late.At(99); late > time.Millisecond {
			t.Errorf("p99 of the starts is %v late", late)
		}
	})
}

func TestAttackCountsWhatItCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 10 a second, each takes 1.05 s: 11 would be under way, 5 may.
		var most, now atomic.Int64
		s := Attack{Pace: Constant(10, 10*time.Second), InFlight: 5}.Run(t.Context(), func(ctx context.Context, _ int, _ time.Time) {
			most.Store(max(most.Load(), now.Add(1)))
			sleep(ctx, 1050*time.Millisecond)
			now.Add(-1)
		})
		if most.Load() != 5 {
			t.Errorf("%d ran at once", most.Load())
		}
		if s.Started+s.NotStarted != s.Asked || s.Asked != 100 || s.NotStarted == 0 || s.Late.Count() != int64(s.Started) {
			t.Errorf("asked %d, started %d, not started %d, %d start times", s.Asked, s.Started, s.NotStarted, s.Late.Count())
		}
	})
}

func TestAttackWaitsForTheUnfinishedAndThenCutsThemOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := Attack{Pace: Constant(1, 10*time.Second), Drain: 5 * time.Second}.Run(t.Context(), func(ctx context.Context, i int, _ time.Time) {
			if i == 9 {
				<-ctx.Done()
				return
			}
			sleep(ctx, 5900*time.Millisecond) // binding 8 is done at 13.9 s, just in time
		})
		if took := time.Since(began); s.Unfinished != 1 || took != 14*time.Second {
			t.Errorf("%d unfinished after %v", s.Unfinished, took)
		}
	})
}

func TestInterruptedAttackSaysWhatItWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer interrupt()
		s := Attack{Pace: Constant(1, 10*time.Second), Grace: time.Second}.Run(ctx, func(ctx context.Context, i int, _ time.Time) {
			if ctx.Err() != nil {
				t.Error("a binding was begun after the interruption")
			}
			sleep(ctx, time.Minute)
		})
		if s.Started != 4 || s.Withheld != 6 || s.Unfinished != 4 {
			t.Errorf("%+v", s)
		}
		if took := time.Since(s.Began); took != 4500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
	})
}
