// Package ledger is one bank's truth: customers, accounts, cards, codes,
// agreements, and what it answered to each request. It knows no bytes and no
// protocol; a teller translates.
package ledger

import (
	"context"
	"time"

	"kaqiao/profiles/secret"
)

// Terms are the bank's rules for people, taken from its profile.
type Terms struct {
	Bank        string        // the bank's id
	Name        string        // the bank's name as it stands in its messages
	CodeDigits  int           // 4 to 8
	CodeTTL     time.Duration // how long a code lives
	Attempts    int           // the wrong code that locks
	ResendAfter time.Duration // pause after a code that was not used, for one mobile and institution; and after a case likewise
	SignsPerDay int           // codes for one card in a bank day
	Classes     []string      // account classes that may be bound
	// Kinds are how the bank asks people: sms, app_push, email, phone.
	Kinds []string
	// ApproveWithin is how long they may take to approve a case. Default 15m.
	ApproveWithin time.Duration
}

// Identity is what a request says of a person and a card. Empty fields were not given.
type Identity struct {
	Card secret.Card
	// CardType is what the asker takes the card for, where the protocol says it: debit or credit.
	// A virtual card is a debit card then. Empty: not said.
	CardType     string
	Name         secret.Name
	DocumentType string // resident_id, passport…
	// OtherTypes are what DocumentType may be as well, where a protocol has one
	// word for several: the bank then knows its customer's document by its number.
	OtherTypes []string
	Document   secret.Document
	Mobile     secret.Mobile // +86 and 11 digits
	CVV        secret.CVV
	Expiry     secret.Expiry // YYYY-MM
	// FourElements: the protocol has no place for CVV and Expiry, so that they are not asked of a credit card.
	FourElements bool
}

// Refusal is why the bank says no. Empty means it does not.
type Refusal string

// The refusals, in the order in which an issuer comes to them.
const (
	NoSuchCard           Refusal = "no_such_card"
	CardClosed           Refusal = "card_closed"
	CardLost             Refusal = "card_lost"
	CardLocked           Refusal = "card_locked"
	CardFrozen           Refusal = "card_frozen"
	CardExpired          Refusal = "card_expired"
	NameMismatch         Refusal = "name_mismatch"
	DocumentTypeMismatch Refusal = "document_type_mismatch"
	DocumentMismatch     Refusal = "document_mismatch"
	NoMobile             Refusal = "no_mobile"
	MobileMismatch       Refusal = "mobile_mismatch"
	CVVMismatch          Refusal = "cvv_mismatch"
	ExpiryMismatch       Refusal = "expiry_mismatch"
	ClassRestricted      Refusal = "class_restricted"
	OnlineNotOpened      Refusal = "online_payment_not_opened"
	TradingNotPermitted  Refusal = "online_trading_not_permitted" // virtual cards (M26)
	SignsExceeded        Refusal = "signs_exceeded"
	TooSoon              Refusal = "too_soon" // another code inside the pause after one that was not used
	NoSuchCode           Refusal = "no_such_code"
	CodeUsed             Refusal = "code_used"
	CodeLocked           Refusal = "code_locked"
	CodeWrong            Refusal = "code_wrong"
	CodeExpired          Refusal = "code_expired"
	ElementsChanged      Refusal = "elements_changed" // not those of the code's request
	NoAgreement          Refusal = "no_agreement"
	AlreadyUnsigned      Refusal = "already_unsigned"
	NotOffered           Refusal = "challenge_not_offered" // the bank does not ask people in this way
	ApprovalDenied       Refusal = "approval_denied"       // the customer or the bank's people said no
	ApprovalExpired      Refusal = "approval_expired"      // nobody said anything in time
	ApprovalSuperseded   Refusal = "approval_superseded"   // another request has taken the place of this one
	Reversed             Refusal = "reversed"              // a request whose reversal has come before it, or since
	NoOriginal           Refusal = "no_original"           // a reversal of what was never seen
)

// Request is what every request of a switch carries.
type Request struct {
	Channel     string // which switch brought it
	Operation   string // verify, apply, confirm, unsign, reverse
	Number      string // the sender's number for it; with Channel and Operation it is unique
	Institution string // who asks, in the channel's own form
}

// Verify asks the bank whether an identity and a card belong together.
type Verify struct {
	Request
	Identity Identity
}

// Apply asks the bank to check an identity and to send a code.
type Apply struct {
	Request
	Identity Identity
}

// Confirm brings the code back. Identity must equal that of its Apply.
type Confirm struct {
	Request
	Of       string // the number of the Apply; empty: both have one Number
	Identity Identity
	Code     secret.Code
	Account  string // the wallet account at the institution
}

// Unsign ends an agreement.
type Unsign struct {
	Request
	Agreement string
	CardTail  string // last four digits, must match; empty: not said
	Account   string // the wallet account, must match; empty: not said
}

// Reverse undoes an earlier request whose outcome its sender doesn't know.
type Reverse struct {
	Request
	Of       string // the original's operation: apply or confirm
	Original string // the original's number
}

// Answer is what the bank decided. It is kept under the request's number: the
// same number gets the same answer, except that a refused confirm may be tried
// again with another code.
type Answer struct {
	Refusal   Refusal
	Agreement string    // the agreement's number, after a confirm; that which ended, after an unsign or a reversal
	Class     string    // I, II, III; of a refusal only where it is the reason
	CardType  string    // debit, credit, virtual
	At        time.Time // when it was decided
	Repeated  bool      // this number had been answered before
	// Case is that of a Proposal as it now stands; while it is open there is neither refusal nor agreement.
	Case Case
}

// Agreement is one signed agreement.
type Agreement struct {
	Number      string
	State       string // signed, unsigned, invalidated
	CardLast4   string
	Institution string
	Account     string    // the wallet account at the institution
	At          time.Time // of the last change
}

// Customer is one person with cards, as the control port shows them.
type Customer struct {
	Kind     string // debit, credit, virtual, class_ii, class_iii, foreign, corporate, hk_macao_taiwan
	Name     string
	Document Document
	Mobile   string // +86 and 11 digits
	Email    string
	Cards    []Card
}

// Document is an identity document.
type Document struct{ Type, Number string }

// Card is one card with its account.
type Card struct {
	Number        string
	Type          string // debit, credit, virtual
	Class         string // I, II, III; empty for credit cards
	CVV, Expiry   string // credit and virtual cards; Expiry is YYYY-MM
	OnlinePayment bool   // online payment has been opened
	State         string // open, frozen, locked, lost, closed
}

// Message is one message to a person.
type Message struct {
	ID   string
	Kind string // sms, app_push, email, phone
	To   string // +86 and 11 digits, or an e-mail address
	Code string
	Text string
	At   time.Time
	// Case is the state of the case that the message asks to approve; empty: it asks for nothing.
	Case CaseState

	caseID int64
}

// Teller is what a teller asks of a ledger. Errors are the ledger's own
// trouble, never a refusal.
type Teller interface {
	Verify(context.Context, Verify) (Answer, error)
	Apply(context.Context, Apply) (Answer, error)
	Confirm(context.Context, Confirm) (Answer, error)
	Unsign(context.Context, Unsign) (Answer, error)
	Reverse(context.Context, Reverse) (Answer, error)
}

// Approver is what a teller asks of a ledger whose bank has people in the loop.
type Approver interface {
	Propose(context.Context, Proposal) (Answer, error)
}

// Memory is what a query asks of a ledger: the answer that was given to a request, if there was one.
type Memory interface {
	Recall(ctx context.Context, channel, operation, number string) (Answer, bool, error)
}
