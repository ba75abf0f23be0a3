package load

import (
	"slices"

	"kaqiao/loadtest/control"
)

// What a bank can say depends on its protocol, and what a binding can run into
// on how the bank asks its customer: a plan wants of no bank what it can't do.

// Denied is the kind of a binding whose approval is refused.
const Denied = "denied"

// approves reports whether a bank has its bindings approved, so that there is
// neither code nor confirm. Without profiles every bank sends codes.
func (f Failing) approves(bank string) bool {
	if f.Banks == nil {
		return false
	}
	b := f.Banks.Bank(bank)
	return b != nil && len(b.Challenge.Kinds) > 0 && b.Challenge.Kinds[0] != "sms"
}

// can reports whether a binding at this bank can run into p. Nil: nothing is planned, and every bank can do that.
func (f Failing) can(p *Planned, b control.Bank) bool {
	switch {
	case p == nil:
		return true
	case p.Want.Step == Approval:
		return f.approves(b.ID)
	case p.Want.Step == Confirm:
		return !f.approves(b.ID)
	case p.from.kind == "credit" && p.Kind != "expired_card":
		return b.Protocol != "jws" // it has no place for CVV and expiry
	}
	return true
}

// voiced is p as a bank of this protocol lets the caller know it.
func voiced(p *Planned, protocol string) *Planned {
	if p == nil || protocol != "iso8583" {
		return p
	}
	out := *p
	switch {
	case slices.Contains([]string{"wrong_name", "name_in_other_script", "wrong_document", "other_document", "wrong_mobile"}, p.Kind):
		out.Want.Code = "identity_mismatch" // 05: which of them is not said
	case p.Kind == "wrong_expiry":
		out.Want.Code = "card_expired" // 54: expired, or another month
	case p.Kind == "virtual":
		out.Want.Code = "online_payment_not_opened" // 57: not permitted to the holder
	case p.Kind == "closed":
		out.Want.Code, out.Want.Category = "card_invalid", Information // 14: no such card, or closed
	case p.Doubt: // there is no query: what is doubtful is undone
		out.Want.Code, out.End = "bank_timeout", EndFailed
	default:
		return p
	}
	return &out
}
