// Package bank holds what is the same for every bank: pass the gate, write
// down what is meant, send it, write down what became of it. Start reading here.
package bank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
)

// Channel is one way to banks.
type Channel struct {
	ID      string
	Adapter Adapter
	Codec   wire.Codec
	Link    Link
	// Timeout is how long an answer of a bank is waited for.
	Timeout func(bank string, kind op.Kind) time.Duration
}

// Banks carries attempts to banks over their channels. It is safe for concurrent use.
type Banks struct {
	journal  Journal
	gate     Gate
	channels map[string]*way // never changed; what a way leads to is
	now      func() time.Time
	log      *slog.Logger
	unmapped unmapped
	// misaddressed counts answers that were another's.
	misaddressed atomic.Uint64
	drain        *drain
}

// New wires channels to a journal and a gate.
func New(j Journal, gate Gate, channels []Channel, now func() time.Time, log *slog.Logger) *Banks {
	b := &Banks{journal: j, gate: gate, channels: make(map[string]*way, len(channels)), now: now, log: log, drain: newDrain()}
	for _, c := range channels {
		b.channels[c.ID] = newWay(c)
	}
	return b
}

// Step is one attempt, and what it writes.
type Step struct {
	Op op.Operation
	// Attempt is completed by Do: when it was meant, until when it is waited for, what became of it.
	Attempt journal.Attempt
	// Intend makes what is written before the first byte leaves. Nil writes the attempt alone, here as in Settle.
	Intend func(journal.Attempt) journal.Change
	// Settle makes what is written with the outcome. It is called once.
	Settle func(journal.Attempt, op.Result) journal.Change
}

// Grace is what an attempt is given beyond its time-out before anybody else
// may take it for abandoned: both commits and a pause of the whole process lie
// in it. What a process has left that is surely gone needs none.
const Grace = 5 * time.Second

// Do carries one attempt: gate, intend, send, settle. What the bank did is in
// the result. The error is either an *op.Problem, the gate's refusal, with
// nothing written; or the journal's own, wrapped. Where settling failed, the
// result still says what the bank did, and the attempt stays unsettled in the
// journal, to be found out later.
//
// A caller that hangs up ends a wait at the gate. From there on it neither
// stops an exchange nor makes it forgotten. Only Cut ends an exchange early.
func (b *Banks) Do(ctx context.Context, s Step) (op.Result, error) {
	channel, done, ok := b.take(s.Op.Channel)
	if !ok {
		return op.Result{Outcome: op.NotSent}, &op.Problem{
			Reason: op.ChannelUnavailable, Outcome: op.NotSent, Bank: s.Op.Bank, Detail: "the bank's channel is not connected",
		}
	}
	defer done()
	leave, refused := b.gate.Enter(ctx, s.Op.Channel, s.Op.Bank, s.Op.Kind)
	if refused != nil {
		return op.Result{Outcome: op.NotSent, Reason: refused.Reason}, refused
	}
	crash.Here(crash.BankGated, string(s.Op.Kind))
	ctx = context.WithoutCancel(ctx)
	timeout := channel.Timeout(s.Op.Bank, s.Op.Kind)
	attempt := b.meant(s, timeout)
	if refused := b.drain.begins(attempt, timeout, b.now()); refused != nil {
		leave(op.Result{Outcome: op.NotSent, Reason: refused.Reason})
		return op.Result{Outcome: op.NotSent, Reason: refused.Reason}, refused
	}
	defer b.drain.ends(attempt)
	if err := b.journal.Apply(ctx, change(s.Intend, attempt)); err != nil {
		leave(op.Result{Outcome: op.NotSent})
		return op.Result{Outcome: op.NotSent}, fmt.Errorf("bank %s: intend %s: %w", s.Op.Bank, s.Op.Kind, err)
	}
	crash.Here(crash.BankIntended, string(s.Op.Kind))
	until, end := b.drain.uncut(ctx)
	result := channel.exchange(until, s.Op, timeout, b.now)
	end()
	crash.Here(crash.BankAnswered, string(s.Op.Kind))
	leave(result)
	b.report(ctx, s.Op, result)

	attempt = b.became(attempt, result)
	settle := func(a journal.Attempt) journal.Change { return s.Settle(a, result) }
	if s.Settle == nil {
		settle = nil
	}
	if err := b.settle(ctx, change(settle, attempt)); err != nil {
		return result, fmt.Errorf("bank %s: settle %s: %w", s.Op.Bank, s.Op.Kind, err)
	}
	crash.Here(crash.BankSettled, string(s.Op.Kind))
	return result, nil
}

