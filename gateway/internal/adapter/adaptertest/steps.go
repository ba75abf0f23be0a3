package adaptertest

import (
	"slices"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// What the rows are made of: the steps of a binding, each of which can be taken
// calmly. A step that was taken calmly is held against the bank's book at once.

// wishApply is an apply, or with another kind a challenge, for a code.
func (x *session) wishApply(kind op.Kind) (op.Operation, error) { return x.operation(kind) }

// wishApproval is an apply that people must approve.
func (x *session) wishApproval() (op.Operation, error) {
	o, err := x.operation(op.Apply)
	o.Challenge = x.approval()
	return o, err
}

// wishConfirm brings the last code.
func (x *session) wishConfirm() (op.Operation, error) {
	b, err := x.book()
	if err != nil {
		return op.Operation{}, err
	}
	if len(b.codes) == 0 {
		return op.Operation{}, found(seesBook, "the apply was accepted, and the bank has sent no code")
	}
	return x.confirmOf(x.applied, b.codes[len(b.codes)-1].Reveal())
}

// confirmOf brings a code of an apply: under a number of its own, or under that of the apply where the protocol has it so.
func (x *session) confirmOf(applied op.Operation, code string) (op.Operation, error) {
	o, err := x.operation(op.Confirm)
	if !x.banks.Load().Renumbers(x.id, op.Confirm) {
		o.Number = applied.Number
	}
	o.Signing, o.Begun, o.Code = applied.Number, applied.Begun, secret.NewCode(code)
	return o, err
}

// wishUnsign ends the agreement.
func (x *session) wishUnsign() (op.Operation, error) {
	o, err := x.operation(op.Unsign)
	card := x.person.Card.Reveal()
	o.Person, o.Agreement, o.CardTail, o.CardType = op.Person{}, x.known, card[len(card)-4:], x.person.CardType
	return o, err
}

// apply has a code sent.
func (x *session) apply() error {
	before, err := x.book()
	if err != nil {
		return err
	}
	o, _, err := x.calmly(op.Accepted, func() (op.Operation, error) { return x.wishApply(op.Apply) })
	if err != nil {
		return err
	}
	x.applied = o
	after, err := x.book()
	if err == nil && len(after.codes) != len(before.codes)+1 {
		err = found(seesBook, "the apply was accepted, and the bank has sent %d codes", len(after.codes)-len(before.codes))
	}
	return err
}

// confirm brings the code: then both have the agreement.
func (x *session) confirm() error {
	o, r, err := x.calmly(op.Accepted, x.wishConfirm)
	if err != nil {
		return err
	}
	x.signed, x.known = o, r.Agreement
	return x.holds()
}

// bind makes the agreement, in whichever way there is.
func (x *session) bind() error {
	if x.banks.Load().Does(x.id, op.Confirm) {
		if err := x.apply(); err != nil {
			return err
		}
		return x.confirm()
	}
	o, _, err := x.calmly(op.Pending, x.wishApproval)
	if err != nil {
		return err
	}
	return x.approved(o)
}

// approved has the people say yes, and learns the agreement by query.
func (x *session) approved(o op.Operation) error {
	b, err := x.book()
	if err != nil {
		return err
	}
	waits := slices.IndexFunc(b.asks, func(m message) bool { return m.Approval == "received" })
	if waits < 0 {
		return found(seesBook, "the apply is pending, and the bank waits for nobody")
	}
	if len(b.live) > 0 {
		return found(seesBook, "the apply is pending, and the bank has an agreement")
	}
	if err := x.approve(x.ctx, x.id, b.asks[waits].ID); err != nil {
		return err
	}
	t, err := x.find(o, op.Result{Outcome: op.Pending})
	if err != nil {
		return err
	}
	if !t.done() {
		return found(seesBook, "the people have approved, and the truth is %+v", t)
	}
	x.signed, x.known = o, t.agreement
	return x.holds()
}

// holds wants the one agreement that the bank has to be the one that is known.
func (x *session) holds() error {
	b, err := x.book()
	switch {
	case err != nil:
		return err
	case len(b.live) != 1:
		return found(seesBook, "it was signed, and the bank has %d agreements", len(b.live))
	case x.known != b.live[0]:
		return found(seesBook, "the bank's agreement is another than the one that is known (%q)", x.known)
	}
	return nil
}

// unsign ends the agreement: then neither has it, and the card is free.
func (x *session) unsign() error {
	if _, r, err := x.calmly(op.Accepted, x.wishUnsign); err != nil && !nothingLeft(op.Unsign, r) {
		return err
	}
	return x.free("it was unsigned")
}

// nothingLeft: the bank has no such agreement, which is what was wanted. Flow takes it so.
func nothingLeft(kind op.Kind, r op.Result) bool {
	return kind == op.Unsign && r.Outcome == op.Refused && r.Reason == op.AgreementNotFound
}

// approval is the way in which the bank asks people to approve; empty: it does not.
func (s *side) approval() string {
	for _, kind := range s.bank.Challenge.Kinds {
		if kind != "sms" {
			return kind
		}
	}
	return ""
}
