package resolve_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/resolve"
)

// world is a journal, banks and a flow of which only the timing matters: an
// attempt is asked about after the pauses, until the bank tells.
type world struct {
	mu        sync.Mutex
	begun     time.Time
	open      map[string]journal.Attempt
	asked     map[string][]time.Duration
	atOnce    map[string]int
	tells     map[string]int           // the bank tells at this query
	takes     map[string]time.Duration // how long an answer takes
	refuses   int                      // so many queries are stopped at the gate
	broken    int                      // so many reads of the journal fail
	expires   int
	inTurn    bool   // banks have equal parts of what is due
	unaskable string // nobody can make a question of this one
	settled   map[string]time.Duration
	leases    map[string]leased
	slowRead  time.Duration // how long what is due is on its way
	together  int
	most      int
}

type leased struct {
	owner      string
	due, until time.Time
}

var pauses = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

func newWorld(attempts ...string) *world {
	w := &world{
		begun: time.Now(), open: map[string]journal.Attempt{}, asked: map[string][]time.Duration{}, atOnce: map[string]int{},
		tells: map[string]int{}, takes: map[string]time.Duration{}, settled: map[string]time.Duration{},
		leases: map[string]leased{},
	}
	for _, id := range attempts {
		w.add(id)
	}
	return w
}

func (w *world) add(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[id] = journal.Attempt{ID: id, Kind: op.Confirm, Settled: true, AskAt: time.Now().Add(pauses[0])}
}

func (w *world) LeaseDue(_ context.Context, l journal.Lease, limit int) ([]journal.Attempt, error) {
	defer func() { pass(w.slowRead) }()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := l.Now
	if w.broken > 0 {
		w.broken--
		return nil, errors.New("disk is slow")
	}
	var due []journal.Attempt
	for _, a := range w.open {
		if !now.Before(a.AskAt) && !w.others(a, l) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b journal.Attempt) int { return cmp.Or(a.AskAt.Compare(b.AskAt), cmp.Compare(a.ID, b.ID)) })
	turns, turn := map[string]int{}, map[string]int{}
	for _, a := range due {
		turns[a.Bank]++
		turn[a.ID] = turns[a.Bank]
	}
	if w.inTurn {
		slices.SortStableFunc(due, func(a, b journal.Attempt) int { return cmp.Compare(turn[a.ID], turn[b.ID]) })
	}
	due = due[:min(limit, len(due))]
	for _, a := range due {
		w.leases[a.ID] = leased{l.Owner, a.AskAt, now.Add(l.For)}
	}
	return due, nil
}

func (w *world) others(a journal.Attempt, l journal.Lease) bool {
	has := w.leases[a.ID]
	return has.owner != l.Owner && has.due.Equal(a.AskAt) && l.Now.Before(has.until)
}

func (w *world) LeaseOpen(_ context.Context, l journal.Lease, id string) (journal.Attempt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.open[id]
	switch {
	case !ok:
		return journal.Attempt{}, journal.ErrNotFound
	case w.others(a, l):
		return journal.Attempt{}, journal.ErrLeased
	}
	w.leases[id] = leased{l.Owner, a.AskAt, l.Now.Add(l.For)}
	return a, nil
}

func (w *world) Release(_ context.Context, owner string, but ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, has := range w.leases {
		if has.owner == owner && !slices.Contains(but, id) {
			delete(w.leases, id)
		}
	}
	return nil
}

func (w *world) Attempt(_ context.Context, id string) (journal.Attempt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := w.open[id]; ok {
		return a, nil
	}
	if _, over := w.settled[id]; over {
		return journal.Attempt{ID: id, Kind: op.Confirm, Settled: true}, nil
	}
	return journal.Attempt{}, journal.ErrNotFound
}

func (w *world) Question(_ context.Context, a journal.Attempt) (bank.Step, bool, error) {
	if a.ID == w.unaskable {
		return bank.Step{}, false, errors.New("its bank was taken out of the profiles")
	}
	return bank.Step{Attempt: journal.Attempt{Of: a.ID}}, true, nil
}

