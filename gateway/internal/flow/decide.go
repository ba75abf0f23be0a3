package flow

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// The words of a decision: what a person has learned from the bank itself.
const (
	DecideAccepted     = "accepted"      // the bank has done it
	DecideRefused      = "refused"       // the bank has said no to it
	DecideNeverArrived = "never-arrived" // the bank has nothing of it
)

// Decision is a person's word on an attempt that no query could settle.
type Decision struct {
	Attempt   string
	Decision  string // one of the words above
	Agreement string // the bank's number, with accepted of what signs
	Reason    string // where the person has it from, 1 to 200 characters; kept
	By        string // the operator's id; kept
}

// cardLike is what a reason must not hold, since it is kept and printed.
var cardLike = regexp.MustCompile(`[0-9]{12,}`)

// Decide enters a person's word where a query's answer enters. The same word
// again changes nothing. It never overwrites what is decided, whoever decided
// it, and is refused while the bank itself is being asked.
func (s *Service) Decide(ctx context.Context, d Decision) (Binding, journal.Attempt, error) {
	for range maxConflicts {
		b, a, err := s.decide(ctx, d)
		if !errors.Is(err, journal.ErrConflict) {
			return b, a, err
		}
	}
	return Binding{}, journal.Attempt{}, fmt.Errorf("flow: decide: %w", journal.ErrConflict)
}

func (s *Service) decide(ctx context.Context, d Decision) (Binding, journal.Attempt, error) {
	now := s.cfg.Now()
	b, a, history, err := s.undecided(ctx, d.Attempt)
	if err != nil {
		return Binding{}, a, err
	}
	if p := contradicted(b, a, history, d); p != nil {
		return Binding{}, a, p
	}
	if closed(a) { // and it says the same
		return s.view(b), a, nil
	}
	if p := undecidable(b, a, history, now); p != nil {
		return Binding{}, a, p
	}
	if p, err := s.faultsOf(ctx, b, a, d); p != nil || err != nil {
		return Binding{}, a, errors.Join(err, asError(p))
	}
	if d.Decision == DecideAccepted && reversed(history, a) {
		return Binding{}, a, notNow(b, "it is being undone: have the bank undo it as well, then say never-arrived")
	}
	if !a.Settled { // the process that asked is gone
		a.Settled, a.Outcome, a.Reason, a.SettledAt = true, op.Unknown, op.BankTimeout, a.Deadline
	}
	e, of := meaningOf(b, a, history, d)
	to := s.settle(b, a, e, of, now)
	if !to.known && !ended(b.State) || to.do == wait {
		return Binding{}, a, notNow(b, "the binding can't take this word as it stands: see `gateway explain`")
	}
	said := journal.Attempt{
		ID: s.id("att_", now), Binding: b.ID, Kind: op.Decide, Channel: a.Channel, Bank: a.Bank, Of: a.ID,
		Settled: true, Outcome: of.Outcome, Reason: of.Reason, RawCode: d.Decision + " by " + d.By + ": " + d.Reason,
		IntendedAt: now, Deadline: now, SettledAt: now,
	}
	if err := s.learned(ctx, to, e, of, said); err != nil {
		return Binding{}, a, err
	}
	s.cfg.Log.WarnContext(ctx, "a person has decided what became of an attempt", "binding", b.ID, "bank", b.Bank, "operation", string(a.Kind),
		"number", a.Number, "decision", d.Decision, "agreement", d.Agreement, "by", d.By, "why", d.Reason)
	if b, a, _, err = s.undecided(ctx, d.Attempt); err != nil {
		return Binding{}, a, err
	}
	if !closed(a) { // an unsigning could not be sent again: nothing was written
		return Binding{}, a, &op.Problem{Reason: op.BankUnavailable, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, RetryAfterS: 60,
			Detail: "it has to be sent again, and the bank takes nothing now: nothing was decided"}
	}
	return s.view(b), a, nil
}

