package flow

import (
	"context"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
)

// openAtOnce is how many open attempts Restart looks at.
const openAtOnce = 10_000

// Restart is called once before anybody asks: what was written under a clock
// that ran ahead of the present one would stay unknown until the present one
// has caught up. Such attempts begin their waiting anew, and are decided no
// earlier than if they had been made just now.
func (s *Service) Restart(ctx context.Context) error {
	now := s.cfg.Now()
	open, err := s.cfg.Store.Due(ctx, time.Unix(1<<33-1, 0), openAtOnce) // all there are
	if err != nil {
		return fmt.Errorf("flow: restart: %w", err)
	}
	moved := 0
	for _, a := range open {
		if !a.IntendedAt.After(now) {
			continue
		}
		a.Deadline = now.Add(a.Deadline.Sub(a.IntendedAt))
		if a.Settled {
			a.SettledAt = now
		}
		if !a.AskAt.IsZero() {
			a.AskAt = now.Add(s.pause(a))
		}
		if err := s.cfg.Store.Apply(ctx, journal.Change{Attempts: []journal.Attempt{a}}); err != nil {
			return fmt.Errorf("flow: restart: %w", err)
		}
		moved++
	}
	if moved > 0 {
		s.cfg.Log.WarnContext(ctx, "the clock has been set back since the last start: open attempts wait anew", "attempts", moved)
	}
	return nil
}
