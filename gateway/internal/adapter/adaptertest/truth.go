package adaptertest

import (
	"time"

	"kaqiao/gateway/internal/op"
)

// truth is what is known of an operation when everything was done to find it out.
type truth struct {
	outcome   op.Outcome // accepted, refused, pending, not_sent; unknown: see below
	agreement string
	notFound  bool // the bank, asked often and late enough, does not know it
	undone    bool // the bank has undone it, or never had it
}

// said is the truth that an answer tells by itself.
func said(kind op.Kind, r op.Result) truth {
	t := truth{outcome: r.Outcome, agreement: r.Agreement}
	if nothingLeft(kind, r) {
		t.outcome = op.Accepted
	}
	return t
}

// done: the bank has done what was asked.
func (t truth) done() bool { return t.outcome == op.Accepted }

const maxAsked = 20

// find goes the way that the adapter declares, as far as it leads.
func (x *session) find(o op.Operation, r op.Result) (truth, error) {
	switch {
	case o.Kind == op.Query:
		return x.askUntilTold(*o.Original, o, r)
	case o.Kind == op.Reverse:
		return x.undo(*o.Original, o, r)
	case r.Outcome == op.Accepted, r.Outcome == op.Refused, r.Outcome == op.NotSent:
		return said(o.Kind, r), nil
	case o.Kind == op.Verify: // leaves nothing to be found out, and may be asked again
		return x.repeat(o)
	}
	switch x.banks.Load().Truth(x.id, o.Kind) {
	case op.ByReversal:
		return x.undo(op.Original{Kind: o.Kind, Number: o.Number, At: o.At}, op.Operation{}, op.Result{})
	case op.ByRepeat:
		return x.repeat(o)
	}
	return x.askUntilTold(op.Original{Kind: o.Kind, Number: o.Number, At: o.At}, op.Operation{}, op.Result{})
}

// question asks about an original.
func (x *session) question(original op.Original) (op.Operation, error) {
	q, err := x.operation(op.Query)
	q.Original = &original
	return q, err
}

// askUntilTold asks by our number. Not found counts when the bank must see by now what it has done, and twice.
func (x *session) askUntilTold(original op.Original, q op.Operation, r op.Result) (truth, error) {
	never, since := 0, time.Now() // the bank is through with it
	for asked := 0; asked < maxAsked; asked++ {
		if q.Kind == "" {
			var err error
			if q, err = x.question(original); err != nil {
				return truth{}, err
			}
			if r, err = x.send(x.banks.Load(), q); err != nil {
				return truth{}, err
			}
		}
		if r.NotFound && r.Of != nil {
			return truth{}, found(seesNotFound, "the bank does not find it, and it is taken for %s", r.Of.Outcome)
		}
		switch {
		case r.Outcome == op.Accepted && r.NotFound:
			if time.Since(since) >= x.channel.Resolve.VisibleAfter.Std() {
				never++
			}
		case r.Outcome == op.Accepted && r.Of != nil && r.Of.Outcome == op.Refused && x.lied:
			x.lied = false
		case r.Outcome == op.Accepted && r.Of != nil && r.Of.Outcome != op.Unknown:
			return said(original.Kind, *r.Of), nil
		}
		if never == x.channel.Resolve.NotFoundTimes {
			return truth{notFound: true}, nil
		}
		q = op.Operation{}
		if err := x.pause(); err != nil {
			return truth{}, err
		}
	}
	return truth{}, found(seesTruth, "the bank was asked %d times about the %s, and nothing is known: %s, %v", maxAsked, original.Kind, r.Outcome, r.Err)
}

// undo has the original undone until the bank says that it is.
func (x *session) undo(original op.Original, o op.Operation, r op.Result) (truth, error) {
	for repeat := 0; repeat < maxAsked; repeat++ {
		if o.Kind == "" {
			var err error
			if o, err = x.reversal(original, repeat); err != nil {
				return truth{}, err
			}
			if r, err = x.send(x.banks.Load(), o); err != nil {
				return truth{}, err
			}
		}
		if r.Outcome == op.Accepted && r.Undone {
			return truth{undone: true, notFound: r.NotFound}, nil
		}
		o = op.Operation{}
		if err := x.pause(); err != nil {
			return truth{}, err
		}
	}
	return truth{}, found(seesTruth, "the %s was undone %d times, and the bank has not confirmed it: %s, %v", original.Kind, maxAsked, r.Outcome, r.Err)
}

func (x *session) reversal(original op.Original, repeat int) (op.Operation, error) {
	o, err := x.operation(op.Reverse)
	o.Original, o.Repeat = &original, repeat
	return o, err
}

// repeat sends the same wish again, under a new number, until the bank has said something.
func (x *session) repeat(o op.Operation) (truth, error) {
	var r op.Result
	for range maxAsked {
		again, err := x.operation(o.Kind)
		if err != nil {
			return truth{}, err
		}
		again.Signing, again.Code, again.Agreement, again.CardTail, again.CardType = o.Signing, o.Code, o.Agreement, o.CardTail, o.CardType
		again.Challenge, again.Person = o.Challenge, o.Person
		if r, err = x.send(x.banks.Load(), again); err != nil {
			return truth{}, err
		}
		if r.Outcome == op.Accepted || r.Outcome == op.Refused {
			return said(o.Kind, r), nil
		}
		if err := x.pause(); err != nil {
			return truth{}, err
		}
	}
	return truth{}, found(seesTruth, "the %s was sent again %d times, and nothing is known: %s, %v", o.Kind, maxAsked, r.Outcome, r.Err)
}

// pause is the one before the bank is asked again.
func (x *session) pause() error {
	timer := time.NewTimer(x.channel.Resolve.After[0].Std())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}
