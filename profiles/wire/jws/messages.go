package jws

import "kaqiao/profiles/secret"

// The message types. Those of signed bodies stand in them under Type.
const (
	TypeTokenRequest       = "token-request"
	TypeToken              = "token"
	TypeTokenRefusal       = "token-refusal"
	TypeVerification       = "verification"
	TypeVerificationResult = "verification-result"
	TypeConsentRequest     = "consent-request"
	TypeConsent            = "consent"
	TypeConsentQuery       = "consent-query"
	TypeRevocation         = "revocation"
	TypeRevocationResult   = "revocation-result"
	TypeRevocationQuery    = "revocation-query"
	TypeNotice             = "notice"
	TypeNoticeAck          = "notice-ack"
	TypeProblem            = "problem"
	TypeBare               = "bare"
)

// Head is what a message has outside its Data.
type Head struct {
	// IssuedAt is when the message was signed (…/iat), Unix seconds by a real clock. Required where a message is signed.
	// Whether it is too old is for the receiver to say, who has a clock: Options.StaleLimit.
	IssuedAt int64
	// Bank is the bank's number on the channel: x-fapi-financial-id (memory) of a request, and Bank in a signed body.
	Bank string
	// Interaction is x-fapi-interaction-id, a UUID that an answer echoes. Encode makes one for a request that has none.
	Interaction string
	// AuthDate is x-fapi-auth-date, when the customer last proved who it is: RFC 3339 here, an HTTP date on the wire. May be empty.
	AuthDate string
	// Signer is set by Decode: the serial of the key that signed (kid). Encode ignores it.
	Signer string
	// Bearer is set by Decode on the bank's side: the token of the request, empty where it brought none.
	// Encode ignores it, because the gateway's link adds it.
	Bearer secret.Key
}

// Account is the card that is bound.
type Account struct {
	Number secret.Card
	Type   string // debit, credit, semi_credit, prepaid, virtual
}

// Holder is whose card it is said to be.
type Holder struct {
	Name         secret.Name     // 1 to 140 bytes of UTF-8
	DocumentType string          // resident_id, passport…
	Document     secret.Document // 1 to 32 bytes
	Mobile       secret.Mobile   // + and 8 to 15 digits
}

// Verification asks whether these belong together. Nothing is signed by it.
type Verification struct {
	Head
	RequestID string // our number, 1 to 40 letters, digits and -: x-idempotency-key as well
	Account   Account
	Holder    Holder
}

// The words of VerificationResult.Result.
const (
	Verified    = "Verified"
	NotVerified = "NotVerified"
)

// VerificationResult answers Verification.
type VerificationResult struct {
	Head
	RequestID string
	Result    string // Verified or NotVerified
	Reason    string // a code, with NotVerified
	Class     string // I, II or III, where the bank tells
}

// ConsentRequest begins a mandate: the bank's people look at it.
type ConsentRequest struct {
	Head
	RequestID     string
	Account       Account
	Holder        Holder
	WalletAccount secret.Key // the wallet account at the gateway's institution; may be empty
	Challenge     string     // email or phone: how the customer should be asked; empty: the bank's choice
}

// The states of a consent (memory; their order is the usual one, steps may be left out).
const (
	Received          = "Received"
	InReview          = "InReview"
	NeedInfo          = "NeedInfo"
	CallbackScheduled = "CallbackScheduled"
	Approved          = "Approved"
	Rejected          = "Rejected"
	Expired           = "Expired"
)

// ConsentState is how far a consent is. It answers ConsentRequest and
// ConsentQuery, and stands in a Notice.
type ConsentState struct {
	RequestID            string // our number of the ConsentRequest
	ConsentID            string // the bank's case number, 1 to 64 letters, digits and -
	Status               string // Received … Expired
	Reason               string // a code, with Rejected
	CreationDateTime     string // RFC 3339
	StatusUpdateDateTime string // RFC 3339
	ExpirationDateTime   string // RFC 3339: until when it may be approved; may be empty
	MandateID            string // the agreement, with Approved
	Class                string // I, II or III, with Approved, where the bank tells
}

