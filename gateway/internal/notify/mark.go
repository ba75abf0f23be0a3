package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kaqiao/gateway/internal/journal"
)

// maxUnmarked is how many events are remembered that were told and could not be
// marked. Those beyond are told again, as all are when the process ends before.
const maxUnmarked = 10_000

// mark writes what became of an event. Where the journal does not take it, it
// is remembered, so that a disk that is full for an hour does not have a caller
// told of the same thing every five seconds. It returns until when the event's subject is left alone.
func (d *Deliverer) mark(ctx context.Context, was *journal.Event, is journal.Event) (hold time.Time) {
	err := d.cfg.Store.Apply(context.WithoutCancel(ctx), journal.Change{Events: []journal.Event{is}})
	d.mu.Lock()
	delete(d.told, was.ID)
	if err != nil && len(d.told) < maxUnmarked {
		d.told[was.ID] = trial{was.Tries, was.NextAt, is}
	}
	d.mu.Unlock()
	if err == nil {
		return time.Time{}
	}
	d.complain("what became of an event could not be written yet", err, "event", was.ID)
	return d.cfg.Now().Add(markAgain)
}

// complain leaves a disk that fails to the journal, which says so once.
func (d *Deliverer) complain(what string, err error, attrs ...any) {
	level := slog.LevelError
	if errors.Is(err, journal.ErrStorage) {
		level = slog.LevelDebug
	}
	d.cfg.Log.Log(context.Background(), level, what, append(attrs, "error", err)...)
}

// trial is a try that the journal does not know of: which one, and what it came to.
type trial struct {
	tries  int
	nextAt time.Time
	event  journal.Event
}

// unmarked is what an event came to that still stands in the journal as it was
// before. One that was put in line again since, as by a replay, is another try.
func (d *Deliverer) unmarked(e *journal.Event) (journal.Event, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.told[e.ID]
	return t.event, ok && t.tries == e.Tries && t.nextAt.Equal(e.NextAt)
}
