package jws

import (
	"strconv"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire/jws"
)

// Which operations a line of the table is for.
const (
	signing   = "signing"   // verify, apply, and the reason of a consent that was rejected
	unsigning = "unsigning" // unsign
	every     = "every"     // these two and query
)

// entry is what a code means.
type entry struct {
	reason  op.Reason
	outcome op.Outcome
	fault   op.Fault
}

// key is a status with a code. Status 0 is for the reason of a verification or a consent, which has none.
type key struct {
	status int64
	code   string
	of     string
}

// override is a bank's own meaning of a code; an empty kind is all of them.
type override struct {
	bank string
	kind op.Kind
	code string
}

// table is the protocol's own meanings. A pair that is not here is in no table.
func table() map[key]entry {
	t := make(map[key]entry)
	no := func(status int64, of string, reason op.Reason, codes ...string) {
		for _, code := range codes {
			t[key{status, code, of}] = entry{reason, op.Refused, ""}
		}
	}
	// The front refuses a message before it looks what is wanted.
	no(400, every, op.BankProtocolError, jws.CodeFieldInvalid, jws.CodeHeaderInvalid, jws.CodeSignatureInvalid, jws.CodeSignatureMissing)
	no(403, every, op.BankRefused, jws.CodeForbidden)
	no(429, every, op.BankBusy, jws.CodeRateLimited) // found: a request beyond the limit is not processed
	t[key{401, jws.CodeTokenInvalid, every}] = notLetIn()
	t[key{409, jws.CodeIdempotency, every}] = entry{op.BankProtocolError, op.Unknown, op.MemberFault} // our number stands for something else there
	t[key{500, jws.CodeInternal, every}] = entry{op.BankUnavailable, op.Unknown, op.MemberFault}
	t[key{503, jws.CodeUnavailable, every}] = entry{op.BankBusy, op.Unknown, op.MemberFault} // it may have begun

	for _, status := range []int64{422, 0} {
		no(status, signing, op.CardInvalid, jws.CodeCardInvalid)
		no(status, signing, op.CardExpired, jws.CodeCardExpired)
		no(status, signing, op.CardLost, jws.CodeCardLost)
		no(status, signing, op.AccountClosed, jws.CodeAccountClosed)
		no(status, signing, op.AccountFrozen, jws.CodeAccountFrozen)
		no(status, signing, op.ClassRestricted, jws.CodeClassRestricted)
		no(status, signing, op.OnlinePaymentNotOpened, jws.CodeNotOpened)
		no(status, signing, op.VirtualCardNoPermission, jws.CodeVirtualCard)
		no(status, signing, op.NameMismatch, jws.CodeNameMismatch)
		no(status, signing, op.DocumentMismatch, jws.CodeDocumentMismatch)
		no(status, signing, op.MobileMismatch, jws.CodeMobileMismatch)
		no(status, signing, op.NoReservedMobile, jws.CodeNoMobile)
		no(status, signing, op.IdentityMismatch, jws.CodeHolderMismatch)
		no(status, signing, op.AlreadyBound, jws.CodeConsentOpen)
		no(status, signing, op.SignCountExceeded, jws.CodeCountExceeded)
		no(status, every, op.BankRefused, jws.CodeRefused)
	}
	// What people at the bank say. None of it tells the customer what to do better.
	no(0, signing, op.BankRefused, jws.CodeDeclinedByReview, jws.CodeCallbackFailed, jws.CodeUnreachable, jws.CodeInformationNeeded)
	no(422, unsigning, op.AgreementNotFound, jws.CodeMandateNotFound)
	no(404, unsigning, op.AgreementNotFound, jws.CodeMandateNotFound, jws.CodeNotFound)
	t[key{422, jws.CodeMandateRevoked, unsigning}] = entry{"", op.Accepted, ""} // what was wanted
	return t
}

// notLetIn: the token was not taken, so nothing was done. The link has dropped it.
func notLetIn() entry { return entry{op.ChannelUnavailable, op.Refused, op.ChannelFault} }

// meaning turns a status and a code into a result. A pair in no table is
// counted; it is no refusal, except of a verification, which leaves nothing behind.
func (a *Adapter) meaning(bank string, kind op.Kind, status int64, code string) op.Result {
	e, ok := a.find(bank, kind, status, code)
	if !ok {
		e = entry{op.BankProtocolError, op.Unknown, op.MemberFault}
		if kind == op.Verify && status < 500 {
			e = entry{op.BankRefused, op.Refused, ""}
		}
	}
	return op.Result{Outcome: e.outcome, Reason: e.reason, Fault: e.fault, RawCode: code, Unmapped: !ok}
}

// find looks a code up: the bank's own meaning first, then the operation's, then the protocol's.
func (a *Adapter) find(bank string, kind op.Kind, status int64, code string) (entry, bool) {
	for _, k := range []op.Kind{kind, ""} {
		if reason, ok := a.overrides[override{bank, k, code}]; ok {
			return entryOf(reason), true
		}
	}
	of := every
	switch kind {
	case op.Verify, op.Apply:
		of = signing
	case op.Unsign:
		of = unsigning
	}
	if e, ok := a.codes[key{status, code, of}]; ok {
		return e, true
	}
	e, ok := a.codes[key{status, code, every}]
	return e, ok
}

// entryOf says what a reason given in a profile means for the outcome.
func entryOf(reason op.Reason) entry {
	switch reason {
	case op.BankTimeout, op.OutcomeUnknown, op.BankBusy, op.BankUnavailable:
		return entry{reason, op.Unknown, op.MemberFault}
	}
	return entry{reason, op.Refused, ""}
}

// unsigned is what an answer without a signature means, of which only the
// status is known. Only those that the protocol gives before it does anything
// are a no (found); whatever else it is, nobody has signed it.
func unsigned(status int64) op.Result {
	r := op.Result{RawCode: strconv.FormatInt(status, 10), Outcome: op.Unknown, Reason: op.BankUnavailable, Fault: op.ChannelFault}
	switch status {
	case 401:
		e := notLetIn()
		r.Outcome, r.Reason = e.outcome, e.reason
	case 429:
		r.Outcome, r.Reason, r.Fault = op.Refused, op.BankBusy, ""
	case 503:
		r.Reason = op.BankBusy
	case 504:
		r.Reason = op.BankTimeout
	}
	return r
}