// Consent is a ConsentState as an answer.
type Consent struct {
	Head
	ConsentState
	Created bool // it answers the request that made it: status 201, else 200
}

// ConsentQuery asks for a consent by our number.
type ConsentQuery struct {
	Head
	RequestID string
}

// Revocation ends a mandate.
type Revocation struct {
	Head
	RequestID     string
	MandateID     string     // 1 to 64 letters, digits and -; in the path as well
	WalletAccount secret.Key // may be empty
	AccountTail   string     // the card's last four digits; may be empty
}

// RevocationResult says that a mandate has ended.
type RevocationResult struct {
	Head
	RequestID       string
	MandateID       string
	RevokedDateTime string // RFC 3339
	Created         bool   // it answers the request itself: status 201, else 200
}

// RevocationQuery asks for a revocation by our number.
type RevocationQuery struct {
	Head
	RequestID string
}

// The events of notices.
const (
	EventConsent = "consent-updated" // Consent says how far it is
	EventRevoked = "mandate-revoked" // the bank has ended MandateID itself
)

// Notice is what a bank says unasked. It repeats a notice, signed anew and
// under the same NoticeID, until it is acknowledged.
type Notice struct {
	Head
	NoticeID      string // 1 to 64 letters, digits and -
	Event         string
	EventDateTime string       // RFC 3339
	Consent       ConsentState // with consent-updated
	MandateID     string       // with mandate-revoked
}

// NoticeAck says that a notice is kept.
type NoticeAck struct {
	Head
	NoticeID string
}

// Problem is a signed no.
type Problem struct {
	Head
	Status      int64  // 400 to 599, in the body as well as of HTTP
	RequestID   string // our number, where the bank could read it
	Code        string // 1 to 32 letters, digits, . and _
	Message     string `outline:"-"` // for people; may be empty
	RetryAfterS int64  // seconds, 0 to 86,400, of the header Retry-After as well; 0: the bank does not say
}

// Bare is an answer without a signature, from what stands before the bank
// (found: such answers are often unsigned and of another content type).
// Nothing of it is believed but that it came: its body is dropped.
type Bare struct {
	Head
	Status      int64 // 401, 429 or 500 to 599
	RetryAfterS int64 // seconds, 0 to 86,400; 0: not said, or not understood
}

// TokenRequest asks for a token by client credentials (RFC 6749 section 4.4).
type TokenRequest struct {
	Head
	ClientID string
	Scope    string
}

// Token is its answer.
type Token struct {
	Head
	AccessToken secret.Key // 1 to 4,096 printable ASCII characters without spaces
	TokenType   string     // Bearer
	ExpiresIn   int64      // seconds, 1 to 31,536,000
	Scope       string     // may be empty: as asked
}

// TokenRefusal is its refusal (RFC 6749 section 5.2).
type TokenRefusal struct {
	Head
	Status int64  // 400 or 401
	Error  string // invalid_client, invalid_scope…
}

func (*TokenRequest) Type() string       { return TypeTokenRequest }
func (*Token) Type() string              { return TypeToken }
func (*TokenRefusal) Type() string       { return TypeTokenRefusal }
func (*Verification) Type() string       { return TypeVerification }
func (*VerificationResult) Type() string { return TypeVerificationResult }
func (*ConsentRequest) Type() string     { return TypeConsentRequest }
func (*Consent) Type() string            { return TypeConsent }
func (*ConsentQuery) Type() string       { return TypeConsentQuery }
func (*Revocation) Type() string         { return TypeRevocation }
func (*RevocationResult) Type() string   { return TypeRevocationResult }
func (*RevocationQuery) Type() string    { return TypeRevocationQuery }
func (*Notice) Type() string             { return TypeNotice }
func (*NoticeAck) Type() string          { return TypeNoticeAck }
func (*Problem) Type() string            { return TypeProblem }
func (*Bare) Type() string               { return TypeBare }
