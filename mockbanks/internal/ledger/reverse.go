package ledger

import (
	"context"
	"fmt"
)

// Reverse undoes an apply or a confirm by its number: a code that has not been
// used dies, an agreement becomes invalidated, and the original, should it come
// again, gets Reversed. An original that was never seen gets NoOriginal and is
// remembered all the same: if it arrives after its reversal it is refused.
//
// Reversing what has been reversed changes nothing and gets the first answer.
// An agreement that a later confirm was given as well outlives the reversal of
// the earlier one: it ends with the last signing that holds it. A change once
// begun is finished even if ctx ends.
func (l *Ledger) Reverse(ctx context.Context, r Reverse) (Answer, error) {
	r.Operation = operation(r.Operation, "reverse")
	if r.Of != "apply" && r.Of != "confirm" {
		return Answer{}, fmt.Errorf("ledger: reverse: %w: only an apply or a confirm can be undone", ErrInvalid)
	}
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.reverse(r)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: reverse: %w", err)
	}
	return given, nil
}

func (t *transaction) reverse(r Reverse) (Answer, error) {
	mark := fingerprint(r.Institution, r.Of, r.Original)
	answer := Answer{At: t.now()}
	before, err := t.earlier(r.Request)
	if err != nil || before.found {
		return before.again(mark, answer.At), err
	}
	original := Request{Channel: r.Channel, Operation: r.Of, Number: r.Original, Institution: r.Institution}
	known, err := t.earlier(original)
	if err != nil {
		return Answer{}, fmt.Errorf("find the original: %w", err)
	}
	foreign, err := t.foreign(original, known.answer)
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("find whose the original is: %w", err)
	case foreign:
		answer.Refusal = NoOriginal
	case !known.found:
		answer.Refusal = NoOriginal
		err = t.remember(original, unseen(), Answer{Refusal: Reversed, At: answer.At})
	case known.answer.Refusal == Reversed:
		if len(known.fingerprint) == 0 {
			answer.Refusal = NoOriginal
		}
	default:
		answer.Agreement, err = t.undo(original, known, answer)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("undo the original: %w", err)
	}
	return answer, t.remember(r.Request, mark, answer)
}

// unseen is the fingerprint of a request of which only the reversal is known.
func unseen() []byte { return []byte{} }

// foreign reports whether an accepted original is another institution's.
func (t *transaction) foreign(original Request, given Answer) (bool, error) {
	if given.Refusal != "" || given.At.IsZero() {
		return false, nil
	}
	if original.Operation == "confirm" {
		_, a, err := scanAgreement(t.agreement.row(given.Agreement))
		return err == nil && a.Institution != original.Institution, err
	}
	var institution string
	err := t.codeOwner.row(original.Channel, original.Number).Scan(&institution)
	return err == nil && institution != original.Institution, err
}

// undo takes back what the original did, and returns the number of the agreement that ended with it, if one did.
func (t *transaction) undo(original Request, known earlier, reversal Answer) (ended string, err error) {
	was := known.answer
	reversed := was
	reversed.Refusal, reversed.At = Reversed, reversal.At
	if err := t.remember(original, known.fingerprint, reversed); err != nil {
		return "", err
	}
	switch {
	case was.Refusal != "": // a refusal has done nothing
		return "", nil
	case original.Operation == "apply":
		return "", t.killCode.exec(original.Channel, original.Number)
	}
	_, a, err := scanAgreement(t.agreement.row(was.Agreement))
	if err != nil || a.State != "signed" {
		return "", err
	}
	var held bool
	if err := t.agreementHeld.row(a.Number).Scan(&held); err != nil || held {
		return "", err
	}
	return a.Number, t.endAgreement.exec("invalidated", reversal.At.UnixMilli(), a.Number)
}
