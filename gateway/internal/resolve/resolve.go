// Package resolve finds out what became of attempts whose outcome is unknown.
// It asks the banks when it is time and tells flow; it decides nothing itself.
package resolve

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// What a resolver needs of other rooms.
type (
	// Banks carries queries.
	Banks interface {
		Do(ctx context.Context, s bank.Step) (op.Result, error)
	}
	// Store knows what is open.
	Store interface {
		Due(ctx context.Context, now time.Time, limit int) ([]journal.Attempt, error)
		Attempt(ctx context.Context, id string) (journal.Attempt, error)
	}
	// Flow knows what to ask and moves bindings by what was said.
	Flow interface {
		Question(ctx context.Context, a journal.Attempt) (question bank.Step, ask bool, err error)
		Told(ctx context.Context, a journal.Attempt, r op.Result) error
		Expire(ctx context.Context, limit int) (int, error)
	}
)

// Config is what a Resolver needs. Zero numbers mean the defaults.
type Config struct {
	Store Store
	Banks Banks
	Flow  Flow
	Now   func() time.Time
	Log   *slog.Logger
	// Workers is how many queries may be under way at once, 1 to 1,000. Default 16.
	Workers int
	// Every is the longest pause between two looks at the journal, 10ms to 1m. Default 1s.
	Every time.Duration
}

const (
	dueAtOnce    = 256 // attempts read at once
	expireAtOnce = 256
	hintsWaiting = 256 // hints beyond are dropped: they are only hints
)

// Resolver asks about what is unknown.
type Resolver struct {
	cfg   Config
	wake  chan time.Time
	hints chan string

	mu   sync.Mutex
	busy map[string]bool // attempts being asked about: never twice at once
}

// New returns a Resolver.
func New(cfg Config) *Resolver {
	if cfg.Workers == 0 {
		cfg.Workers = 16
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	return &Resolver{cfg: cfg, wake: make(chan time.Time, 64), hints: make(chan string, hintsWaiting), busy: make(map[string]bool)}
}

// Wake says that there is something to ask at a time. It never blocks; a wake
// that finds no room is made up for by the next regular look.
func (r *Resolver) Wake(at time.Time) {
	select {
	case r.wake <- at:
	default:
	}
}

// Hint says that somebody waits for an attempt: asking now is welcome. It never blocks.
func (r *Resolver) Hint(attempt string) {
	select {
	case r.hints <- attempt:
	default:
	}
}

// Run asks until ctx ends, then waits for the queries under way. Attempts that
// a process before this one left behind are found like any other.
func (r *Resolver) Run(ctx context.Context) error {
	work := make(chan journal.Attempt)
	var workers sync.WaitGroup
	for range r.cfg.Workers {
		workers.Go(func() {
			for a := range work {
				r.ask(context.WithoutCancel(ctx), a)
			}
		})
	}
	defer workers.Wait()
	defer close(work)

	next := time.NewTimer(0)
	defer next.Stop()
	var wakeAt time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-r.hints:
			a, err := r.cfg.Store.Attempt(ctx, id)
			if err != nil {
				r.complain(ctx, "read an attempt", err)
			} else if a.Settled && !a.AskAt.IsZero() {
				r.hand(ctx, work, a)
			}
			continue
		case at := <-r.wake:
			if wakeAt.IsZero() || at.Before(wakeAt) {
				wakeAt = at
			}
		case <-next.C:
			wakeAt = time.Time{}
			r.look(ctx, work)
		}
		pause := r.cfg.Every
		if !wakeAt.IsZero() {
			pause = max(0, min(pause, wakeAt.Sub(r.cfg.Now())))
		}
		next.Reset(pause)
	}
}

// look hands out what is due, and ends sessions whose time is over.
func (r *Resolver) look(ctx context.Context, work chan<- journal.Attempt) {
	due, err := r.cfg.Store.Due(ctx, r.cfg.Now(), dueAtOnce)
	if err != nil && ctx.Err() == nil {
		r.complain(ctx, "read what is due", err)
	}
	for _, a := range due {
		r.hand(ctx, work, a)
	}
	if _, err := r.cfg.Flow.Expire(ctx, expireAtOnce); err != nil && ctx.Err() == nil {
		r.complain(ctx, "end sessions", err)
	}
}

// hand gives an attempt to a worker, unless one has it.
func (r *Resolver) hand(ctx context.Context, work chan<- journal.Attempt, a journal.Attempt) {
	r.mu.Lock()
	taken := r.busy[a.ID]
	r.busy[a.ID] = true
	r.mu.Unlock()
	if taken {
		return
	}
	select {
	case work <- a:
	case <-ctx.Done():
		r.free(a.ID)
	}
}

func (r *Resolver) free(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, id)
}

// ask asks a bank once and tells flow what it said. What goes wrong here is
// tried again: the attempt stays due.
func (r *Resolver) ask(ctx context.Context, a journal.Attempt) {
	defer r.free(a.ID)
	question, ask, err := r.cfg.Flow.Question(ctx, a)
	if err != nil {
		r.complain(ctx, "make a question", err)
		return
	}
	result := op.Result{}
	if ask {
		// A gate that is shut, or a journal that fails, tells nothing of the attempt.
		if result, err = r.cfg.Banks.Do(ctx, question); err != nil {
			r.complain(ctx, "ask a bank", err)
		}
	}
	if err := r.cfg.Flow.Told(ctx, a, result); err != nil {
		r.complain(ctx, "tell", err)
	}
}

func (r *Resolver) complain(ctx context.Context, doing string, err error) {
	r.cfg.Log.WarnContext(ctx, "finding out unknown outcomes", "doing", doing, "error", err)
}
