// Package resolve finds out what became of attempts whose outcome is unknown.
// It asks the banks when it is time and tells flow; it decides nothing itself.
package resolve

import (
	"context"
	"log/slog"
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
	// Workers is how many queries may be under way at once, 1 to 10,000. Default 256.
	Workers int
	// BankWorkers is how many of them may be at one bank, 1 to Workers. Default 8.
	BankWorkers int
	// Every is the longest pause between two looks at the journal, 10ms to 1m. Default 1s.
	Every time.Duration
}

const (
	dueAtOnce    = 1024 // attempts read at once
	expireAtOnce = 256
	hintsWaiting = 256 // hints beyond are dropped: they are only hints
)

// Resolver asks about what is unknown.
type Resolver struct {
	cfg   Config
	wake  chan time.Time
	hints chan string
	again chan string
	lanes *lanes
}

// New returns a Resolver.
func New(cfg Config) *Resolver {
	if cfg.Workers == 0 {
		cfg.Workers = 256
	}
	if cfg.BankWorkers == 0 {
		cfg.BankWorkers = 8
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	r := &Resolver{cfg: cfg, wake: make(chan time.Time, 64), hints: make(chan string, hintsWaiting), again: make(chan string, hintsWaiting)}
	r.lanes = newLanes(cfg.Workers, cfg.BankWorkers, cfg.Now, r.ask)
	return r
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

// Recheck has a bank asked once more about a decided attempt of which it now
// says something else. It never blocks; one that finds no room is left out, and the alarm remains.
func (r *Resolver) Recheck(attempt string) {
	select {
	case r.again <- attempt:
	default:
	}
}

// Run asks until ctx ends, then waits for the queries under way. Attempts that
// a process before this one left behind are found like any other.
func (r *Resolver) Run(ctx context.Context) error {
	r.lanes.open()
	defer r.lanes.close()

	next := time.NewTimer(0)
	defer next.Stop()
	var wakeAt time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-r.hints:
			r.hint(ctx, id, false)
			continue
		case id := <-r.again:
			r.hint(ctx, id, true)
			continue
		case at := <-r.wake:
			if wakeAt.IsZero() || at.Before(wakeAt) {
				wakeAt = at
			}
		case <-r.lanes.done:
			r.look(ctx)
			continue
		case <-next.C:
			wakeAt = time.Time{}
			r.look(ctx)
			r.expire(ctx)
		}
		pause := r.cfg.Every
		if !wakeAt.IsZero() {
			pause = max(0, min(pause, wakeAt.Sub(r.cfg.Now())))
		}
		next.Reset(pause)
	}
}

// hint lines one attempt up: an open one, or whichever.
func (r *Resolver) hint(ctx context.Context, id string, whichever bool) {
	a, err := r.cfg.Store.Attempt(ctx, id)
	if err != nil {
		r.complain(ctx, "read an attempt", err)
	} else if whichever || a.Settled && !a.AskAt.IsZero() {
		r.lanes.put([]journal.Attempt{a}, false)
	}
}

// look puts what is due into the lanes.
func (r *Resolver) look(ctx context.Context) {
	due, err := r.cfg.Store.Due(ctx, r.cfg.Now(), dueAtOnce)
	if err != nil && ctx.Err() == nil {
		r.complain(ctx, "read what is due", err)
	}
	r.lanes.put(due, len(due) == dueAtOnce)
}

// expire ends sessions whose time is over.
func (r *Resolver) expire(ctx context.Context) {
	if _, err := r.cfg.Flow.Expire(ctx, expireAtOnce); err != nil && ctx.Err() == nil {
		r.complain(ctx, "end sessions", err)
	}
}

// ask asks a bank once and tells flow what it said. What goes wrong here is
// tried again: the attempt stays due.
func (r *Resolver) ask(a journal.Attempt) answer {
	ctx := context.Background()
	question, ask, err := r.cfg.Flow.Question(ctx, a)
	if err != nil {
		r.complain(ctx, "make a question", err)
		return noQuestion
	}
	result, said := op.Result{}, answered
	if ask {
		// A gate that is shut, or a journal that fails, tells nothing of the attempt.
		if result, err = r.cfg.Banks.Do(ctx, question); err != nil {
			r.complain(ctx, "ask a bank", err)
		}
		switch {
		case err != nil && result.Outcome == op.NotSent:
			said = refusedHere
		case result.Outcome == op.Unknown, result.Outcome == op.NotSent:
			said = silence
		}
	}
	if err := r.cfg.Flow.Told(ctx, a, result); err != nil {
		r.complain(ctx, "tell", err)
		return refusedHere
	}
	return said
}

func (r *Resolver) complain(ctx context.Context, doing string, err error) {
	r.cfg.Log.WarnContext(ctx, "finding out unknown outcomes", "doing", doing, "error", err)
}
