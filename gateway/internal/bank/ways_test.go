package bank_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// quiet is a gate that lets everything through and a journal that takes everything, for many at once.
type quiet struct{}

func (quiet) Enter(context.Context, string, string, op.Kind) (func(op.Result), *op.Problem) {
	return func(op.Result) {}, nil
}

func (quiet) Apply(context.Context, journal.Change) error { return nil }

// What is under way ends on the channel that it has begun with; what begins
// afterwards goes over the new one; the old one is idle once nothing is on it.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := &trace{hang: true}, &trace{result: accepted}
		timeout := func(string, op.Kind) time.Duration { return 8 * time.Second }
		first := bank.Channel{ID: "hub", Adapter: old, Codec: old, Link: old, Timeout: timeout}
		banks := bank.New(quiet{}, quiet{}, []bank.Channel{first}, time.Now, slog.New(slog.DiscardHandler))
		var under sync.WaitGroup
		under.Go(func() { _, _ = banks.Do(t.Context(), step()) })
		synctest.Wait()
		idle := banks.Replace(bank.Channel{ID: "hub", Adapter: next, Codec: next, Link: next, Timeout: timeout})
		if got, err := banks.Do(t.Context(), step()); err != nil || got.Outcome != op.Accepted {
			t.Errorf("over the new one: %+v, %v", got, err)
		}
		synctest.Wait()
		select {
		case <-idle:
			t.Error("idle, though an attempt is under way")
		default:
		}
		under.Wait() // it times out
		<-idle
		<-banks.Replace(first) // nothing is on it
	})
}
