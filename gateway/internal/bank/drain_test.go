package bank_test

import (
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/op"
)

// Near the end of the process nothing begins that could not be over by then, and nothing of it is written.
func TestNothingBeginsThatCannotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &trace{result: accepted}
		banks := newBanks(all, time.Now, slog.New(slog.DiscardHandler))
		banks.Drain(time.Now().Add(8 * time.Second))
		if _, err := banks.Do(t.Context(), step()); err != nil {
			t.Fatalf("it could be over in time: %v", err)
		}
		<-time.After(time.Second)
		all.steps = nil
		got, err := banks.Do(t.Context(), step())
		if p := problemOf(t, err); got.Outcome != op.NotSent || p.Reason != op.ShuttingDown || p.Outcome != op.NotSent || p.Asked {
			t.Errorf("got %+v, %+v", got, p)
		}
		if want := []string{"enter", "leave not_sent"}; !reflect.DeepEqual(all.steps, want) {
			t.Errorf("got %v, want %v: nothing written, the gate's place given back", all.steps, want)
		}
		ask := step()
		ask.Op.Kind = op.Query
		if got, err := banks.Do(t.Context(), ask); err != nil || got.Outcome != op.Accepted {
			t.Errorf("a query: %+v, %v", got, err)
		}
	})
}

// What hangs at a bank when the process must end is cut off and written as unknown at once.
func TestWhatHangsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &trace{hang: true}
		banks := newBanks(all, time.Now, slog.New(slog.DiscardHandler))
		begun := time.Now()
		done := make(chan op.Result)
		go func() {
			r, err := banks.Do(t.Context(), step())
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		synctest.Wait()
		if left := banks.Cut(); len(left) != 1 || left[0].ID != "att_1" || left[0].Number != "7" {
			t.Errorf("cut off %+v", left)
		}
		if r := <-done; r.Outcome != op.Unknown || time.Since(begun) != 0 {
			t.Errorf("got %v after %v", r.Outcome, time.Since(begun))
		}
		if want := []string{"enter", "intend", "send", "leave unknown", "settle unknown"}; !reflect.DeepEqual(all.steps, want) {
			t.Errorf("got %v, want %v", all.steps, want)
		}
		if left := banks.Cut(); len(left) != 0 {
			t.Errorf("still under way: %+v", left)
		}
		_, err := banks.Do(t.Context(), step())
		if p := problemOf(t, err); p.Reason != op.ShuttingDown {
			t.Errorf("after the end: %+v", p)
		}
	})
}

func problemOf(t *testing.T, err error) *op.Problem {
	t.Helper()
	p, ok := err.(*op.Problem) //nolint:errorlint // Do promises the problem itself
	if !ok {
		t.Fatalf("got error %v, want a problem", err)
	}
	return p
}
