package adaptertest

import (
	"errors"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// row is what is asked of a bank.
type row struct {
	name    string
	kind    op.Kind
	unasked bool // it is heard, not asked
	// has reports whether the adapter says that there is such a row.
	has func(*side) bool
	// well is the outcome where all goes well.
	well op.Outcome
	// arrange takes the calm steps before it.
	arrange func(*session) error
	// wish makes the operation.
	wish func(*session) (op.Operation, error)
	// spoil makes one to which the bank says no. Nil: see askedInVain.
	spoil func(*op.Operation)
	// stands holds the truth against the bank's book.
	stands func(*session, op.Operation, truth) error
	// goOn brings about what was wanted, and leaves the card free.
	goOn func(*session, op.Operation, truth) error
}

func does(kinds ...op.Kind) func(*side) bool {
	return func(s *side) bool {
		for _, k := range kinds {
			if !s.banks.Load().Does(s.id, k) {
				return false
			}
		}
		return true
	}
}

func nothingBefore(*session) error { return nil }

// rows is all of them.
func rows() []row {
	asksPeople := func(s *side) bool { return s.approval() != "" && s.banks.Load().Does(s.id, op.Apply) }
	return []row{
		{
			name: Verify, kind: op.Verify, has: does(op.Verify), well: op.Accepted, arrange: nothingBefore,
			wish: func(x *session) (op.Operation, error) { return x.operation(op.Verify) }, spoil: anotherMobile,
			stands: func(x *session, _ op.Operation, _ truth) error { return x.free("an identity was verified") },
			goOn:   (*session).afterVerify,
		},
		{
			name: Apply, kind: op.Apply, has: does(op.Apply, op.Confirm), well: op.Accepted, arrange: nothingBefore,
			wish: func(x *session) (op.Operation, error) { return x.wishApply(op.Apply) }, spoil: anotherMobile,
			stands: (*session).applyStands, goOn: (*session).afterApply,
		},
		{
			name: Approval, kind: op.Apply, has: asksPeople, well: op.Pending, arrange: nothingBefore,
			wish: (*session).wishApproval, spoil: anotherMobile,
			stands: (*session).approvalStands, goOn: (*session).afterApproval,
		},
		{
			name: Challenge, kind: op.Challenge, has: does(op.Challenge, op.Confirm), well: op.Accepted, arrange: (*session).apply,
			wish: func(x *session) (op.Operation, error) { return x.wishApply(op.Challenge) }, spoil: anotherMobile,
			stands: (*session).challengeStands, goOn: (*session).afterChallenge,
		},
		{
			name: Confirm, kind: op.Confirm, has: does(op.Confirm), well: op.Accepted, arrange: (*session).apply,
			wish: (*session).wishConfirm, spoil: func(o *op.Operation) { o.Code = secret.NewCode("000000") },
			stands: (*session).agreementStands, goOn: (*session).afterConfirm,
		},
		{
			// There is nothing that it could be held against: no bank of today's farm can be told to give up a signing.
			name: Cancel, kind: op.Cancel, has: does(op.Cancel), well: op.Accepted, arrange: (*session).apply,
			wish:   func(x *session) (op.Operation, error) { return x.operation(op.Cancel) },
			stands: func(x *session, _ op.Operation, _ truth) error { return x.free("the signing was given up") },
			goOn:   func(x *session, _ op.Operation, _ truth) error { return x.bound() },
		},
		{
			name: Unsign, kind: op.Unsign, has: does(op.Unsign), well: op.Accepted, arrange: (*session).bind,
			wish: (*session).wishUnsign, spoil: func(o *op.Operation) { o.Agreement = "NONE00000000000000000001" },
			stands: (*session).endingStands, goOn: (*session).afterUnsign,
		},
		{
			name: Query, kind: op.Query, has: does(op.Query), well: op.Accepted, arrange: (*session).bind,
			wish: func(x *session) (op.Operation, error) {
				return x.question(op.Original{Kind: x.signed.Kind, Number: x.signed.Number, At: x.signed.At})
			},
			stands: (*session).toldStands, goOn: func(x *session, _ op.Operation, _ truth) error { return x.unsign() },
		},
		{
			name: Reverse, kind: op.Reverse, has: does(op.Reverse), well: op.Accepted, arrange: (*session).bind,
			wish: func(x *session) (op.Operation, error) {
				return x.reversal(op.Original{Kind: x.signed.Kind, Number: x.signed.Number, At: x.signed.At}, 0)
			},
			stands: (*session).undoneStands, goOn: func(x *session, _ op.Operation, _ truth) error { return x.bound() },
		},
		{name: Approved, kind: op.Apply, unasked: true, has: asksPeople, arrange: nothingBefore},
		{name: Ended, kind: op.Unsign, unasked: true, has: does(op.Unsign), arrange: (*session).bind},
	}
}

func anotherMobile(o *op.Operation) { o.Person.Mobile = secret.NewMobile("+8619900000001") }

// bound binds and unbinds: the customer can go on.
func (x *session) bound() error {
	if err := x.bind(); err != nil {
		return err
	}
	return x.unsign()
}

func (x *session) afterVerify(_ op.Operation, t truth) error {
	if t.done() {
		return nil
	}
	_, _, err := x.calmly(op.Accepted, func() (op.Operation, error) { return x.operation(op.Verify) })
	return err
}

// applyStands: accepted, there is a code, and only one; otherwise nobody waits.
func (x *session) applyStands(_ op.Operation, t truth) error {
	if !t.done() {
		return x.free("the apply is not accepted")
	}
	b, err := x.book()
	if err == nil && len(b.codes) != 1 {
		err = found(seesBook, "the apply is accepted, and the bank has sent %d codes", len(b.codes))
	}
	return err
}

func (x *session) afterApply(o op.Operation, t truth) error {
	if !t.done() {
		return x.bound()
	}
	x.applied = o
	return errors.Join(x.confirm(), x.unsign())
}

func (x *session) approvalStands(_ op.Operation, t truth) error {
	b, err := x.book()
	switch {
	case err != nil:
		return err
	case t.outcome == op.Pending && len(b.live) > 0:
		return found(seesBook, "the bank says that it waits for people, and has signed")
	case t.outcome == op.Pending:
		return nil
	case !t.done():
		return x.free("the apply is not accepted")
	}
	x.known = t.agreement
	return x.holds()
}

func (x *session) afterApproval(o op.Operation, t truth) error {
	switch {
	case t.outcome == op.Pending:
		if err := x.approved(o); err != nil {
			return err
		}
	case !t.done():
		o, _, err := x.calmly(op.Pending, x.wishApproval)
		if err == nil {
			err = x.approved(o)
		}
		if err != nil {
			return err
		}
	}
	return x.unsign()
}

// challengeStands: accepted, there is a second code; not there, there is none. What was undone may have been sent.
func (x *session) challengeStands(_ op.Operation, t truth) error {
	b, err := x.book()
	if err != nil {
		return err
	}
	if n := len(b.codes); t.done() != (n == 2) && !t.undone {
		return found(seesBook, "the challenge is %+v, and the bank has sent %d codes", t, n)
	}
	return nil
}

// afterChallenge: the earlier code counts until the bank has taken the challenge. Where it was taken and undone
// neither does, and the customer begins again.
func (x *session) afterChallenge(o op.Operation, t truth) error {
	b, err := x.book()
	if err != nil {
		return err
	}
	if t.undone && len(b.codes) > 1 {
		return errors.Join(x.free("the challenge was undone"), x.bound())
	}
	if t.done() {
		x.applied = o
	}
	if err := x.confirm(); err != nil {
		return err
	}
	return x.unsign()
}

// agreementStands: signed, both have the same; otherwise nobody has any.
func (x *session) agreementStands(_ op.Operation, t truth) error {
	if t.done() {
		x.known = t.agreement
		return x.holds()
	}
	b, err := x.book()
	if err == nil && len(b.live) > 0 {
		err = found(seesBook, "the confirm is %+v, and the bank has signed", t)
	}
	return err
}

func (x *session) afterConfirm(_ op.Operation, t truth) error {
	switch {
	case t.done():
		return x.unsign()
	case t.undone && !t.notFound:
		return errors.Join(x.free("the confirm was undone"), x.bound())
	}
	if err := x.confirm(); err != nil {
		return err
	}
	return x.unsign()
}

func (x *session) endingStands(_ op.Operation, t truth) error {
	if t.done() {
		return x.free("it was unsigned")
	}
	return x.holds()
}

func (x *session) afterUnsign(_ op.Operation, t truth) error {
	if t.done() {
		return nil
	}
	return x.unsign()
}

func (x *session) toldStands(o op.Operation, t truth) error {
	if !t.done() || t.agreement != x.known {
		return found(seesBook, "the bank was asked about what it has signed, and the truth is %+v", t)
	}
	return x.holds()
}

func (x *session) undoneStands(_ op.Operation, t truth) error {
	if !t.undone {
		return x.holds()
	}
	return x.free("the signing was undone")
}
