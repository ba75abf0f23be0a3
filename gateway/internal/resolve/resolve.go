// Package resolve finds out what became of attempts whose outcome is unknown.
// It asks the banks when it is time and tells flow; it decides nothing itself.
//
// What it looks after it has leased: of several processes over one journal,
// each asks about its own part. A query more than one would do no harm, and
// what changes a binding is written once whoever asks: so a lease that ends
// while a bank is slow to answer spoils nothing.
package resolve

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// What a resolver needs of other rooms.
type (
	// Banks carries queries.
	Banks interface {
		Do(ctx context.Context, s bank.Step) (op.Result, error)
	}
	// Store knows what is open, and who looks after it.
	Store interface {
		journal.Leases
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
	// Owner is under what name this process looks after what is open, 1 to 64 bytes; a process that takes its place
	// takes the name as well, and so goes on at once. Default resolver.
	Owner string
	// Lease is how long nobody else looks after what this process has taken, should it die, 4s to 10m. Default 5m.
	Lease time.Duration
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
	if cfg.Owner == "" {
		cfg.Owner = "resolver"
	}
	if cfg.Lease == 0 {
		cfg.Lease = 5 * time.Minute
	}
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

// Run asks until ctx ends, gives back at once what it would have asked about,
// then waits for the queries under way. Attempts that a process before this
// one left behind are found like any other.
func (r *Resolver) Run(ctx context.Context) error {
	r.lanes.open()
	defer r.stop()

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

// stop gives back what waits, and when the queries under way are over, what they were about.
func (r *Resolver) stop() {
	ctx := context.Background()
	if err := r.cfg.Store.Release(ctx, r.cfg.Owner, r.lanes.shut()...); err != nil {
		r.complain(ctx, "give back", err)
	}
	r.lanes.asking.Wait()
	if err := r.cfg.Store.Release(ctx, r.cfg.Owner); err != nil {
		r.complain(ctx, "give back", err)
	}
}

func (r *Resolver) lease() journal.Lease {
	return journal.Lease{Owner: r.cfg.Owner, Now: r.cfg.Now(), For: r.cfg.Lease}
}

// hint lines one attempt up: an open one that nobody else looks after, or,
// as a decided one is nobody's, whichever.
func (r *Resolver) hint(ctx context.Context, id string, whichever bool) {
	r.lanes.reading()
	a, err := r.cfg.Store.Attempt(ctx, id)
	l := r.lease()
	switch {
	case err != nil:
	case a.Settled && !a.AskAt.IsZero():
		if a, err = r.cfg.Store.LeaseOpen(ctx, l, id); errors.Is(err, journal.ErrLeased) || errors.Is(err, journal.ErrNotFound) {
			return
		}
	case !whichever:
		return
	}
	if err != nil {
		r.complain(ctx, "read an attempt", err)
		return
	}
	r.lanes.put([]journal.Attempt{a}, r.good(l), false)
}

// look puts what is due and nobody else's into the lanes.
func (r *Resolver) look(ctx context.Context) {
	l := r.lease()
	r.lanes.reading()
	due, err := r.cfg.Store.LeaseDue(ctx, l, dueAtOnce)
	if err != nil && ctx.Err() == nil {
		r.complain(ctx, "read what is due", err)
	}
	r.lanes.put(due, r.good(l), len(due) == dueAtOnce)
}

// good is until when what was leased may begin to be asked about: at least half
// of its lease is left, and half of that is kept for the asking itself.
func (r *Resolver) good(l journal.Lease) time.Time { return l.Now.Add(l.For / 4) }

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
	crash.Here(crash.ResolveTold, string(a.Kind))
	return said
}

// complain leaves a disk that fails to the journal, which says so once.
func (r *Resolver) complain(ctx context.Context, doing string, err error) {
	level := slog.LevelWarn
	if errors.Is(err, journal.ErrStorage) {
		level = slog.LevelDebug
	}
	r.cfg.Log.Log(ctx, level, "finding out unknown outcomes", "doing", doing, "error", err)
}
