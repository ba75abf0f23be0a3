package iso8583

import (
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire/iso8583"
)

// Which operations a line of the table is for.
type group int

const (
	verifying group = 1 << iota
	settingUp       // apply, challenge
	signing         // confirm
	unsigning
	reversing
	identifying = verifying | settingUp | signing
	every       = identifying | unsigning | reversing
)

func groupOf(kind op.Kind) group {
	switch kind {
	case op.Verify:
		return verifying
	case op.Apply, op.Challenge:
		return settingUp
	case op.Confirm:
		return signing
	case op.Unsign:
		return unsigning
	}
	return reversing
}

// line is codes with one meaning. The outcome is Refused where it is not said.
type line struct {
	of      group
	reason  op.Reason
	outcome op.Outcome
	codes   []string
}

func refused(of group, reason op.Reason, codes ...string) line {
	return line{of, reason, op.Refused, codes}
}

func unknown(of group, reason op.Reason, codes ...string) line {
	return line{of, reason, op.Unknown, codes}
}

// lines is the protocol's table of field 39. General meanings are found; what
// a code means for a mandate is declared in package wire/iso8583. A code that
// no source explains is left out.
func lines() []line {
	return []line{
		refused(identifying, op.IdentityMismatch, iso8583.ResponseIdentity),
		refused(identifying, op.CardInvalid, iso8583.ResponseNoCard, "15"), // 15: no such issuer
		refused(identifying, op.CardLost, iso8583.ResponseLost, iso8583.ResponseStolen),
		refused(identifying, op.CardExpired, iso8583.ResponseExpired),
		refused(identifying, op.OnlinePaymentNotOpened, iso8583.ResponseNotOpened), // see narrowed
		refused(identifying, op.RiskRefused, iso8583.ResponseFraud, "34"),
		refused(identifying, op.AccountFrozen, iso8583.ResponseRestricted),
		refused(identifying, op.SignCountExceeded, iso8583.ResponseCountLimit),
		refused(verifying|settingUp, op.CVVMismatch, iso8583.ResponseCodeWrong),
		refused(verifying|settingUp, op.SignCountExceeded, iso8583.ResponseCodeTries, "38"), // of CVN2
		refused(settingUp, op.TooManyRequests, iso8583.ResponseTooSoon),
		refused(signing, op.CodeWrong, iso8583.ResponseCodeWrong),
		refused(signing, op.CodeLocked, iso8583.ResponseCodeTries, "38"),
		refused(signing, op.CodeExpired, iso8583.ResponseNotFound),
		refused(unsigning, op.AgreementNotFound, iso8583.ResponseNotFound),
		refused(identifying|unsigning, op.BankRefused, iso8583.ResponseInvalid), // of a late one: it was reversed before it came

		refused(every, op.BankRefused, iso8583.ResponseMerchant, iso8583.ResponseNotAllowed, iso8583.ResponseUnsupported, "01", "02", "92", "97"),
		refused(every, op.BankProtocolError, iso8583.ResponseFormat, iso8583.ResponseSeal, "13", "99", "A7"), // A7 from memory

		unknown(every, op.BankTimeout, iso8583.ResponseLate, iso8583.ResponseSilent),
		unknown(every, op.BankUnavailable, iso8583.ResponseUnavailable),
		unknown(every, op.BankBusy, iso8583.ResponseBusy, iso8583.ResponseTrouble, "22", "90"),
		unknown(every, op.BankProtocolError, iso8583.ResponseDuplicate), // what became of the first one is not said
	}
}

// override is a bank's own meaning of a code; an empty kind is all of them.
type override struct {
	bank string
	kind op.Kind
	code string
}

type entry struct {
	reason  op.Reason
	outcome op.Outcome
}

type key struct {
	code string
	of   group
}

func table() map[key]entry {
	t := make(map[key]entry)
	for _, l := range lines() {
		for of := verifying; of <= reversing; of <<= 1 {
			for _, code := range l.codes {
				if l.of&of != 0 {
					t[key{code, of}] = entry{l.reason, l.outcome}
				}
			}
		}
	}
	return t
}

// find looks a code up: the bank's own meaning first, then the operation's.
func (a *Adapter) find(bank string, kind op.Kind, code string) (entry, bool) {
	for _, k := range []op.Kind{kind, ""} {
		if reason, ok := a.overrides[override{bank, k, code}]; ok {
			return entry{reason, outcomeOf(reason)}, true
		}
	}
	e, ok := a.codes[key{code, groupOf(kind)}]
	return e, ok
}

// meaning turns a code into a result. One in no table is counted; of a
// signing it is Unknown, never a refusal; of a verification, which changes nothing, a failure.
func (a *Adapter) meaning(bank string, kind op.Kind, code string) op.Result {
	if code == iso8583.ResponseDone {
		return op.Result{Outcome: op.Accepted, RawCode: code}
	}
	e, ok := a.find(bank, kind, code)
	switch {
	case !ok && kind == op.Verify:
		return op.Result{Outcome: op.Refused, Reason: op.BankRefused, RawCode: code, Unmapped: true}
	case !ok:
		return op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, RawCode: code, Fault: op.MemberFault, Unmapped: true}
	}
	// Where nothing is at stake, busy is a no: whoever asked may ask again.
	if e.reason == op.BankBusy && groupOf(kind)&(verifying|settingUp) != 0 {
		e.outcome = op.Refused
	}
	r := op.Result{Outcome: e.outcome, Reason: e.reason, RawCode: code}
	if r.Outcome == op.Unknown {
		r.Fault = op.MemberFault
	}
	return r
}

// outcomeOf says what a reason given in a profile means for the outcome.
func outcomeOf(reason op.Reason) op.Outcome {
	switch reason {
	case op.BankTimeout, op.OutcomeUnknown, op.BankBusy, op.BankUnavailable:
		return op.Unknown
	}
	return op.Refused
}
