package ledger

import (
	"fmt"
	"strings"
	"time"
)

// A case is a request that waits for a yes: of the customer in the bank's APP,
// or of the bank's people, who write an e-mail and ring the number on file.
// There is one open case or one fresh code for a card and institution, not
// more: whoever starts again takes the place of what was before, because a
// person who has lost a message must not be locked out for days.

// CaseState is how far a case is.
type CaseState string

// The states. A case in one of the first three is open; the others are for ever.
const (
	Received          CaseState = "received"
	InReview          CaseState = "in_review"
	CallbackScheduled CaseState = "callback_scheduled"
	Approved          CaseState = "approved"
	Rejected          CaseState = "rejected"
	Expired           CaseState = "expired"
	Superseded        CaseState = "superseded" // by a later request for the same card and institution
)

// Open reports whether the case can still be decided.
func (s CaseState) Open() bool { return s == Received || s == InReview || s == CallbackScheduled }

// Case is one case as it stands at a moment.
type Case struct {
	ID        string    // the bank's own number of the case
	Request             // of the apply that opened it
	State     CaseState // empty: there is no case
	Kinds     []string  // of the messages that were sent: app_push, email, phone
	Reason    string    // of a rejection
	Agreement Agreement // once approved
	Class     string    // of the card's account
	CardType  string
	Opened    time.Time
	Expires   time.Time
	Decided   time.Time // zero: it is open
	Turns     time.Time // when it will be decided or expire by itself, while it is open
}

// Proposal asks the bank to check an identity and to have the binding approved.
type Proposal struct {
	Request
	Identity Identity
	Account  string // the wallet account at the institution: there is no second step that could name it
	// Kinds are how people are asked, of Terms.Kinds: app_push, email, phone. With
	// Whole they are asked in all ways that the bank has, and Kinds, which may be empty, only must be among them.
	Kinds []string
	Whole bool
}

// Verdict is what the bank's people, or its customer, will make of a case by themselves.
type Verdict struct {
	After  time.Duration // from the opening of the case
	Reject string        // the reason; empty: approved
}

// Reviewer draws a verdict. The same card and ordinal must give the same one.
// False: nobody decides by himself.
type Reviewer func(card string, ordinal uint64) (Verdict, bool)

// filed is a case as it lies in the file.
type filed struct {
	id       int64
	card     string
	account  string
	verdict  string // as Verdict.Reject
	reviewed bool   // there is a verdict
	agreed   string // the agreement's number
	state    CaseState
	Case
}

// at is the case as it shows itself at a moment. How far people are is seen
// from the time that has passed: nothing is written until they have decided.
func (f filed) at(now time.Time) Case {
	c := f.Case
	c.State = f.state
	if f.state != Received {
		return c
	}
	called := strings.Contains(strings.Join(c.Kinds, ","), "phone")
	half := c.Opened.Add(c.Turns.Sub(c.Opened) / 2)
	switch {
	case !now.After(c.Opened), len(c.Kinds) == 1 && c.Kinds[0] == "app_push":
	case called && (!f.reviewed || !now.Before(half)):
		c.State = CallbackScheduled
	default:
		c.State = InReview
	}
	return c
}

// caseID is how the bank speaks of a case.
func caseID(id int64) string { return fmt.Sprintf("CASE-%08d", id) }

// refusalOf is what a case that has ended without a yes means for the request that opened it.
func refusalOf(s CaseState) Refusal {
	switch s {
	case Rejected:
		return ApprovalDenied
	case Expired:
		return ApprovalExpired
	case Superseded:
		return ApprovalSuperseded
	}
	return ""
}
