package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
)

// replayPage is how many events one call replays.
const replayPage = 1000

// Events are a page of events, whether or not they were delivered.
func (d *Deliverer) Events(ctx context.Context, f journal.EventFilter) ([]journal.Event, error) {
	return d.cfg.Store.Events(ctx, f)
}

// Replay has a page of events delivered once more: in their order within each
// subject, under the ids they had. next is where the following page begins;
// empty: this was the last.
func (d *Deliverer) Replay(ctx context.Context, f journal.EventFilter) (n int, next string, err error) {
	f.Limit = replayPage
	page, err := d.cfg.Store.Events(ctx, f)
	if err != nil {
		return 0, "", fmt.Errorf("notify: replay: %w", err)
	}
	if len(page) == replayPage {
		next = page[len(page)-1].ID
	}
	return len(page), next, d.again(ctx, page)
}

// ReplayOne has one event of a caller delivered once more, or journal.ErrNotFound.
func (d *Deliverer) ReplayOne(ctx context.Context, caller, id string) error {
	if len(id) < 2 {
		return journal.ErrNotFound
	}
	// The ids above all but its last character begin with it or with one of its few neighbours.
	page, err := d.cfg.Store.Events(ctx, journal.EventFilter{Caller: caller, After: id[:len(id)-1], Limit: 64})
	if err != nil {
		return fmt.Errorf("notify: replay: %w", err)
	}
	at := slices.IndexFunc(page, func(e journal.Event) bool { return e.ID == id })
	if at < 0 {
		return journal.ErrNotFound
	}
	return d.again(ctx, page[at:at+1])
}

func (d *Deliverer) again(ctx context.Context, events []journal.Event) error {
	if len(events) == 0 {
		return nil
	}
	slices.SortFunc(events, func(a, b journal.Event) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Seq, b.Seq), strings.Compare(a.ID, b.ID))
	})
	now := d.cfg.Now()
	for i := range events {
		e := &events[i]
		e.State, e.Tries, e.NextAt, e.Note = journal.EventWaiting, 0, now, "replayed "+now.UTC().Format(time.RFC3339)
	}
	if err := d.cfg.Store.Apply(ctx, journal.Change{Events: events}); err != nil {
		return fmt.Errorf("notify: replay: %w", err)
	}
	return nil
}
