package adaptertest

import (
	"errors"
	"slices"

	"kaqiao/gateway/internal/op"
)

// overheard wants the answer that nobody waited for any more to be heard, and to say what the bank has done.
func (x *session) overheard(o op.Operation, well op.Outcome) error {
	var notice *op.Notice
	err := until(x.ctx, x.limit, func() (bool, error) {
		for _, n := range x.heardSoFar() {
			if n.Of == o.Number && n.Result != nil {
				notice = &n
			}
		}
		return notice != nil, nil
	})
	if errors.Is(err, errVain) {
		return found(seesUnasked, "an answer came that nobody waited for, and it was not heard")
	}
	if err != nil {
		return err
	}
	if notice.Result.Outcome != well {
		return found(seesUnasked, "the late answer says %s, not %s", notice.Result.Outcome, well)
	}
	return x.bears(*notice)
}

// bears holds what was said unasked against the bank's book.
func (x *session) bears(n op.Notice) error {
	number := n.Agreement
	if n.Result != nil {
		number = n.Result.Agreement
	}
	if number == "" {
		return nil
	}
	b, err := x.book()
	if err == nil && !slices.Contains(b.all, number) {
		err = found(seesUnasked, "it was said unasked that there is an agreement, and the bank has none of this number")
	}
	return err
}

// hearOf is a row in which the bank speaks first: its people approve, or it ends an agreement.
func (x *session) hearOf(c cell, declared bool) error {
	if err := c.row.arrange(x); err != nil {
		return err
	}
	var o op.Operation
	if c.row.name == Approved {
		var err error
		if o, _, err = x.calmly(op.Pending, x.wishApproval); err != nil {
			return err
		}
	}
	if err := x.order(c, declared); err != nil {
		return asGap(err)
	}
	var err error
	if c.row.name == Approved {
		err = x.approved(o)
	} else {
		err = x.revoke(x.ctx, x.id, x.known)
	}
	if err != nil {
		return err
	}
	if c.fate.kind != "" {
		if err := x.hasStruck(c, declared); err != nil {
			return errors.Join(asGap(err), x.unsign())
		}
	}
	return errors.Join(x.told(c, o, declared), x.unsign())
}

func asGap(err error) error {
	if errors.Is(err, errGap) {
		return nil
	}
	return err
}

// told wants what the bank has said to have been heard as often as it said it, and to be true.
func (x *session) told(c cell, o op.Operation, declared bool) error {
	if !declared {
		err := until(x.ctx, x.limit, func() (bool, error) { return len(x.notices(c.row)) >= c.fate.times, nil })
		if err != nil && !errors.Is(err, errVain) {
			return err
		}
	}
	heard := x.notices(c.row)
	switch n := len(heard); {
	case declared && n > 0:
		return found(seesGaps, "it is declared that the bank does not say so, and it did")
	case !declared && n != c.fate.times:
		return found(seesUnasked, "the bank has said so %d times, and it was heard %d times", c.fate.times, n)
	}
	for _, n := range heard {
		about := n.Agreement == x.known
		if c.row.name == Approved {
			about = n.Of == o.Number && n.Result.Outcome == op.Accepted && n.Result.Agreement == x.known
		}
		if !about || n.Member != x.member {
			return found(seesUnasked, "what was heard is not what the bank has done: %s of %s, %+v", n.Kind, n.Member, n.Result)
		}
	}
	return nil
}

// notices are those that a row is about.
func (x *session) notices(r row) []op.Notice {
	return slices.DeleteFunc(x.heardSoFar(), func(n op.Notice) bool { return (r.name == Ended) != (n.Kind == op.Unsign && n.Result == nil) })
}
