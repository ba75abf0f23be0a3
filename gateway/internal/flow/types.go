// Package flow is what a wallet asks for, step by step: the binding session.
// It alone moves a binding from state to state, by the table in table.go.
package flow

import (
	"context"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// The states of a binding, as the API shows them.
const (
	AwaitingCode     = "awaiting_code"
	AwaitingApproval = "awaiting_approval"
	Processing       = "processing"
	Active           = "active"
	Failed           = "failed"
	Expired          = "expired"
	Cancelled        = "cancelled"
	Revoking         = "revoking"
	Revoked          = "revoked"
)

// NewBinding is a wallet's request to bind a card. Its form has been checked;
// its meaning has not.
type NewBinding struct {
	Caller   string
	UserID   string
	Platform string
	Card     secret.Card
	CVV      secret.CVV
	Expiry   secret.Expiry // YYYY-MM
	// QuickPass is whether the mark stands on the photographed card; nil: nobody has looked.
	QuickPass *bool
	// IdentityLevel is the user's in the wallet: none, class_i, class_ii, class_iii; empty: the wallet vouches for it.
	IdentityLevel string
	Name          secret.Name
	DocumentType  string
	Document      secret.Document
	Mobile        secret.Mobile // +86 and 11 digits
	Email         secret.Email  // where the bank writes to; may be empty
	Terminal      Terminal
	PasswordFree  journal.PasswordFree
}

// Terminal is the user's phone and client.
type Terminal struct {
	OS             string // android, ios, harmony
	OSVersion      string
	ClientVersion  string
	RestrictedMode bool
	// ProtocolVersion is that of the bank's own protocol in the client; empty: not told.
	ProtocolVersion string
}

// Keyed is an idempotency key with the means to store its answer. The zero value means: no key was sent.
type Keyed struct {
	Caller, Route, Key string
	Fingerprint        []byte
	// Render makes the answer to be stored, masked as every answer is.
	Render func(Binding, *op.Problem) (status int, body []byte)
	// Verified is Render for Verify.
	Verified func(Verification, *op.Problem) (status int, body []byte)
}

// Binding is a binding as the API shows it.
type Binding struct {
	journal.Binding
	State   string // one of the states above; journal.Binding.State is flow's own
	Next    Next
	History []journal.Attempt // only from Get
	// ResendRequires is what a request for another code must bring: card.cvv, card.expiry.
	ResendRequires []string
	// AttemptNumber is our number of the exchange that this very request made, if it made one.
	AttemptNumber string
	// BankTook is how long that exchange was away.
	BankTook time.Duration
}

// Next is what the caller should do.
type Next struct {
	Action   string   // confirm, poll, restart, none
	Requires []string // with confirm: code, card.cvv, card.expiry
	Before   time.Time
	After    time.Time // with poll
}

// Resolution is what a card number tells.
type Resolution struct {
	Row      bins.Row
	Bank     *profiles.Bank // nil: a known prefix of a bank that is not served
	Open     bool           // the bank takes requests now
	Channels []string
	LuhnOK   bool
	Elements []string // name, document, card, mobile, cvv, expiry
	// ManualReason is why no card was recognised, where none was: unsure, invalid, ambiguous.
	ManualReason string
}

// Candidate is one reading of a photographed card, or what a person has typed.
type Candidate struct {
	Number     secret.Card
	Confidence float64 // 0 to 1
	Typed      bool    // it is the only one, and is told about whatever it is
}

// API is what the HTTP room asks of flow. Each returns an *op.Problem as its
// error for everything that a caller should be told; other errors are internal.
type API interface {
	// Replay finds an earlier answer to the key. done: status and body are the stored answer.
	// An *op.Problem: the key was used for another body, or its request is still running.
	Replay(ctx context.Context, k Keyed) (status int, body []byte, done bool, err error)

	Resolve(ctx context.Context, platform string, cards []Candidate) (Resolution, secret.Card, error)
	// Faults names every field that Create would refuse, without asking anybody.
	Faults(in NewBinding) []op.Field
	Create(ctx context.Context, in NewBinding, k Keyed) (Binding, error)
	// Verify has a bank check a holder's details and keeps none of them. The request's agreement is not looked at.
	Verify(ctx context.Context, in NewBinding, k Keyed) (Verification, error)
	Get(ctx context.Context, caller, id string) (Binding, error)
	List(ctx context.Context, f journal.Filter) (page []Binding, next string, err error)
	Challenge(ctx context.Context, caller, id, kind string, cvv secret.CVV, expiry secret.Expiry, k Keyed) (Binding, error)
	Confirm(ctx context.Context, caller, id string, code secret.Code, cvv secret.CVV, expiry secret.Expiry, k Keyed) (Binding, error)
	Cancel(ctx context.Context, caller, id string, k Keyed) (Binding, error)
	Revoke(ctx context.Context, caller, id string, k Keyed) (Binding, error)
	PasswordFree(ctx context.Context, caller, id string, want journal.PasswordFree, k Keyed) (Binding, error)
}
