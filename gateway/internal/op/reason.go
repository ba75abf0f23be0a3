package op

import "fmt"

// Reason is a code of the problem table: why something was refused or is not known.
type Reason string

// Category groups reasons as the product's users do.
type Category string

// The categories.
const (
	Information Category = "information"
	Bank        Category = "bank"
	Terminal    Category = "terminal"
	Account     Category = "account"
	Limit       Category = "limit"
	Risk        Category = "risk"
	Request     Category = "request"
	Gateway     Category = "gateway"
)

// Information: what was said of the person or the card.
const (
	NameMismatch            Reason = "name_mismatch"
	NameFormat              Reason = "name_format"
	DocumentMismatch        Reason = "document_mismatch"
	DocumentTypeUnsupported Reason = "document_type_unsupported"
	MobileMismatch          Reason = "mobile_mismatch"
	NoReservedMobile        Reason = "no_reserved_mobile"
	CardInvalid             Reason = "card_invalid"
	CardExpired             Reason = "card_expired"
	CVVMismatch             Reason = "cvv_mismatch"
	IdentityMismatch        Reason = "identity_mismatch"
	CodeWrong               Reason = "code_wrong"
	CodeExpired             Reason = "code_expired"
	CodeLocked              Reason = "code_locked"
	IdentityLevelTooLow     Reason = "identity_level_too_low"
)

// Bank: how the bank or the channel fared.
const (
	BankBusy                   Reason = "bank_busy"
	BankTimeout                Reason = "bank_timeout"
	BankUnavailable            Reason = "bank_unavailable"
	BankRateLimited            Reason = "bank_rate_limited"
	BankProtocolError          Reason = "bank_protocol_error"
	BankSignatureInvalid       Reason = "bank_signature_invalid"
	BankRefused                Reason = "bank_refused"
	ProtocolVersionUnsupported Reason = "protocol_version_unsupported"
	OutcomeUnknown             Reason = "outcome_unknown"
	ChannelUnavailable         Reason = "channel_unavailable"
	VerificationUnsupported    Reason = "verification_unsupported"
)

// Terminal: the phone and the wallet's client.
const (
	OSTooOld                 Reason = "os_too_old"
	ClientTooOld             Reason = "client_too_old"
	RestrictedMode           Reason = "restricted_mode"
	OnlinePaymentUnsupported Reason = "online_payment_unsupported"
)

// Account: the state of the card's account or of the agreement.
const (
	ClassRestricted         Reason = "class_restricted"
	AccountFrozen           Reason = "account_frozen"
	AccountClosed           Reason = "account_closed"
	CardLost                Reason = "card_lost"
	OnlinePaymentNotOpened  Reason = "online_payment_not_opened"
	VirtualCardNoPermission Reason = "virtual_card_no_permission"
	AlreadyBound            Reason = "already_bound"
	AgreementNotFound       Reason = "agreement_not_found"
	AgreementExpired        Reason = "agreement_expired"
)

// Limit: how much or how often.
const (
	SingleLimit       Reason = "single_limit"
	DailyLimit        Reason = "daily_limit"
	AnnualLimit       Reason = "annual_limit"
	FXQuotaExceeded   Reason = "fx_quota_exceeded"
	SignCountExceeded Reason = "sign_count_exceeded"
	InsufficientFunds Reason = "insufficient_funds"
)

// Risk: what the rules ask for.
const (
	StepUpRequired        Reason = "step_up_required"
	QuestionnaireRequired Reason = "questionnaire_required"
	RiskRefused           Reason = "risk_refused"
	BiometricStale        Reason = "biometric_stale"
)

// Request: what the caller sent.
const (
	Malformed             Reason = "malformed"
	Validation            Reason = "validation"
	UnsupportedOnPlatform Reason = "unsupported_on_platform"
	IdempotencyConflict   Reason = "idempotency_conflict"
	InvalidState          Reason = "invalid_state"
	SessionExpired        Reason = "session_expired"
	Unauthorised          Reason = "unauthorised"
	Forbidden             Reason = "forbidden"
	NotFound              Reason = "not_found"
	TooManyRequests       Reason = "too_many_requests"
	EnvelopeKeyInvalid    Reason = "envelope_key_invalid"
)

// Gateway: our own trouble.
const (
	Overloaded   Reason = "overloaded"
	ShuttingDown Reason = "shutting_down"
	StorageFails Reason = "storage_unavailable"
	Internal     Reason = "internal"
)

// Problem is a refusal on its way to the caller. The API turns it into a problem document.
type Problem struct { //nolint:errname // the standard (RFC 9457) and the API call it so
	Reason       Reason
	Detail       string  // a sentence for developers; never a value from the request
	Fields       []Field // each field at fault, for Validation
	Outcome      Outcome // of the exchange with the bank; NotSent where none was asked
	Asked        bool    // whether a bank was asked at all
	Binding      string  // the binding it is about, if one exists
	Bank         string  // bank id, if known
	RawCode      string  // the bank's own code
	AttemptsLeft *int    // after a wrong code
	RetryAfterS  int     // seconds; 0: none
	Least        string  // the oldest version that will do, with OSTooOld, ClientTooOld and ProtocolVersionUnsupported
	Window       string  // quiet hours, HH:MM-HH:MM, with BankBusy
}

// Field is one field at fault.
type Field struct {
	Pointer string // JSON pointer, such as /holder/document/number
	Message string // what would be right; never the value
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Reason, p.Detail) }
