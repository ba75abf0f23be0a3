package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/route"
)

// verification is how the id of a verification begins. It stands in the
// journal in the place of a binding's: an attempt, and an idempotency key, but
// no binding and nothing in the vault.
const verification = "ver_"

// Verification is what a bank has said of a holder's details: that they match.
type Verification struct {
	Bank, Tier, Channel string
	CardLast4           string
	CardType            string
	CardScheme          string
	Elements            []string // that the bank compared
	At                  time.Time
	// AttemptNumber is our number of the exchange, if there was one, and BankTook how long it was away.
	AttemptNumber string
	BankTook      time.Duration
}

// Verify implements API. Nothing is bound, so nothing is found out later: an
// outcome that is not known is the caller's to hear, who may ask again.
func (s *Service) Verify(ctx context.Context, in NewBinding, k Keyed) (Verification, error) {
	in.PasswordFree = journal.PasswordFree{}
	now := s.cfg.Now()
	checked, p := s.check(in, now, op.Verify)
	if p != nil {
		return Verification{}, p
	}
	of, way := checked.bank, checked.way
	if !way.Found {
		return Verification{}, noWay(of.ID, way)
	}
	number, err := s.number(ctx, way.Channel, now)
	if err != nil {
		return Verification{}, err
	}
	v := Verification{
		Bank: of.ID, Tier: of.Tier, Channel: way.Channel, CardLast4: last4(in.Card.Reveal()),
		CardType: checked.row.Type, CardScheme: checked.row.Scheme, Elements: elements(checked.row), AttemptNumber: number,
	}
	return s.verify(ctx, v, op.Operation{
		Kind: op.Verify, Channel: way.Channel, Bank: of.ID, Member: way.Member, Number: number, At: now, Begun: now, Person: checked.person,
	}, k)
}

func (s *Service) verify(ctx context.Context, v Verification, o op.Operation, k Keyed) (Verification, error) {
	id := s.id(verification, o.At)
	var p *op.Problem
	settling := false
	_, err := s.cfg.Banks.Do(ctx, bank.Step{
		Op:      o,
		Attempt: journal.Attempt{ID: s.id("att_", o.At), Binding: id},
		Intend: func(a journal.Attempt) journal.Change {
			return journal.Change{Attempts: []journal.Attempt{a}, NewKey: k.row(id, a.IntendedAt)}
		},
		Settle: func(a journal.Attempt, r op.Result) journal.Change {
			settling = true
			v.At, v.BankTook = a.SettledAt, a.Exchange
			p = unverified(o.Bank, r)
			c := journal.Change{Attempts: []journal.Attempt{a}}
			if k.Key != "" {
				c.AnsweredKey = k.row(id, a.SettledAt)
				c.AnsweredKey.Status, c.AnsweredKey.Body = k.Verified(v, p)
			}
			return c
		},
	})
	switch {
	case !settling:
		return Verification{}, s.notMeant(ctx, step{binding: journal.Binding{Bank: o.Bank}, op: o, keyed: k}, err)
	case err != nil: // the answer stands all the same: nothing hangs on what the journal makes of it
		s.cfg.Log.ErrorContext(ctx, "a bank's answer was not written", "bank", o.Bank, "number", o.Number, "error", err)
	}
	if p != nil {
		return v, p
	}
	return v, nil
}

// noWay says why a bank can't be asked to verify.
func noWay(bank string, way route.Choice) *op.Problem {
	p := &op.Problem{Reason: op.ChannelUnavailable, Outcome: op.NotSent, Bank: bank, Detail: "none of the bank's channels is connected"}
	if slices.ContainsFunc(way.Skipped, func(s route.Skipped) bool { return s.Why == route.NotSpoken }) {
		p.Reason, p.Detail = op.VerificationUnsupported, "none of the bank's channels that are connected can verify"
	}
	return p
}

// unverified is what the caller is told where the bank did not say yes.
func unverified(bank string, r op.Result) *op.Problem {
	p := &op.Problem{Reason: r.Reason, Outcome: r.Outcome, Asked: true, Bank: bank, RawCode: r.RawCode, RetryAfterS: r.RetryAfterS}
	switch r.Outcome {
	case op.Accepted:
		return nil
	case op.Refused:
		p.Detail = "the bank refused"
		if p.Reason == "" {
			p.Reason = op.BankRefused
		}
	case op.NotSent:
		p.Asked, p.Detail = false, "the bank could not be reached; nothing was sent"
		if p.Reason == "" {
			p.Reason = op.ChannelUnavailable
		}
	default:
		p.Detail = "the bank's answer did not come or does not say what it found; a verification may be repeated"
		if p.Reason == "" {
			p.Reason = op.OutcomeUnknown
		}
	}
	return p
}

// ofVerification reports whether an id is that of a verification, which has no binding.
func ofVerification(id string) bool { return strings.HasPrefix(id, verification) }

// buryVerification answers for a verification that died with its process: what
// the bank said is lost, and nobody will find it out.
func (s *Service) buryVerification(ctx context.Context, k Keyed, row journal.Key) error {
	row.Status, row.Body = k.Verified(Verification{}, &op.Problem{
		Reason: op.OutcomeUnknown, Outcome: op.Unknown, Detail: "the request died before the bank's answer was written down: verify again under another key",
	})
	if err := s.cfg.Store.Apply(ctx, journal.Change{AnsweredKey: &row}); err != nil {
		return fmt.Errorf("flow: replay: %w", err)
	}
	return nil
}
