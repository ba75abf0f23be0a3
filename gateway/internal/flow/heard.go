package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Heard is what a bank said unasked: a notice, or an answer that came after
// nobody waited for it any more. Said twice, it changes nothing the second
// time; of an agreement that nobody knows it is logged, and no error: the bank
// would only say it again. It is kept before anything follows from it.
func (s *Service) Heard(ctx context.Context, n op.Notice) error {
	if err := s.cfg.Store.Apply(ctx, journal.Change{Notices: []journal.Notice{s.noted(n)}}); err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	return s.follow(ctx, n)
}

// follow does what follows from a notice, also from one that was kept before,
// or that stands for what a bank does not say.
func (s *Service) follow(ctx context.Context, n op.Notice) error {
	for range maxConflicts {
		err := s.heard(ctx, n)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("flow: heard: %w", journal.ErrConflict)
}

// noted is what stays of a notice, whatever becomes of it. An answer that came
// too late has no number of its own: what it answers has one, and of two that
// contradict each other both are kept.
func (s *Service) noted(n op.Notice) journal.Notice {
	id := n.Number
	if id == "" {
		id = string(n.Kind) + " " + n.Of + n.Agreement
	}
	if n.Number == "" && n.Result != nil {
		id += " " + n.Result.Outcome.String() + " " + n.Result.RawCode
	}
	return journal.Notice{Channel: n.Channel, ID: id, At: s.cfg.Now(), Member: n.Member, Agreement: n.Agreement, Of: n.Of, Heard: n.Heard}
}

func (s *Service) heard(ctx context.Context, n op.Notice) error {
	if n.Result != nil {
		return s.heardResult(ctx, n)
	}
	b, err := s.cfg.Store.ByAgreement(ctx, n.Channel, n.Member, n.Agreement)
	if errors.Is(err, journal.ErrNotFound) && n.Kind == op.Unsign {
		if err = s.early(ctx, n); err != nil {
			return fmt.Errorf("flow: heard: %w", err)
		}
		// It may have become known between the two.
		b, err = s.cfg.Store.ByAgreement(ctx, n.Channel, n.Member, n.Agreement)
	}
	if errors.Is(err, journal.ErrNotFound) {
		s.cfg.Log.WarnContext(ctx, "a bank has ended an agreement that is not known here",
			"channel", n.Channel, "member", n.Member, "number", n.Number)
		return nil
	}
	if err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	m, known := s.table[b.State][heard]
	if n.Kind != op.Unsign || !known {
		return nil
	}
	attempts, err := s.cfg.Store.Attempts(ctx, b.ID)
	if err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	c := journal.Change{Shred: b.ID}
	for _, a := range attempts { // our own wish to end it has nothing left to find out
		if a.Settled && !a.AskAt.IsZero() {
			a.AskAt = time.Time{}
			c.Attempts = append(c.Attempts, a)
		}
	}
	from := b.State
	b.State = m.to
	b = after(b, s.cfg.Now())
	c.Binding = &b
	s.tell(&c, from, from == Active) // of one that was being revoked the bank has done what it was asked
	if err := s.cfg.Store.Apply(ctx, c); err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	return nil
}

// early writes a notice down that came before its agreement is known here:
// the outcome of the confirm may still be unknown.
func (s *Service) early(ctx context.Context, n op.Notice) error {
	row := noticed(n.Channel, n.Member, n.Agreement)
	row.At = s.cfg.Now()
	if err := s.cfg.Store.Apply(ctx, journal.Change{NewKey: &row}); !errors.Is(err, journal.ErrKeyUsed) {
		return err
	}
	return nil // said again
}

// endedAlready ends a binding that has just become active, if the bank has
// said before that its agreement is over.
func (s *Service) endedAlready(ctx context.Context, b journal.Binding) {
	row := noticed(b.Channel, b.Member, b.Agreement)
	_, err := s.cfg.Store.Key(ctx, row.Caller, row.Route, row.Key)
	if errors.Is(err, journal.ErrNotFound) {
		return
	}
	if err == nil {
		err = s.follow(ctx, op.Notice{Kind: op.Unsign, Channel: b.Channel, Member: b.Member, Agreement: b.Agreement})
	}
	if err != nil {
		s.missed.Store(true)
		s.cfg.Log.ErrorContext(ctx, "an agreement may have been ended by its bank already: it is looked at again", "binding", b.ID, "error", err)
	}
}

// earlyAtOnce is how many words that came early are read together.
const earlyAtOnce = 500

// goByEarly goes by whatever came before its agreement was known, and was not
// gone by when that was. It does nothing unless there may be such.
func (s *Service) goByEarly(ctx context.Context) (err error) {
	if !s.missed.Swap(false) {
		return nil
	}
	defer func() {
		if err != nil {
			s.missed.Store(true)
		}
	}()
	after := journal.Key{Route: noticeRoute}
	for {
		rows, err := s.cfg.Store.KeysOf(ctx, bankCaller, after.Route, after.Key, earlyAtOnce)
		if err != nil {
			return fmt.Errorf("flow: came early: %w", err)
		}
		for _, row := range rows {
			way := strings.Fields(strings.TrimPrefix(row.Route, noticeRoute))
			if !strings.HasPrefix(row.Route, noticeRoute) || len(way) != 2 {
				return nil // they stand together
			}
			if err := s.goBy(ctx, op.Notice{Kind: op.Unsign, Channel: way[0], Member: way[1], Agreement: row.Key}); err != nil {
				return fmt.Errorf("flow: came early: %w", err)
			}
		}
		if len(rows) < earlyAtOnce {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

// goBy follows a notice whose agreement is known by now, and stands.
func (s *Service) goBy(ctx context.Context, n op.Notice) error {
	b, err := s.cfg.Store.ByAgreement(ctx, n.Channel, n.Member, n.Agreement)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, stands := s.table[b.State][heard]; !stands {
		return nil
	}
	return s.follow(ctx, n)
}

// noticed is under what key a notice is kept. It can't meet a caller's: their routes begin with a method.
func noticed(channel, member, agreement string) journal.Key {
	return journal.Key{Caller: bankCaller, Route: noticeRoute + channel + " " + member, Key: agreement}
}

// What banks said early stands among the keys.
const (
	bankCaller  = "bank"
	noticeRoute = "notice "
)
