// Package prune forgets, slowly, what nobody needs any more: idempotency keys
// past their days, and events that were delivered long ago. What is open, or
// was never delivered, stays however old it is.
package prune

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/oklog/ulid/v2"

	"kaqiao/gateway/internal/journal"
	"kaqiao/profiles"
)

// How many days things are kept, and what may be asked for.
const (
	DefaultKeyDays   = 90
	DefaultEventDays = 30
	MaxDays          = 3650
)

const (
	page  = 200                    // rows looked at, and at most removed, in one commit
	pause = 100 * time.Millisecond // between two pages: others write meanwhile
	every = time.Hour              // between two passes
	day   = 24 * time.Hour
)

// Store is what is pruned.
type Store interface {
	journal.Pruning
	journal.Newest
}

// Config is what a Pruner needs.
type Config struct {
	Store Store
	// KeyDays is how long an idempotency key is kept, at least Horizon, at most 3,650 days. Default 90.
	KeyDays int
	// EventDays is how long an event is kept that was delivered, 1 to 3,650 days. Default 30.
	EventDays int
	Now       func() time.Time
	Log       *slog.Logger // nil: nowhere
}

// Pruner removes page by page.
type Pruner struct{ cfg Config }

// New returns a Pruner.
func New(cfg Config) (*Pruner, error) {
	if cfg.KeyDays == 0 {
		cfg.KeyDays = DefaultKeyDays
	}
	if cfg.EventDays == 0 {
		cfg.EventDays = DefaultEventDays
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case cfg.Store == nil || cfg.Now == nil:
		return nil, errors.New("prune: a store and a clock are needed")
	case cfg.KeyDays < 1 || cfg.KeyDays > MaxDays || cfg.EventDays < 1 || cfg.EventDays > MaxDays:
		return nil, fmt.Errorf("prune: things are kept 1 to %d days", MaxDays)
	}
	return &Pruner{cfg}, nil
}

// Horizon is for how many days an outcome may be unknown before the last word
// of the longest channel: all its pauses before a query, and until people are
// asked. A key that is forgotten earlier might come again while its first
// request is still being found out. At least 1.
func Horizon(set *profiles.Set) (days int, channel string) {
	days = 1
	for _, c := range set.Channels {
		longest := c.Resolve.HumanAfter.Std()
		for _, pause := range c.Resolve.After {
			longest += pause.Std()
		}
		if n := int(math.Ceil(longest.Hours() / 24)); n > days {
			days, channel = n, c.ID
		}
	}
	return days, channel
}

// Run makes a pass each hour, and the first at once, until ctx ends.
func (p *Pruner) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := p.Pass(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Log.WarnContext(ctx, "what is past its days could not be forgotten: it is tried again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Pass goes through everything once, with a pause after each page.
func (p *Pruner) Pass(ctx context.Context) error {
	now, err := p.present(ctx)
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	keys, err := p.through(ctx, now.Add(-time.Duration(p.cfg.KeyDays)*day), p.cfg.Store.PruneKeys)
	if err != nil {
		return fmt.Errorf("prune: keys: %w", err)
	}
	events, err := p.through(ctx, now.Add(-time.Duration(p.cfg.EventDays)*day), p.cfg.Store.PruneEvents)
	if err != nil {
		return fmt.Errorf("prune: events: %w", err)
	}
	if keys+events > 0 {
		p.cfg.Log.InfoContext(ctx, "what is past its days was forgotten", "keys", keys, "events", events)
	}
	return nil
}

// present is the time of day, but no more than a day after anything that was
// written: a machine that starts with a clock that is months ahead, as some do
// before they have asked for the time, must not forget everything at once.
func (p *Pruner) present(ctx context.Context) (time.Time, error) {
	now := p.cfg.Now()
	ids, err := p.cfg.Store.NewestIDs(ctx)
	if err != nil {
		return now, err
	}
	var written time.Time
	for _, id := range ids { // they end with a ULID, which begins with its time
		made, err := ulid.ParseStrict(id[max(0, len(id)-ulid.EncodedSize):])
		if err != nil {
			return now, nil //nolint:nilerr // made by nobody here: it tells nothing
		}
		if at := ulid.Time(made.Time()); at.After(written) {
			written = at
		}
	}
	if last := written.Add(day); !written.IsZero() && now.After(last) {
		return last, nil
	}
	return now, nil
}

type pruning func(ctx context.Context, before time.Time, after string, limit int) (removed int, next string, err error)

func (p *Pruner) through(ctx context.Context, before time.Time, prune pruning) (removed int, err error) {
	for after := ""; ; {
		n, next, err := prune(ctx, before, after, page)
		removed += n
		if err != nil || next == "" {
			return removed, err
		}
		after = next
		select {
		case <-ctx.Done():
			return removed, ctx.Err()
		case <-time.After(pause):
		}
	}
}