// undecided reads all that a decision is about.
func (s *Service) undecided(ctx context.Context, id string) (b journal.Binding, a journal.Attempt, history []journal.Attempt, err error) {
	a, err = s.cfg.Store.Attempt(ctx, id)
	if errors.Is(err, journal.ErrNotFound) || err == nil && (asking(a.Kind) || a.Kind == op.Decide) {
		return b, a, nil, &op.Problem{Reason: op.NotFound, Outcome: op.NotSent, Detail: "there is no such attempt to decide"}
	}
	if err == nil {
		b, err = s.cfg.Store.Binding(ctx, a.Binding)
	}
	if err == nil {
		history, err = s.cfg.Store.Attempts(ctx, a.Binding)
	}
	if err != nil {
		err = fmt.Errorf("flow: decide: %w", err)
	}
	return b, a, history, err
}

// contradicted refuses a decision on what is decided otherwise.
func contradicted(b journal.Binding, a journal.Attempt, history []journal.Attempt, d Decision) *op.Problem {
	if !closed(a) {
		return nil
	}
	same := a.Outcome == op.Accepted && d.Decision == DecideAccepted && (d.Agreement == "" || d.Agreement == b.Agreement) ||
		a.Outcome == op.Refused && d.Decision != DecideAccepted
	for _, h := range history {
		if h.Kind == op.Decide && h.Of == a.ID { // a person's own word is compared to the letter
			same = same && strings.HasPrefix(h.RawCode, d.Decision+" ")
		}
	}
	if same {
		return nil
	}
	return notNow(b, "it is decided already, and otherwise: a decision is never overwritten")
}

// undecidable says why nobody may decide now.
func undecidable(b journal.Binding, a journal.Attempt, history []journal.Attempt, now time.Time) *op.Problem {
	if !a.Settled && now.Before(a.Deadline) {
		return underWay(b)
	}
	for _, h := range history {
		if h.Of == a.ID && !h.Settled && now.Before(h.Deadline) {
			return underWay(b) // its bank is being asked at this moment
		}
	}
	if a.Settled && a.Outcome != op.Unknown {
		return notNow(b, "the bank has answered, and the gateway goes on from there: there is nothing to decide")
	}
	return nil
}

// faultsOf names every field of a decision that is wrong for this attempt.
func (s *Service) faultsOf(ctx context.Context, b journal.Binding, a journal.Attempt, d Decision) (*op.Problem, error) {
	var fields []op.Field
	fault := func(pointer, message string) { fields = append(fields, op.Field{Pointer: pointer, Message: message}) }
	signing := a.Kind == op.Confirm || a.Kind == op.Apply || a.Kind == op.Challenge
	switch {
	case d.Decision != DecideAccepted && d.Agreement != "":
		fault("/agreement", "belongs to accepted only")
	case d.Agreement != "" && !signing:
		fault("/agreement", "this operation signs nothing")
	case d.Decision == DecideAccepted && d.Agreement == "" && s.signs(a):
		fault("/agreement", "is required: the bank has signed under a number, which it must name")
	case d.Agreement != "":
		other, err := s.cfg.Store.ByAgreement(ctx, b.Channel, b.Member, d.Agreement)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, fmt.Errorf("flow: decide: %w", err)
		}
		if err == nil && other.ID != b.ID {
			fault("/agreement", "is that of another binding at this bank")
		}
	}
	if cardLike.MatchString(d.Reason) {
		fault("/reason", "is kept and shown: twelve digits in a row and more don't belong in it")
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: "the decision does not fit the attempt", Fields: fields}, nil
}

// notNow refuses a decision that the present state does not take.
func notNow(b journal.Binding, why string) *op.Problem {
	return &op.Problem{Reason: op.InvalidState, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: why}
}

// meaningOf is a decision as the table knows it.
func meaningOf(b journal.Binding, a journal.Attempt, history []journal.Attempt, d Decision) (event, op.Result) {
	switch d.Decision {
	case DecideAccepted:
		of := op.Result{Outcome: op.Accepted, Agreement: d.Agreement}
		return eventOf(b, a.Kind, of), of
	case DecideRefused:
		return refused, op.Result{Outcome: op.Refused, Reason: op.BankRefused}
	}
	gone := op.Result{Outcome: op.Refused, Reason: op.BankTimeout}
	if reversed(history, a) {
		return undone, gone
	}
	return notFound, gone
}

// closed: of this attempt nothing is left to be found out.
func closed(a journal.Attempt) bool { return a.Settled && a.AskAt.IsZero() }

func asError(p *op.Problem) error {
	if p == nil {
		return nil
	}
	return p
}
