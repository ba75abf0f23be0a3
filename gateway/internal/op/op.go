// Package op is the gateway's vocabulary: what may be asked of any bank, and
// what can become of it. It imports nothing of ours but the secret types.
package op

import (
	"errors"
	"time"

	"kaqiao/profiles/secret"
)

// Kind is what is asked of a bank.
type Kind string

// The kinds of operation.
const (
	Verify    Kind = "verify"    // check an identity without signing
	Apply     Kind = "apply"     // check an identity and have a code sent
	Challenge Kind = "challenge" // have another code sent: an apply with a new number
	Confirm   Kind = "confirm"   // bring the code, sign
	Cancel    Kind = "cancel"    // give up an unfinished signing
	Unsign    Kind = "unsign"    // end an agreement
	Query     Kind = "query"     // ask what became of an earlier one
	Reverse   Kind = "reverse"   // undo an earlier one, whatever became of it
	Decide    Kind = "decide"    // nothing is asked: a person's word on an earlier one
)

// Truth is how it is found out what became of an operation that is unknown.
type Truth int

// The ways to the truth.
const (
	ByQuery    Truth = iota // the bank is asked by our number
	ByReversal              // the bank can't be asked: the operation is undone until the bank has confirmed it
	ByRepeat                // the same wish may be sent again under a new number, and does nothing twice
)

// Outcome says how much is known of one exchange. Its zero value is the careful one.
type Outcome int

// The outcomes.
const (
	Unknown  Outcome = iota // it may have reached the bank: ask before anything else
	NotSent                 // not one byte of it left this process: safe to try again
	Refused                 // the bank said no
	Accepted                // the bank said yes
	Pending                 // the bank said: later, ask again
)

// String is the word used in the journal and in the API.
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not_sent"
	case Refused:
		return "refused"
	case Accepted:
		return "accepted"
	case Pending:
		return "pending"
	}
	return "unknown"
}

// ParseOutcome reads String's words; anything else is Unknown.
func ParseOutcome(s string) Outcome {
	for _, o := range []Outcome{NotSent, Refused, Accepted, Pending} {
		if s == o.String() {
			return o
		}
	}
	return Unknown
}

// Person is whom and which card an operation is about. CVV and Expiry are
// there only while the request that brought them runs.
type Person struct {
	Card         secret.Card
	CardType     string // debit, credit, semi_credit, prepaid, virtual
	Name         secret.Name
	DocumentType string
	Document     secret.Document
	Mobile       secret.Mobile // +86 and 11 digits
	CVV          secret.CVV
	Expiry       secret.Expiry // YYYY-MM
}

// Operation is one request to one bank over one channel, in the gateway's own terms.
type Operation struct {
	Kind      Kind
	Channel   string      // channel id
	Bank      string      // bank id
	Member    string      // the bank's number on the channel
	Number    string      // our number on the wire: made and kept before sending
	Signing   string      // confirm: the number of the apply that it belongs to, which may be Number itself
	At        time.Time   // when this operation was meant
	Begun     time.Time   // when the signing it belongs to was begun: an apply and its confirm share it
	Person    Person      // apply, challenge, confirm
	Challenge string      // apply, challenge: the kind asked for (sms, app_push, email, phone); empty: the bank's choice
	Code      secret.Code // confirm
	Account   string      // the wallet account at the institution: confirm, unsign
	Agreement string      // unsign
	CardTail  string      // unsign: last four digits
	CardType  string      // unsign: debit or credit
	Original  *Original   // query, reverse
	Repeat    int         // reverse: how often it was sent before
}

// Original is the operation that a query asks about, or that a reversal undoes.
type Original struct {
	Kind   Kind
	Number string
	At     time.Time
}

// Fault says whose trouble an exchange without a proper answer was. Empty: nobody's, as a refusal is.
type Fault string

// Whose trouble it was.
const (
	ChannelFault Fault = "channel" // the hub itself: no connection, no answer, no valid seal
	MemberFault  Fault = "member"  // the bank behind the hub
)

// Result is what became of one operation.
type Result struct {
	Outcome   Outcome
	Reason    Reason // for Refused always; for the others what a person should be told
	RawCode   string // the bank's own code, for support
	Fault     Fault
	Agreement string // number, after a confirm
	Class     string // I, II, III where the bank tells
	// ApprovalBy is, with Pending, until when somebody may still approve. Zero: the bank does not say.
	ApprovalBy time.Time
	// Undone: the bank has undone the original of a reversal, or never had it: with NotFound it says that it never had.
	Undone bool
	// Of is what a query was told of the original. NotFound: the bank does not know it.
	Of       *Result
	NotFound bool
	// Unmapped: the bank's code is in no table. An operator should hear of it.
	Unmapped bool
	// RetryAfterS is for how many seconds the bank wants to be left alone, with Refused. 0: it does not say.
	RetryAfterS int
	// Err explains Unknown and NotSent to operators. It never holds a secret.
	Err error
	// Exchange is how long the bytes were away.
	Exchange time.Duration
	// Said and Heard are outlines of the request and the answer, for people: they hold no secret and may be kept.
	// Heard is empty where no answer could be read.
	Said, Heard string
}

// Notice is what a bank says unasked: that it has ended an agreement (Kind is
// Unsign, Agreement says which), or, with Result, what has become of an
// operation of ours after its exchange was over.
type Notice struct {
	Kind      Kind
	Channel   string // channel id
	Member    string // the bank's number on the channel
	Agreement string
	Number    string // the bank's own number of the event
	Of        string // with Result: our number of the operation
	// Card is whose card the bank speaks of, with Result. Zero: it does not say.
	Card   secret.Card
	Result *Result
	Heard  string // an outline of it, for people
}

// ErrNotOurs is, wrapped, the Err of a Result whose answer came under the number
// of an operation and is about another one.
var ErrNotOurs = errors.New("answer is about something else than what was asked")
