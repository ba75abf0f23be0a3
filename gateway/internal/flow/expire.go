package flow

import (
	"context"
	"errors"
	"fmt"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Expire ends sessions whose time is over and says how many: at most limit,
// the oldest first. A session with something unknown in it is in another
// state, and is never ended by the clock. Of two processes that look at the
// same moment one ends it, since its version is changed once: that needs no lease.
// Agreements that their banks have ended early end first.
func (s *Service) Expire(ctx context.Context, limit int) (int, error) {
	if err := s.goByEarly(ctx); err != nil && !errors.Is(err, journal.ErrStorage) { // the journal tells of its disk itself
		s.cfg.Log.WarnContext(ctx, "what banks have said early could not be gone by: it is tried again", "error", err)
	}
	now := s.cfg.Now()
	over, err := s.cfg.Store.Expired(ctx, now, []string{AwaitingCode}, limit)
	if err != nil {
		return 0, fmt.Errorf("flow: expire: %w", err)
	}
	ended := 0
	for _, b := range over {
		m, ok := s.table[b.State][timedOut]
		if !ok || now.Before(b.ExpiresAt) {
			continue
		}
		from := b.State
		b.State, b.Reason = m.to, op.SessionExpired
		b = after(b, now)
		c := journal.Change{Binding: &b, Shred: b.ID}
		if c.Attempts, err = s.lastLook(ctx, b, now); err != nil {
			return ended, err
		}
		s.tell(&c, from, false)
		err := s.cfg.Store.Apply(ctx, c)
		switch {
		case errors.Is(err, journal.ErrConflict): // somebody was quicker
		case err != nil:
			return ended, fmt.Errorf("flow: expire: %w", err)
		default:
			ended++
			for _, a := range c.Attempts {
				s.cfg.Wake(a.AskAt)
			}
		}
	}
	return ended, nil
}
