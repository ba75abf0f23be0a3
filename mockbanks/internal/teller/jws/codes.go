package jws

import (
	"net/http"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/wire/jws"
)

// denial is a problem in the making.
type denial struct {
	status      int64
	code        string
	retryAfterS int64 // 0: the bank does not say
}

// codes are the bank's words for what its books say of a person, an account or a mandate.
var codes = map[ledger.Refusal]string{
	ledger.NoSuchCard:           jws.CodeCardInvalid,
	ledger.CardClosed:           jws.CodeAccountClosed,
	ledger.CardLost:             jws.CodeCardLost,
	ledger.CardLocked:           jws.CodeAccountFrozen,
	ledger.CardFrozen:           jws.CodeAccountFrozen,
	ledger.CardExpired:          jws.CodeCardExpired,
	ledger.NameMismatch:         jws.CodeNameMismatch,
	ledger.DocumentTypeMismatch: jws.CodeDocumentMismatch,
	ledger.DocumentMismatch:     jws.CodeDocumentMismatch,
	ledger.NoMobile:             jws.CodeNoMobile,
	ledger.MobileMismatch:       jws.CodeMobileMismatch,
	ledger.ClassRestricted:      jws.CodeClassRestricted,
	ledger.OnlineNotOpened:      jws.CodeNotOpened,
	ledger.TradingNotPermitted:  jws.CodeVirtualCard,
	ledger.SignsExceeded:        jws.CodeCountExceeded,
	ledger.NoAgreement:          jws.CodeMandateNotFound,
	ledger.AlreadyUnsigned:      jws.CodeMandateRevoked,
}

// resendAfterS is what the bank advises whoever asks again too soon.
const resendAfterS = 60

// codeOf is the bank's code for a ledger's refusal. What has none is refused without a reason.
func codeOf(r ledger.Refusal) string {
	if code, ok := codes[r]; ok {
		return code
	}
	return jws.CodeRefused
}

// denialOf is the problem that a refusal becomes.
func denialOf(r ledger.Refusal) denial {
	switch r {
	case ledger.TooSoon:
		return denial{http.StatusTooManyRequests, jws.CodeRateLimited, resendAfterS}
	case ledger.ElementsChanged:
		return denial{http.StatusConflict, jws.CodeIdempotency, 0}
	case ledger.NotOffered:
		return denial{http.StatusBadRequest, jws.CodeFieldInvalid, 0}
	}
	return denial{http.StatusUnprocessableEntity, codeOf(r), 0}
}

// reasonOf is the code of why people rejected a mandate.
func reasonOf(reason string) string {
	code, ok := map[string]string{
		"declined": jws.CodeDeclinedByReview, "callback_failed": jws.CodeCallbackFailed,
		"unreachable": jws.CodeUnreachable, "information_needed": jws.CodeInformationNeeded,
	}[reason]
	if !ok {
		return jws.CodeRefused
	}
	return code
}
