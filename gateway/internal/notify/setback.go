package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kaqiao/gateway/internal/journal"
)

// setBackAtOnce is how many events SetBack looks at.
const setBackAtOnce = 10_000

// SetBack has delivered at once what happened, or was put off, under a clock
// that ran ahead of the present one, and would wait until that has caught up.
func (d *Deliverer) SetBack(ctx context.Context) error {
	under := d.underWay() // asked for before the outbox is read: what is over by then has been marked
	now := d.cfg.Now()
	waiting, err := d.cfg.Store.DueEvents(ctx, time.Unix(1<<33-1, 0), setBackAtOnce) // all there are
	if err != nil {
		return fmt.Errorf("notify: clock set back: %w", err)
	}
	for _, e := range waiting {
		if !e.NextAt.After(now) || !e.At.After(now) && e.NextAt.Sub(now) <= longest+longest/jitterParts {
			continue
		}
		if slices.Contains(under, e.ID) || d.postingNow(e.ID) {
			continue
		}
		e.NextAt = now
		if err := d.cfg.Store.Apply(ctx, journal.Change{Events: []journal.Event{e}}); err != nil {
			return fmt.Errorf("notify: clock set back: %w", err)
		}
	}
	return nil
}

// postingNow: what becomes of it is about to be written.
func (d *Deliverer) postingNow(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.posting[id]
}
