package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
)

const (
	openAtOnce  = 10_000 // open attempts that a start, or SetBack, looks at
	movedAtOnce = 64     // that a start moves in one commit: a commit for each would keep callers waiting
)

// Restart is called once before anybody asks. New ids follow those of the
// processes before, whatever the clock has done meanwhile.
func (s *Service) Restart(ctx context.Context) error {
	last, err := s.cfg.Store.NewestIDs(ctx)
	if err != nil {
		return fmt.Errorf("flow: restart: %w", err)
	}
	for _, id := range last {
		s.ids.after(id)
		if strings.HasPrefix(id, "att_") {
			s.newest = id
		}
	}
	s.missed.Store(true)
	if err := s.SetBack(ctx); err != nil {
		return err
	}
	return s.takeOver(ctx)
}

// takeOver looks after what a process before has left in the middle. The
// journal lets one process in, so that it is gone, and nobody waits for these
// attempts any more: their callers are answered at once, and they are found
// out as soon as a bank has had its time to answer, without the grace that a
// process gets which may be alive.
func (s *Service) takeOver(ctx context.Context) error {
	now := s.cfg.Now()
	open, err := s.cfg.Store.Due(ctx, time.Unix(1<<33-1, 0), openAtOnce) // all there are
	if err != nil {
		return fmt.Errorf("flow: restart: %w", err)
	}
	var died []journal.Attempt
	for _, a := range open {
		if !a.Settled {
			a.Deadline = over(a, now)
			died = append(died, a)
		}
	}
	for some := range slices.Chunk(died, movedAtOnce) {
		if err := s.cfg.Store.Apply(ctx, journal.Change{Attempts: some}); err != nil {
			return fmt.Errorf("flow: restart: %w", err)
		}
	}
	if len(died) > 0 {
		s.cfg.Log.WarnContext(ctx, "the process before this one ended in the middle of attempts: they are being found out", "attempts", len(died))
	}
	return nil
}

// over is when an attempt of a dead process may be taken for abandoned. A
// question is put again, so its answer is not waited for.
func over(a journal.Attempt, now time.Time) time.Time {
	end := a.Deadline.Add(-bank.Grace)
	if asking(a.Kind) || end.Before(now) {
		end = now
	}
	if a.Deadline.Before(end) {
		return a.Deadline
	}
	return end
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
