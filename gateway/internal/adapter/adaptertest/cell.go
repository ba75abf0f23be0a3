package adaptertest

import (
	"context"
	"errors"
	"slices"

	"kaqiao/gateway/internal/op"
)

// try is one cell, from a customer who is free to one who is free again.
func (s *side) try(ctx context.Context, of Subject, c cell) (all []*finding) {
	ctx, cancel := context.WithTimeout(ctx, cellTime)
	defer cancel()
	report := func(err error) { all = append(all, asFindings(err)...) }
	_, declared := of.gap(c)
	switch has := c.row.has(s); {
	case !has && !declared:
		return []*finding{found(seesGaps, "the adapter can't do this, and no reason is declared")}
	case !has:
		return nil
	case declared && !c.row.unasked && of.wholeRow(c):
		return []*finding{found(seesGaps, "it is declared that the protocol has no such row, and the adapter says that it has")}
	}
	x, err := s.begin(ctx)
	if err != nil {
		report(err)
		return all
	}
	if c.row.unasked {
		report(x.hearOf(c, declared))
	} else {
		report(x.course(c, declared))
	}
	report(x.nothingElse())
	report(x.onDisk())
	return all
}

// wholeRow reports whether it is the row that is declared to be missing, and not a column.
func (s Subject) wholeRow(c cell) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Row == c.row.name && g.Kind == "" })
}

// asFindings takes apart what errors.Join has put together. What is no finding kept the customer from going on.
func asFindings(err error) (all []*finding) {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, asFindings(one)...)
		}
		return all
	}
	var f *finding
	if errors.As(err, &f) {
		return []*finding{f}
	}
	return []*finding{{seesWayOn, err}}
}

// errGap: there is no such cell, as it is declared.
var errGap = errors.New("a declared gap")

// course is a row's meeting with a column: it is asked, what is known is looked at, found out, held against the
// bank's book, and the customer goes on.
func (x *session) course(c cell, declared bool) error {
	if err := c.row.arrange(x); err != nil {
		return err
	}
	o, r, err := x.meet(c, declared)
	if errors.Is(err, errGap) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.fate.back == no && c.row.spoil == nil {
		return errors.Join(askedInVain(o, r), c.row.goOn(x, o, truth{}))
	}
	x.lied = c.fate.back == lie
	var wrong []error
	if f := c.fate.expects(r, c.row.well); f != nil {
		wrong = append(wrong, f)
	}
	if c.fate.heard && x.lines && c.row.kind != op.Reverse {
		wrong = append(wrong, x.overheard(o, c.heardOutcome()))
	}
	t, err := truth{outcome: r.Outcome}, error(nil)
	if c.fate.back != no { // a no is no doubt, and what it was about was never there
		t, err = x.find(o, r)
	}
	if err != nil {
		return errors.Join(append(wrong, err)...)
	}
	if err := c.row.stands(x, o, t); err != nil {
		return errors.Join(append(wrong, err)...)
	}
	wrong = append(wrong, c.row.goOn(x, o, t))
	if x.lied {
		wrong = append(wrong, found(seesTruth, "the bank has lied, and nobody was told"))
	}
	return errors.Join(wrong...)
}

// waits reports whether an answer is waited for in vain. A question to which the bank says what is not so is answered.
func (c cell) waits() bool {
	untrue := c.fate.back == unseen || c.fate.back == lie
	return c.fate.waits() && (!untrue || c.row.kind != op.Query)
}

// heardOutcome is what an answer says that comes when nobody waits for it any more.
func (c cell) heardOutcome() op.Outcome {
	if c.fate.contrary {
		return op.Refused
	}
	return c.row.well
}

// meet has the operation meet its fate.
func (x *session) meet(c cell, declared bool) (op.Operation, op.Result, error) {
	if err := x.order(c, declared); err != nil {
		return op.Operation{}, op.Result{}, err
	}
	if c.fate.anew {
		if err := x.restart(); err != nil {
			return op.Operation{}, op.Result{}, err
		}
	}
	banks := x.banks.Load()
	if c.fate.back == nobody {
		dead, link, err := x.dead(x.ctx)
		if err != nil {
			return op.Operation{}, op.Result{}, err
		}
		defer func() { _ = link.Close() }()
		banks = dead
	}
	for try := 1; ; try++ {
		o, err := c.row.wish(x)
		if err != nil {
			return o, op.Result{}, err
		}
		if c.fate.back == no {
			if err := x.spoil(c.row, &o); err != nil {
				return o, op.Result{}, err
			}
		}
		if c.waits() && !declared {
			x.wait.Store(int64(brief))
		}
		r, err := x.send(banks, o)
		x.wait.Store(int64(patience))
		if err != nil {
			return o, r, err
		}
		if r.Outcome == op.NotSent {
			if err := x.neverSeen(o); err != nil {
				x.sent = append(x.sent, asSeen(o)) // it was, so that what follows speaks of other things
				return o, r, errors.Join(err, x.calm(x.ctx, c.where(), x.id))
			}
			if c.fate.back != nobody && try < 3 {
				continue // on a busy machine the time may be over before anything leaves
			}
		}
		return o, r, x.strike(c, o, r, declared)
	}
}

// order has the bank, or its hub, meet the next such operation with the fault.
func (x *session) order(c cell, declared bool) error {
	if c.fate.kind == "" {
		return nil
	}
	err := x.behave(x.ctx, c.where(), x.id, c.fate.order(asFarm(c.row.kind)))
	var refused *refusalError
	switch {
	case errors.As(err, &refused) && declared:
		return errGap
	case errors.As(err, &refused):
		return found(seesGaps, "the bank can't play it, and no reason is declared: %w", err)
	}
	return err
}

// spoil makes an operation to which the bank says no.
func (x *session) spoil(r row, o *op.Operation) error {
	if r.spoil != nil {
		r.spoil(o)
		return nil
	}
	if o.Original == nil {
		return nil
	}
	number, err := x.number(o.At) // that never came to the bank
	original := *o.Original
	original.Number = number
	o.Original = &original
	return err
}

// askedInVain: a question about what the bank never had.
func askedInVain(o op.Operation, r op.Result) error {
	switch {
	case o.Kind == op.Query && (r.Outcome != op.Accepted || !r.NotFound || r.Of != nil):
		return found(seesNotFound, "the bank never had the number it was asked for, and the result is %s, not found %v, of %+v", r.Outcome, r.NotFound, r.Of)
	case o.Kind == op.Reverse && (r.Outcome != op.Accepted || !r.NotFound || !r.Undone):
		return found(seesNotFound, "the bank never had what it was to undo, and the result is %s, not found %v, undone %v", r.Outcome, r.NotFound, r.Undone)
	}
	return nil
}
