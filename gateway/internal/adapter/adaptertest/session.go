package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// session is one customer's turn at a bank.
type session struct {
	*side
	ctx     context.Context //nolint:containedctx // it is the cell's, and every step's
	binding string          // of its attempts in the journal
	person  op.Person
	account string

	lied    bool         // a lie of the bank's is to come: its next no to a question
	applied op.Operation // the one whose code is waited for, or whose approval
	signed  op.Operation // the one that signed
	known   string       // the agreement's number as the gateway knows it

	front  int                   // the last exchange before this turn that reached no bank
	before int                   // the bank's last exchange before this turn
	old    int                   // messages that had reached the customer before
	sent   []exchange            // what the bank must have been asked
	unsure map[exchange]int      // of these, how many may have been lost on their way
	wrote  map[string]op.Outcome // attempts, and what became of them
}

// begin takes the next customer.
func (s *side) begin(ctx context.Context) (*session, error) {
	if s.used == len(s.people) {
		return nil, errors.New("all customers had their turn")
	}
	c := s.people[s.used]
	s.used++
	s.deaf()
	x := &session{
		side: s, ctx: ctx, binding: fmt.Sprintf("bnd_%d", s.turns.Add(1)), account: "wallet", wrote: map[string]op.Outcome{}, unsure: map[exchange]int{},
		person: c.person(),
	}
	var err error
	if _, x.before, err = s.exchanges(ctx, s.id, 0); err != nil {
		return nil, err
	}
	if _, x.front, err = s.refusals(ctx, s.id, 0); err != nil {
		return nil, err
	}
	before, err := s.inbox(ctx, s.id, x.person.Mobile)
	x.old = len(before)
	return x, err
}

// number is a new number of ours in the channel's form.
func (x *session) number(at time.Time) (string, error) {
	serial, err := x.numbers.Next(x.ctx, x.id+"/"+at.In(profiles.Beijing).Format("20060102"))
	if err != nil {
		return "", err
	}
	return x.banks.Load().Number(x.id, at, serial)
}

// operation begins one of a kind, with a number of its own where it needs one.
func (x *session) operation(kind op.Kind) (op.Operation, error) {
	now := time.Now()
	o := op.Operation{
		Kind: kind, Channel: x.id, Bank: x.id, Member: x.member, At: now, Begun: now, Person: x.person, Account: x.account,
	}
	if kind == op.Query {
		return o, nil
	}
	var err error
	o.Number, err = x.number(now)
	return o, err
}

// send carries one operation, as flow would have it carried.
func (x *session) send(banks *bank.Banks, o op.Operation) (op.Result, error) {
	a := journal.Attempt{
		ID: fmt.Sprintf("att_%d", x.attempts.Add(1)), Binding: x.binding, Borrowed: o.Kind == op.Confirm && o.Number == o.Signing,
	}
	r, err := banks.Do(x.ctx, bank.Step{Op: o, Attempt: a})
	if err != nil {
		return r, &finding{seesJournal, fmt.Errorf("%s: %w", o.Kind, err)}
	}
	x.wrote[a.ID] = r.Outcome
	if r.Outcome != op.NotSent {
		x.sent = append(x.sent, asSeen(o))
	}
	if r.Outcome == op.Unknown {
		x.unsure[asSeen(o)]++
	}
	return r, nil
}

// asSeen is an operation as the bank's list of exchanges has it.
func asSeen(o op.Operation) exchange {
	number := o.Number
	if o.Kind == op.Query {
		number = o.Original.Number
	}
	return exchange{Operation: asFarm(o.Kind), Number: number}
}

// asFarm is the name under which the banks know a kind of operation.
func asFarm(kind op.Kind) string {
	switch kind {
	case op.Challenge:
		return "apply"
	case op.Reverse:
		return "cancel"
	}
	return string(kind)
}

// calmly carries an operation of which nothing goes wrong, and wants its outcome. What did not
// leave is tried again, as anybody may: each time as a new one.
func (x *session) calmly(want op.Outcome, ask func() (op.Operation, error)) (op.Operation, op.Result, error) {
	for try := 1; ; try++ {
		o, err := ask()
		if err != nil {
			return o, op.Result{}, err
		}
		r, err := x.send(x.banks.Load(), o)
		if err != nil {
			return o, r, err
		}
		if r.Outcome == op.NotSent && try < 3 {
			continue
		}
		if r.Outcome != want {
			return o, r, found(seesWayOn, "%s: the outcome is %s, not %s (%s %s, %v)", o.Kind, r.Outcome, want, r.Reason, r.RawCode, r.Err)
		}
		return o, r, x.others(o)
	}
}

// others shows the adapter an answer of another operation of this kind: it must say nothing.
func (x *session) others(o op.Operation) error {
	was, kept := x.another[o.Kind]
	x.another[o.Kind] = recorded{asSeen(o).Number, x.tape.answer()}
	if !kept || was.number == asSeen(o).Number {
		return nil
	}
	m, err := x.made.Codec.Decode(was.frame)
	if errors.Is(err, wire.ErrSeal) { // its keys have changed meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("another's answer: %w", err)
	}
	if r := x.made.Adapter.Result(o, m); r.Outcome != op.Unknown {
		return found(seesOthers, "%s: the answer to another number was taken for this one's: %s", o.Kind, r.Outcome)
	}
	return nil
}

// book is what the bank itself says of this customer.
type book struct {
	live  []string      // agreements
	all   []string      // ended ones as well
	codes []secret.Code // that were sent, the oldest first
	asks  []message     // for approval, the oldest first
}

func (x *session) book() (b book, err error) {
	agreements, err := x.agreements(x.ctx, x.id, x.person.Card)
	if err != nil {
		return b, err
	}
	for _, a := range agreements {
		b.all = append(b.all, a.Number)
		if a.State == "signed" {
			b.live = append(b.live, a.Number)
		}
	}
	if len(b.live) > 1 {
		return b, found(seesOne, "the card has %d live agreements", len(b.live))
	}
	messages, err := x.inbox(x.ctx, x.id, x.person.Mobile)
	messages = messages[:max(0, len(messages)-x.old)]
	slices.Reverse(messages)
	for _, m := range messages {
		switch {
		case m.Approval != "":
			b.asks = append(b.asks, m)
		case !m.Code.IsZero():
			b.codes = append(b.codes, m.Code)
		}
	}
	return b, err
}

// free wants a card of which nothing is signed, and nothing waited for.
func (x *session) free(when string) error {
	b, err := x.book()
	if err != nil {
		return err
	}
	if len(b.live) > 0 {
		return found(seesBook, "%s, and the bank has an agreement", when)
	}
	err = until(x.ctx, time.Second, func() (bool, error) {
		list, err := x.unbound(x.ctx, x.id)
		return slices.ContainsFunc(list, func(c customer) bool { return c.Cards[0].Number.Equal(x.person.Card) }), err
	})
	if errors.Is(err, errVain) {
		return found(seesOne, "%s, and the bank still waits for this customer", when)
	}
	return err
}
