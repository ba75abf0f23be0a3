package epcc

import (
	"strings"

	"kaqiao/gateway/internal/op"
)

// Codes that the two layers themselves are made of.
const (
	success          = "00000000" // both layers (found)
	originalNotFound = "ES000041" // a query's business code; no code was found, this one is this product's own
)

// Which operations a line of the table is for.
const (
	signing   = "signing"   // apply, challenge, confirm: one message type
	unsigning = "unsigning" // unsign
	every     = "every"     // these two and query
)

// line is one raw code with its meaning. The outcome is Refused where it is not said.
type line struct {
	code    string
	of      string
	reason  op.Reason
	outcome op.Outcome
}

func refused(of string, reason op.Reason, codes ...string) []line {
	lines := make([]line, len(codes))
	for i, code := range codes {
		lines[i] = line{code, of, reason, op.Refused}
	}
	return lines
}

// lines is the protocol's table of raw codes. The codes are found except
// where it says so; the X in a code stands there literally. The codes of the
// PB list that no source explains are left out: they are unknown until somebody maps them.
func lines() []line {
	var all []line
	for _, group := range [][]line{
		refused(signing, op.CardInvalid, "PB511002"),
		refused(signing, op.AccountClosed, "PB511005"),
		refused(signing, op.AccountFrozen, "PB511006", "PB511008"), // frozen; locked
		refused(signing, op.CardLost, "PB511010"),
		refused(signing, op.TooManyRequests, "PB511012"), // assigned by this product: another code was asked for too soon
		refused(signing, op.MobileMismatch, "PB511013"),
		refused(signing, op.NoReservedMobile, "PB511014", "PB511015"), // none; SMS service not opened: the same cure
		refused(signing, op.NameMismatch, "PB511017"),
		refused(signing, op.DocumentMismatch, "PB511019", "PB005X02", "PB005X03"),
		refused(signing, op.CardExpired, "PB511020"),             // assigned by this product
		refused(signing, op.OnlinePaymentNotOpened, "PB511021"),  // assigned by this product
		refused(signing, op.VirtualCardNoPermission, "PB511022"), // assigned by this product
		refused(signing, op.SignCountExceeded, "PB511025", "PB511026"),
		refused(signing, op.CodeWrong, "PB511027"),
		refused(signing, op.CodeExpired, "PB511028", "PB005X12"), // expired; no such request for a code, or it was used
		refused(signing, op.CodeLocked, "PB005X09"),
		refused(signing, op.ClassRestricted, "PB511098"), // inferred
		refused(signing, op.IdentityMismatch, "PB511099", "EB005000"),
		refused(signing, op.CVVMismatch, "PB005203", "PB005212"), // CVV; expiry

		refused(unsigning, op.AgreementNotFound, "PB512001"),
		{{"PB512002", unsigning, "", op.Accepted}}, // unsigned already: what was wanted
		refused(unsigning, op.BankRefused, "PB512098", "PB512099"),
		refused(unsigning, op.BankProtocolError, "PS500023"), // agreement number empty

		refused(every, op.BankRefused, "PB003000", "PB040000"),                                           // institution not admitted; operation not supported
		refused(every, op.BankProtocolError, "PB030X01", "PS500001", "PS500002", "PS500003", "PS500004"), // format, missing fields
		{
			{"ES000033", every, op.BankTimeout, op.Unknown}, // the receiving bank was silent
			{"ES000098", every, op.BankTimeout, op.Unknown},
			{"PS500030", every, op.BankTimeout, op.Unknown},
			{"PS500031", every, op.BankTimeout, op.Unknown},
			{"RS600030", every, op.BankTimeout, op.Unknown},
			{"PB528999", every, op.BankTimeout, op.Unknown}, // core time-out
			{"AB0A2000", every, op.BankTimeout, op.Unknown},
			{"ES000099", every, op.BankBusy, op.Unknown},
			{"PS000098", every, op.BankBusy, op.Unknown},
			{"PS500098", every, op.BankBusy, op.Unknown},
		},
	} {
		all = append(all, group...)
	}
	return all
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
	of   string
}

func table() map[key]entry {
	t := make(map[key]entry)
	for _, l := range lines() {
		t[key{l.code, l.of}] = entry{l.reason, l.outcome}
	}
	return t
}

// find looks a code up: the bank's own meaning first, then the operation's, then the protocol's.
func (a *Adapter) find(bank string, kind op.Kind, code string) (entry, bool) {
	for _, k := range []op.Kind{kind, ""} {
		if reason, ok := a.overrides[override{bank, k, code}]; ok {
			return entry{reason, outcomeOf(reason)}, true
		}
	}
	of := signing
	switch kind {
	case op.Unsign:
		of = unsigning
	case op.Query, op.Cancel, op.Verify:
		of = every
	}
	if e, ok := a.codes[key{code, of}]; ok {
		return e, true
	}
	if step0201(kind) {
		switch {
		case code == a.opts.PendingCode && code != "":
			return entry{"", op.Pending}, true // the customer is asked in the bank's APP
		case code == a.opts.DeniedCode && code != "":
			return entry{op.BankRefused, op.Refused}, true // and has said no
		}
	}
	e, ok := a.codes[key{code, every}]
	if !ok && sealCode(code) {
		return entry{op.BankProtocolError, op.Refused}, true
	}
	return e, ok
}

// mapped reports whether a code has a meaning.
func (a *Adapter) mapped(bank string, kind op.Kind, code string) bool {
	_, ok := a.find(bank, kind, code)
	return ok
}

// meaning turns a code into a result. A code in no table is Unknown and counted, never a refusal.
func (a *Adapter) meaning(bank string, kind op.Kind, code, description string) op.Result {
	if code == success {
		return op.Result{Outcome: op.Accepted, RawCode: code}
	}
	e, ok := a.find(bank, kind, code)
	if !ok {
		return op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, RawCode: code, Fault: op.MemberFault, Unmapped: true}
	}
	if e.reason == op.BankBusy && timedOut(description) {
		e = entry{op.BankTimeout, op.Unknown}
	}
	// Where nothing is at stake, busy is a no: whoever asked may ask again.
	if e.reason == op.BankBusy && (kind == op.Apply || kind == op.Challenge || kind == op.Verify) {
		e.outcome = op.Refused
	}
	r := op.Result{Outcome: e.outcome, Reason: e.reason, RawCode: code}
	if r.Outcome == op.Unknown {
		r.Fault = op.MemberFault
	}
	return r
}

// timedOut reads the description under ES000098 and ES000099, which names the real code (found).
func timedOut(description string) bool {
	for _, code := range []string{"PS500030", "PS500031", "RS600030"} {
		if strings.Contains(description, code) {
			return true
		}
	}
	return false
}

// sealCode: a system code that ends in 022 (seal missing) or 025 (seal wrong)
// comes from the front end, before anything was done (found).
func sealCode(code string) bool {
	return len(code) == 8 && code[1] == 'S' && (strings.HasSuffix(code, "022") || strings.HasSuffix(code, "025"))
}

// outcomeOf says what a reason given in a profile means for the outcome.
func outcomeOf(reason op.Reason) op.Outcome {
	switch reason {
	case op.BankTimeout, op.OutcomeUnknown, op.BankBusy:
		return op.Unknown
	}
	return op.Refused
}
