package resolve_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/resolve"
)

// owned is a resolver of a process of its own.
func (w *world) owned(owner string) *resolve.Resolver {
	return resolve.New(resolve.Config{
		Store: w, Banks: w, Flow: w, Now: time.Now, Log: slog.New(slog.DiscardHandler), Owner: owner, Lease: time.Minute,
	})
}

// Two processes over one journal: each attempt is asked about as often as one
// would, and never twice at once (the world would panic).
func TestTwoShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		const many = 400
		for i := range many {
			id := fmt.Sprintf("att_%03d", i)
			w.addAt(fmt.Sprint("bank ", i%4), id)
			w.tells[id], w.takes[id] = 2, 300*time.Millisecond
		}
		one, two := w.owned("one"), w.owned("two")
		var both sync.WaitGroup
		both.Go(func() { run(t, one, time.Minute) })
		both.Go(func() { run(t, two, time.Minute) })
		for range 20 {
			pass(time.Second)
			one.Hint("att_007")
			two.Hint("att_007")
		}
		both.Wait()
		for id, asked := range w.asked {
			if most := 2; len(asked) > most {
				t.Errorf("%s was asked about %d times, want %d", id, len(asked), most)
			}
		}
		if len(w.settled) != many {
			t.Errorf("%d of %d were found out", len(w.settled), many)
		}
		if len(w.leases) != 0 {
			t.Errorf("%d are looked after by nobody who is there", len(w.leases))
		}
	})
}

// What a process has taken that dies is another's when the lease is over, and
// at once where it has only stopped: but for what it is still asking about.
func TestAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 20 {
			id := fmt.Sprintf("att_%02d", i)
			w.addAt("slow", id)
			w.tells[id], w.takes[id] = 1, 10*time.Second
		}
		w.add("of the dead")
		w.tells["of the dead"] = 1
		dead := w.open["of the dead"]
		w.leases["of the dead"] = leased{"three", dead.AskAt, dead.AskAt.Add(time.Minute)}

		var both sync.WaitGroup
		both.Go(func() { run(t, w.owned("one"), 3*time.Second) }) // asks eight, and leaves twelve
		both.Go(func() {
			pass(2500 * time.Millisecond) // when one has taken all
			run(t, w.owned("two"), 2*time.Minute)
		})
		both.Wait()
		for i := range 20 {
			id := fmt.Sprintf("att_%02d", i)
			if len(w.asked[id]) != 1 {
				t.Errorf("%s was asked about at %v", id, w.asked[id])
			}
			if at := w.asked[id][0]; at > 15*time.Second {
				t.Errorf("%s waited until %v for whoever had stopped", id, at)
			}
		}
		if at := w.asked["of the dead"]; len(at) != 1 || at[0] < 62*time.Second || at[0] > 64*time.Second {
			t.Errorf("asked at %v, want when the lease of the dead is over", at)
		}
	})
}

// What waits so long behind a silent bank that its lease may be over is not begun with.
func TestStaleLeaseIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 30 {
			id := fmt.Sprintf("att_%02d", i)
			w.addAt("silent", id)
			w.takes[id] = 9 * time.Second
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		r := w.owned("one")
		go func() { ended <- r.Run(ctx) }()
		pass(2500 * time.Millisecond)
		w.mu.Lock()
		w.broken = 1 << 30 // from now on its leases can't be renewed
		w.mu.Unlock()
		pass(3 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		for id, asked := range w.asked {
			// Taken after 2 s for a minute, and begun with in the first quarter of it.
			if last := asked[len(asked)-1]; last > 18*time.Second {
				t.Errorf("%s was asked about after %v", id, last)
			}
		}
		if len(w.asked) < 8 {
			t.Errorf("%d were asked about", len(w.asked))
		}
	})
}

// What is answered while the journal is read for the next questions is not asked about again by what was read.
func TestAnsweredWhileTheJournalIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("slow")
		w.tells["slow"], w.takes["slow"], w.slowRead = 1, 1500*time.Millisecond, time.Second
		run(t, w.owned("one"), 20*time.Second)
		if n := len(w.asked["slow"]); n != 1 || len(w.settled) != 1 {
			t.Errorf("asked %d times, %d found out", n, len(w.settled))
		}
	})
}
