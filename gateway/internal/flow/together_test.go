package flow_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/resolve"
)

// The resolver at work on the real journal, in virtual time.
func TestResolverFindsOut(t *testing.T) {
	set := shipped(t)
	synctest.Test(t, func(t *testing.T) {
		pass(time.Until(start))
		h := newHouse(t, t.TempDir(), set)
		h.now, h.bank.now = time.Now, time.Now
		h.wire(set)
		r := resolve.New(resolve.Config{Store: h.store, Banks: h.banks, Flow: h.flow, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		h.wake = r.Wake
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- r.Run(ctx) }()

		signed := h.create(t)
		h.bank.fates = []fate{lostAfter}
		if _, err := h.confirm(signed.ID, canaryCode); err != nil {
			t.Fatal(err)
		}
		h.bank.fates = []fate{lostBefore}
		never := h.createFor(t, "u_2")
		pass(2*time.Second + time.Millisecond)
		synctest.Wait()
		if b := h.get(t, signed.ID); b.State != flow.Active {
			t.Errorf("after 2 s: %s", b.State)
		}
		pass(time.Minute)
		synctest.Wait()
		if b := h.get(t, never.ID); b.State != flow.Failed || b.Reason != op.BankTimeout {
			t.Errorf("after a minute: %s, %s", b.State, b.Reason)
		}
		idle := h.createFor(t, "u_3")
		pass(15*time.Minute + time.Second)
		synctest.Wait()
		if row, err := h.store.Binding(t.Context(), idle.ID); err != nil || row.State != flow.Expired {
			t.Errorf("after its time: %s, %v", row.State, err)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Two processes look after one journal: each outcome is asked for once, and found out.
func TestTwoResolversShareAJournal(t *testing.T) {
	set := shipped(t)
	synctest.Test(t, func(t *testing.T) {
		pass(time.Until(start))
		h := newHouse(t, t.TempDir(), set)
		h.now, h.bank.now = time.Now, time.Now
		h.wire(set)
		const many = 30
		var bound []string
		for i := range many {
			b := h.createFor(t, fmt.Sprint("u_", i))
			h.bank.fates = []fate{lostAfter}
			if _, err := h.confirm(b.ID, canaryCode); err != nil {
				t.Fatal(err)
			}
			bound = append(bound, b.ID)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 2)
		for _, owner := range []string{"one", "two"} {
			r := resolve.New(resolve.Config{Store: h.store, Banks: h.banks, Flow: h.flow, Now: time.Now, Log: slog.New(slog.DiscardHandler), Owner: owner})
			go func() { stopped <- r.Run(ctx) }()
		}
		pass(5 * time.Second)
		synctest.Wait()
		for _, id := range bound {
			if b := h.get(t, id); b.State != flow.Active {
				t.Errorf("%s is %s", id, b.State)
			}
		}
		if asked := h.bank.queries(); asked != many {
			t.Errorf("%d were asked about with %d queries", many, asked)
		}
		stop()
		for range 2 {
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		}
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }
