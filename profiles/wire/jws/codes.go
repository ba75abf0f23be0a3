package jws

// The codes of problems, of refused verifications and of rejected consents.
// Those with UK.OBIE are that standard's (memory), the others are assigned by
// this product. Which status goes with a problem's code stands beside it. A
// bank may have more; which code means what for whom is not this package's business.
const (
	CodeFieldInvalid     = "UK.OBIE.Field.Invalid"     // 400
	CodeHeaderInvalid    = "UK.OBIE.Header.Invalid"    // 400
	CodeSignatureInvalid = "UK.OBIE.Signature.Invalid" // 400
	CodeSignatureMissing = "UK.OBIE.Signature.Missing" // 400
	CodeNotFound         = "UK.OBIE.Resource.NotFound" // 404: nothing of ours under that number
	CodeTokenInvalid     = "Token.Invalid"             // 401
	CodeForbidden        = "Client.Forbidden"          // 403: the client may not do this
	CodeIdempotency      = "Idempotency.Conflict"      // 409: the number was used for something else
	CodeRateLimited      = "Busy.RateLimited"          // 429: nothing was done
	CodeInternal         = "Bank.Error"                // 500
	CodeUnavailable      = "Busy.Unavailable"          // 503

	// With 422, as the reason of NotVerified, or as that of Rejected.
	CodeCardInvalid       = "Card.Invalid"
	CodeCardExpired       = "Card.Expired"
	CodeCardLost          = "Card.Lost"
	CodeAccountClosed     = "Account.Closed"
	CodeAccountFrozen     = "Account.Frozen"
	CodeClassRestricted   = "Account.ClassRestricted"
	CodeNotOpened         = "Account.OnlineNotOpened"
	CodeVirtualCard       = "Card.VirtualNotAllowed"
	CodeNameMismatch      = "Holder.NameMismatch"
	CodeDocumentMismatch  = "Holder.DocumentMismatch"
	CodeMobileMismatch    = "Holder.MobileMismatch"
	CodeNoMobile          = "Holder.NoMobile"
	CodeHolderMismatch    = "Holder.Mismatch"
	CodeConsentOpen       = "Consent.AlreadyOpen"    // one open case for each bank, account and customer
	CodeCountExceeded     = "Consent.CountExceeded"  // too many in a day
	CodeMandateNotFound   = "Mandate.NotFound"       // no such mandate
	CodeMandateRevoked    = "Mandate.AlreadyRevoked" // it had ended before
	CodeRefused           = "Bank.Refused"           // no, without a reason
	CodeDeclinedByReview  = "Review.Declined"        // the bank's people said no
	CodeCallbackFailed    = "Review.CallbackFailed"  // the customer on the telephone said no, or not the right things
	CodeUnreachable       = "Review.Unreachable"     // nobody answered
	CodeInformationNeeded = "Review.InformationNeeded"
)