// Number writes a serial number in the form that the channel wants on the wire.
func (b *Banks) Number(channel string, at time.Time, serial uint64) (string, error) {
	c, ok := b.at(channel)
	if !ok {
		return "", fmt.Errorf("channel %s is not connected", channel)
	}
	if n, ok := c.Adapter.(Numberer); ok {
		return n.Number(at, serial)
	}
	return fmt.Sprintf("%s%016d", at.Format("20060102"), serial), nil
}

// Requires names what an operation over this channel needs beside the stored
// data, for a card of this type: code, card.cvv, card.expiry.
func (b *Banks) Requires(channel string, kind op.Kind, cardType string) []string {
	c, _ := b.at(channel)
	if r, ok := c.Adapter.(Requirer); ok {
		return r.Requires(kind, cardType)
	}
	if kind == op.Confirm {
		return []string{"code"}
	}
	return nil
}

// Does reports whether the channel is there and an operation of this kind can be said in its protocol.
func (b *Banks) Does(channel string, kind op.Kind) bool {
	c, ok := b.at(channel)
	if !ok {
		return false
	}
	if d, ok := c.Adapter.(Doer); ok {
		return d.Does(kind)
	}
	return kind != op.Verify
}

// Renumbers reports whether an operation of this kind has a number of its own on the channel.
func (b *Banks) Renumbers(channel string, kind op.Kind) bool {
	c, _ := b.at(channel)
	s, ok := c.Adapter.(Signer)
	return ok && s.Renumbers(kind)
}

// Truth says how it is found out what became of an operation of this kind on the channel.
func (b *Banks) Truth(channel string, kind op.Kind) op.Truth {
	c, _ := b.at(channel)
	if f, ok := c.Adapter.(Finder); ok {
		return f.Truth(kind)
	}
	return op.ByQuery
}

// Check names what of a person this channel cannot carry to a bank.
func (b *Banks) Check(channel string, p op.Person) []op.Field {
	c, _ := b.at(channel)
	if checker, ok := c.Adapter.(Checker); ok {
		return checker.Check(p)
	}
	return nil
}

// Connected reports whether the channel is there.
func (b *Banks) Connected(channel string) bool {
	_, ok := b.at(channel)
	return ok
}

func (b *Banks) meant(s Step, timeout time.Duration) journal.Attempt {
	a := s.Attempt
	a.Kind, a.Channel, a.Bank, a.Number = s.Op.Kind, s.Op.Channel, s.Op.Bank, s.Op.Number
	a.IntendedAt = s.Op.At
	a.Deadline = b.now().Add(timeout + Grace)
	a.Settled, a.Outcome = false, op.Unknown
	return a
}

func (b *Banks) became(a journal.Attempt, r op.Result) journal.Attempt {
	a.Settled, a.SettledAt = true, b.now()
	a.Outcome, a.Reason, a.RawCode, a.Exchange = r.Outcome, r.Reason, r.RawCode, r.Exchange
	a.Said, a.Heard = r.Said, r.Heard
	return a
}

func change(build func(journal.Attempt) journal.Change, a journal.Attempt) journal.Change {
	if build == nil {
		return journal.Change{Attempts: []journal.Attempt{a}}
	}
	return build(a)
}

// settle waits a little where the journal is full or the disk fails: a known
// answer must not become an unknown one because others are asking, or for a disk's hiccup.
func (b *Banks) settle(ctx context.Context, c journal.Change) error {
	for pause := 10 * time.Millisecond; ; pause *= 4 {
		err := b.journal.Apply(ctx, c)
		passing := errors.Is(err, journal.ErrFull) || errors.Is(err, journal.ErrStorage) && !errors.Is(err, journal.ErrDamaged)
		if !passing || pause > time.Second {
			return err
		}
		<-time.After(pause)
	}
}
