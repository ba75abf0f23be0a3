package bank

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// drain is what Banks know of the end of their process.
type drain struct {
	mu    sync.Mutex
	until time.Time // zero: no end is near
	under map[string]journal.Attempt
	cut   context.Context //nolint:containedctx // it is the life of every exchange, not of a call
	end   context.CancelFunc
}

func newDrain() *drain {
	d := &drain{under: map[string]journal.Attempt{}}
	d.cut, d.end = context.WithCancel(context.Background())
	return d
}

// Drain says that the process ends: what could not be over by then is not begun. Queries, which leave nothing behind, still are.
func (b *Banks) Drain(until time.Time) {
	b.drain.mu.Lock()
	defer b.drain.mu.Unlock()
	b.drain.until = until
}

// Cut ends every exchange under way, and returns those that it has ended,
// oldest first. What may have left is unknown from then on, and is written so at once.
func (b *Banks) Cut() []journal.Attempt {
	b.drain.mu.Lock()
	left := make([]journal.Attempt, 0, len(b.drain.under))
	for _, a := range b.drain.under {
		left = append(left, a)
	}
	b.drain.mu.Unlock()
	b.drain.end()
	slices.SortFunc(left, func(x, y journal.Attempt) int {
		return cmp.Or(x.IntendedAt.Compare(y.IntendedAt), cmp.Compare(x.ID, y.ID))
	})
	return left
}

// begins adds an exchange, or refuses one that could not be over in time.
func (d *drain) begins(a journal.Attempt, timeout time.Duration, now time.Time) *op.Problem {
	d.mu.Lock()
	defer d.mu.Unlock()
	over := d.cut.Err() != nil
	if over || a.Kind != op.Query && !d.until.IsZero() && timeout > d.until.Sub(now) {
		return &op.Problem{Reason: op.ShuttingDown, Outcome: op.NotSent, Bank: a.Bank, Detail: "the gateway is shutting down: the bank might answer too late"}
	}
	d.under[a.ID] = a
	return nil
}

func (d *drain) ends(a journal.Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.under, a.ID)
}

// uncut is ctx until everything is cut off.
func (d *drain) uncut(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.cut, cancel)
	return ctx, func() { stop(); cancel() }
}
