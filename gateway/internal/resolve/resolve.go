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
		Binding(ctx context.Context, id string) (journal.Binding, error)
	}
	// Flow moves bindings.
	Flow interface {
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

// Resolver asks about what is unknown.
type Resolver struct {
	cfg Config
}

// New returns a Resolver.
func New(cfg Config) *Resolver { return &Resolver{cfg: cfg} }

// Wake says that there is something to ask at a time. It never blocks.
func (r *Resolver) Wake(time.Time) {}

// Run asks until ctx ends, then waits for the queries under way.
func (r *Resolver) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
