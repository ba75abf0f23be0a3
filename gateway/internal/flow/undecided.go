package flow

import (
	"context"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// undecidedAtOnce is how many undecided attempts are shown at once.
const undecidedAtOnce = 1000

// Undecided is an attempt that has been unknown for so long that people are
// asked as well. The bank goes on being asked all the same.
type Undecided struct {
	Attempt journal.Attempt
	Binding journal.Binding
	State   string // the binding's, as the API shows it
	// Since is when the bank was first told of it: an unsigning may have been sent again since.
	Since time.Time
	// Signs: to say that the bank has accepted it takes an agreement number.
	Signs bool
}

// Undecided returns what waits for a person, longest first. more: there are
// others beyond the first thousand looked at.
func (s *Service) Undecided(ctx context.Context) (list []Undecided, more bool, err error) {
	now := s.cfg.Now()
	found, err := s.cfg.Store.Undecided(ctx, now.Add(-s.soonestHuman()), undecidedAtOnce)
	if err != nil {
		return nil, false, fmt.Errorf("flow: undecided: %w", err)
	}
	for _, a := range found {
		u := Undecided{Attempt: a, Since: a.IntendedAt}
		if asking(a.Kind) || !a.Settled && now.Before(a.Deadline) {
			continue
		}
		if a.Kind == op.Unsign {
			history, err := s.cfg.Store.Attempts(ctx, a.Binding)
			if err != nil {
				return nil, false, fmt.Errorf("flow: undecided: %w", err)
			}
			u.Since = firstSent(history, a)
		}
		if now.Before(u.Since.Add(s.humanAfter(a.Channel))) {
			continue
		}
		if u.Binding, err = s.cfg.Store.Binding(ctx, a.Binding); err != nil {
			return nil, false, fmt.Errorf("flow: undecided: %w", err)
		}
		u.Signs, u.State = s.signs(a), shown(u.Binding.State)
		list = append(list, u)
	}
	return list, len(found) == undecidedAtOnce, nil
}

// Case is an attempt that a person may look into, and all that was tried about its binding.
type Case struct {
	Undecided
	History []journal.Attempt // oldest first, decisions of people among them; with what was said
	Notices []journal.Notice  // what the bank said unasked, oldest first
	// Closed says why nobody may decide now. Nil: a person may.
	Closed *op.Problem
}

// Case returns what is known of an attempt, whether or not it waits for a
// person yet. What only asks, as a query does, is no case: op.NotFound.
func (s *Service) Case(ctx context.Context, attempt string) (Case, error) {
	b, a, history, err := s.undecided(ctx, attempt)
	if err != nil {
		return Case{}, err
	}
	notices, err := s.words(ctx, b.ID, history)
	if err != nil {
		return Case{}, err
	}
	c := Case{Notices: notices, Undecided: Undecided{Attempt: a, Binding: b, State: shown(b.State), Since: a.IntendedAt, Signs: s.signs(a)}, History: history}
	if a.Kind == op.Unsign {
		c.Since = firstSent(history, a)
	}
	if closed(a) {
		c.Closed = notNow(b, "it is decided already: a decision is never overwritten")
	} else {
		c.Closed = undecidable(b, a, history, s.cfg.Now())
	}
	return c, nil
}

// words puts what was said into a binding's attempts, and returns what its bank said unasked.
func (s *Service) words(ctx context.Context, binding string, history []journal.Attempt) ([]journal.Notice, error) {
	exchanges, err := s.cfg.Store.Exchanges(ctx, binding)
	if err != nil {
		return nil, fmt.Errorf("flow: what was said: %w", err)
	}
	at := make(map[string]int, len(history))
	for i, a := range history {
		at[a.ID] = i
	}
	for _, e := range exchanges {
		if i, ok := at[e.Attempt]; ok {
			history[i].Said, history[i].Heard = e.Said, e.Heard
		}
	}
	notices, err := s.cfg.Store.Notices(ctx, binding)
	if err != nil {
		return nil, fmt.Errorf("flow: notices: %w", err)
	}
	return notices, nil
}

// defaultHumanAfter stands in for a channel that was taken out of the profiles.
const defaultHumanAfter = 24 * time.Hour

// humanAfter is how long nobody knows over a channel before people are asked.
func (s *Service) humanAfter(channel string) time.Duration {
	if c := s.cfg.Set.Channel(channel); c != nil && c.Resolve.HumanAfter > 0 {
		return c.Resolve.HumanAfter.Std()
	}
	return defaultHumanAfter
}

// soonestHuman is the shortest of these times.
func (s *Service) soonestHuman() time.Duration {
	least := defaultHumanAfter
	for i := range s.cfg.Set.Channels {
		if d := s.cfg.Set.Channels[i].Resolve.HumanAfter.Std(); d > 0 {
			least = min(least, d)
		}
	}
	return least
}

// firstSent is when the first of a row of unsignings was meant that each took the place of the one before it.
func firstSent(history []journal.Attempt, a journal.Attempt) time.Time {
	since := a.IntendedAt
	for i := len(history) - 1; i >= 0; i-- {
		h := history[i]
		if h.Kind != op.Unsign || h.ID >= a.ID {
			continue
		}
		gone := h.Outcome == op.Unknown || h.Outcome == op.NotSent || h.Outcome == op.Refused && h.Reason == op.BankTimeout
		if !h.Settled || !h.AskAt.IsZero() || !gone {
			break
		}
		since = h.IntendedAt
	}
	return since
}

// signs reports whether the bank that has accepted this holds an agreement:
// after a confirm, and after an application at a bank that has people approve instead of sending a code.
func (s *Service) signs(a journal.Attempt) bool {
	switch a.Kind {
	case op.Confirm:
		return true
	case op.Apply, op.Challenge:
		b := s.cfg.Set.Bank(a.Bank)
		return b != nil && firstKind(b.Challenge.Kinds, false) != "sms"
	}
	return false
}