func (w *world) Do(_ context.Context, s bank.Step) (op.Result, error) {
	id := s.Attempt.Of
	w.mu.Lock()
	if w.refuses > 0 {
		w.refuses--
		w.mu.Unlock()
		return op.Result{Outcome: op.NotSent}, &op.Problem{Reason: op.BankRateLimited}
	}
	w.atOnce[id]++
	if w.atOnce[id] > 1 {
		panic("asked twice at once about " + id)
	}
	w.together++
	w.most = max(w.most, w.together)
	w.asked[id] = append(w.asked[id], time.Since(w.begun))
	n, takes := len(w.asked[id]), w.takes[id]
	w.mu.Unlock()
	pass(takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.atOnce[id]--
	w.together--
	if tell := w.tells[id]; tell > 0 && n >= tell {
		return op.Result{Outcome: op.Accepted}, nil
	}
	return op.Result{}, nil
}

func (w *world) Told(_ context.Context, a journal.Attempt, r op.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Outcome == op.Accepted {
		delete(w.open, a.ID)
		w.settled[a.ID] = time.Since(w.begun)
		return nil
	}
	a = w.open[a.ID]
	if r.Outcome != op.NotSent {
		a.Asked++
	}
	a.AskAt = time.Now().Add(pauses[min(a.Asked, len(pauses)-1)])
	w.open[a.ID] = a
	return nil
}

func (w *world) Expire(context.Context, int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expires++
	return 0, nil
}

func (w *world) resolver(workers int) *resolve.Resolver {
	return resolve.New(resolve.Config{Store: w, Banks: w, Flow: w, Now: time.Now, Log: slog.New(slog.DiscardHandler), Workers: workers})
}

// run runs a resolver for a while, and waits until it is gone.
func run(t *testing.T, r *resolve.Resolver, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func seconds(s ...float64) []time.Duration {
	var all []time.Duration
	for _, x := range s {
		all = append(all, time.Duration(x*float64(time.Second)))
	}
	return all
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("silent", "told")
		w.tells["told"] = 3
		run(t, w.resolver(0), 205*time.Second)
		if want := seconds(2, 7, 22, 82, 142, 202); !slices.Equal(w.asked["silent"], want) {
			t.Errorf("asked after %v, want %v: the last pause repeats for ever", w.asked["silent"], want)
		}
		if want := seconds(2, 7, 22); !slices.Equal(w.asked["told"], want) {
			t.Errorf("asked after %v, want %v: what is known is not asked again", w.asked["told"], want)
		}
		if w.expires < 200 {
			t.Errorf("looked for old sessions %d times in 205 s", w.expires)
		}
	})
}

// A wake is on time to the moment, where the regular look is once a second.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.resolver(0)
		go func() {
			pass(300 * time.Millisecond)
			w.add("fresh")
			r.Wake(time.Now().Add(pauses[0]))
			r.Wake(time.Now().Add(time.Hour)) // a later one does not push it back
		}()
		run(t, r, 4*time.Second)
		if want := seconds(2.3); !slices.Equal(w.asked["fresh"], want) {
			t.Errorf("asked after %v, want %v", w.asked["fresh"], want)
		}
	})
}

func TestWakeNeverBlocks(t *testing.T) {
	r := newWorld().resolver(0)
	for range 10_000 { // nobody is running
		r.Wake(time.Now())
		r.Hint("att")
		r.Recheck("att")
	}
}

func TestHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("waited for")
		w.tells["waited for"] = 1
		r := w.resolver(0)
		go func() {
			pass(500 * time.Millisecond)
			r.Hint("waited for")
			r.Hint("unheard of")
		}()
		run(t, r, 10*time.Second)
		if want := seconds(0.5); !slices.Equal(w.asked["waited for"], want) {
			t.Errorf("asked after %v, want %v", w.asked["waited for"], want)
		}
	})
}

// What is decided is asked about only where somebody wants it asked again.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("decided")
		w.tells["decided"] = 1
		r := w.resolver(0)
		go func() {
			pass(6 * time.Second) // it is found out by now
			r.Hint("decided")
			pass(time.Second)
			r.Recheck("decided")
		}()
		run(t, r, 10*time.Second)
		if want := seconds(2, 7); !slices.Equal(w.asked["decided"], want) {
			t.Errorf("asked after %v, want %v", w.asked["decided"], want)
		}
	})
}

// A slow bank is asked once at a time, and holds nobody up but itself.
func TestSlowBankAndManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for i := range 40 {
			ids = append(ids, fmt.Sprintf("att_%02d", i))
		}
		w := newWorld(append(ids, "slow")...)
		w.takes["slow"] = 30 * time.Second
		for _, id := range ids {
			w.tells[id], w.takes[id] = 1, 100*time.Millisecond
		}
		r := w.resolver(4)
		go func() {
			pass(5 * time.Second)
			for range 5 {
				r.Hint("slow") // while it is being asked
			}
		}()
		run(t, r, 20*time.Second)
		for _, id := range ids {
			if at := w.settled[id]; at == 0 || at > 5*time.Second {
				t.Errorf("%s was found out after %v", id, at)
			}
		}
		if w.most > 4 {
			t.Errorf("%d queries at once, 4 allowed", w.most)
		}
		// Run came back only when the query under way was over.
		if len(w.asked["slow"]) != 1 || time.Since(w.begun) < 32*time.Second {
			t.Errorf("asked %v, back after %v", w.asked["slow"], time.Since(w.begun))
		}
	})
}

func TestShutGateAndBrokenJournalAreOnlyDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.tells["a"], w.refuses, w.broken = 1, 2, 3
		run(t, w.resolver(0), 20*time.Second)
		if want := seconds(7); !slices.Equal(w.asked["a"], want) {
			t.Errorf("asked after %v, want %v", w.asked["a"], want)
		}
		if w.settled["a"] == 0 {
			t.Error("not found out")
		}
	})
}

// Another process goes on where one has stopped.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.tells["a"] = 3
		run(t, w.resolver(0), 3*time.Second)
		pass(10 * time.Second)
		run(t, w.resolver(0), time.Minute)
		if want := seconds(2, 13, 28); !slices.Equal(w.asked["a"], want) || w.settled["a"] == 0 {
			t.Errorf("asked after %v, want %v", w.asked["a"], want)
		}
	})
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }
