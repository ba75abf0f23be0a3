package flow

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// row is the key as the journal keeps it, or nil without one.
func (k Keyed) row(binding string, at time.Time) *journal.Key {
	if k.Key == "" {
		return nil
	}
	return &journal.Key{Caller: k.Caller, Route: k.Route, Key: k.Key, Fingerprint: k.Fingerprint, Binding: binding, At: at}
}

// running is said of a key whose request is not over.
func running() *op.Problem {
	return &op.Problem{
		Reason: op.IdempotencyConflict, Outcome: op.NotSent, RetryAfterS: 1,
		Detail: "the request that used this key first is still running",
	}
}

// Replay implements API. Where the journal fails, nothing is said of what the
// first request came to: it may have reached a bank.
func (s *Service) Replay(ctx context.Context, k Keyed) (status int, body []byte, done bool, err error) {
	if k.Key == "" {
		return 0, nil, false, nil
	}
	status, body, done, err = s.replay(ctx, k)
	if errors.Is(err, journal.ErrFull) {
		err = &op.Problem{Reason: op.Overloaded, RetryAfterS: 1, Detail: "too many requests are waiting: what became of the first request with this key can't be told yet"}
	}
	return status, body, done, err
}

func (s *Service) replay(ctx context.Context, k Keyed) (status int, body []byte, done bool, err error) {
	row, err := s.cfg.Store.Key(ctx, k.Caller, k.Route, k.Key)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, fmt.Errorf("flow: replay: %w", err)
	case subtle.ConstantTimeCompare(row.Fingerprint, k.Fingerprint) != 1:
		return 0, nil, false, &op.Problem{Reason: op.IdempotencyConflict, Outcome: op.NotSent, Detail: "this key was used for a request with another body"}
	case row.Status != 0:
		return row.Status, row.Body, true, nil
	}
	return s.bury(ctx, k, row)
}

// bury answers for a request that died with the process that ran it: by the
// present state, which is then the answer for good.
func (s *Service) bury(ctx context.Context, k Keyed, row journal.Key) (int, []byte, bool, error) {
	attempts, err := s.cfg.Store.Attempts(ctx, row.Binding)
	if err != nil {
		return 0, nil, false, fmt.Errorf("flow: replay: %w", err)
	}
	for _, a := range attempts {
		if a.Kind != op.Query && !a.Settled && s.cfg.Now().Before(a.Deadline) && a.ID > s.newest {
			return 0, nil, false, running()
		}
	}
	if ofVerification(row.Binding) {
		err = s.buryVerification(ctx, k, row)
	} else {
		err = s.buryBinding(ctx, k, row)
	}
	if err != nil {
		return 0, nil, false, err
	}
	// Another replay, or the request itself, may have been first: its answer stands.
	if row, err = s.cfg.Store.Key(ctx, k.Caller, k.Route, k.Key); err != nil {
		return 0, nil, false, fmt.Errorf("flow: replay: %w", err)
	}
	return row.Status, row.Body, true, nil
}

func (s *Service) buryBinding(ctx context.Context, k Keyed, row journal.Key) error {
	b, err := s.cfg.Store.Binding(ctx, row.Binding)
	if err != nil {
		return fmt.Errorf("flow: replay: %w", err)
	}
	row.Status, row.Body = k.Render(s.view(b), nil)
	if err := s.cfg.Store.Apply(ctx, journal.Change{AnsweredKey: &row}); err != nil {
		return fmt.Errorf("flow: replay: %w", err)
	}
	return nil
}
