package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
)

// openAtOnce is how many open attempts SetBack looks at.
const openAtOnce = 10_000

// Restart is called once before anybody asks. New ids follow those of the
// processes before, whatever the clock has done meanwhile.
func (s *Service) Restart(ctx context.Context) error {
	last, err := s.cfg.Store.NewestIDs(ctx)
	if err != nil {
		return fmt.Errorf("flow: restart: %w", err)
	}
	for _, id := range last {
		s.ids.after(id)
	}
	return s.SetBack(ctx)
}

// SetBack looks after what was written under a clock that ran ahead of the
// present one, and would stay unknown until the present one has caught up. Such
// attempts begin their waiting anew, and are decided no earlier than if they had
// been made just now. It is called at the start and whenever the clock is set
// back, while others work: what they change meanwhile stands.
func (s *Service) SetBack(ctx context.Context) error {
	open, err := s.cfg.Store.Due(ctx, time.Unix(1<<33-1, 0), openAtOnce) // all there are
	if err != nil {
		return fmt.Errorf("flow: clock set back: %w", err)
	}
	moved := 0
	for _, a := range open {
		if !a.IntendedAt.After(s.cfg.Now()) {
			continue
		}
		switch err := s.waitAnew(ctx, a.ID, a.Binding); {
		case errors.Is(err, journal.ErrConflict): // somebody has just looked after it
		case err != nil:
			return fmt.Errorf("flow: clock set back: %w", err)
		default:
			moved++
		}
	}
	if moved > 0 {
		s.cfg.Log.WarnContext(ctx, "the clock has been set back: open attempts wait anew", "attempts", moved)
	}
	return nil
}

// waitAnew writes an attempt with times of the present clock, and its binding
// with it, so that nothing else that is written of them is lost.
func (s *Service) waitAnew(ctx context.Context, id, binding string) error {
	var c journal.Change
	if strings.HasPrefix(binding, "bnd_") {
		b, err := s.cfg.Store.Binding(ctx, binding)
		if err != nil {
			return err
		}
		b.Version++
		c.Binding = &b
	}
	a, err := s.cfg.Store.Attempt(ctx, id)
	if err != nil {
		return err
	}
	if closed(a) {
		return nil
	}
	now := s.cfg.Now()
	a.Deadline = now.Add(a.Deadline.Sub(a.IntendedAt))
	if a.Settled {
		a.SettledAt = now
	}
	if !a.AskAt.IsZero() {
		a.AskAt = now.Add(s.pause(a))
	}
	c.Attempts = []journal.Attempt{a}
	return s.cfg.Store.Apply(ctx, c)
}
