package iso8583

import (
	"errors"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// Codes that a bank has beside those that mandates are answered with.
const (
	noSuchIssuer = "15" // field 100 is no member (found as: no such issuer)
	stale        = "22" // the message's time is too far from the bank's clock (found as: suspected error; this use is assigned)
)

// refusalCodes are field 39 for a ledger's refusals. Field 39 is coarse: which
// element of an identity differs it does not say (found). Meanings and marks
// stand beside the constants in the grammar.
var refusalCodes = map[ledger.Refusal]string{
	ledger.NoSuchCard:           iso8583.ResponseNoCard,
	ledger.CardClosed:           iso8583.ResponseNoCard,
	ledger.CardFrozen:           iso8583.ResponseRestricted,
	ledger.CardLocked:           iso8583.ResponseRestricted,
	ledger.CardLost:             iso8583.ResponseLost,
	ledger.CardExpired:          iso8583.ResponseExpired,
	ledger.NameMismatch:         iso8583.ResponseIdentity,
	ledger.DocumentTypeMismatch: iso8583.ResponseIdentity,
	ledger.DocumentMismatch:     iso8583.ResponseIdentity,
	ledger.NoMobile:             iso8583.ResponseIdentity,
	ledger.MobileMismatch:       iso8583.ResponseIdentity,
	ledger.CVVMismatch:          iso8583.ResponseCodeWrong,
	ledger.ExpiryMismatch:       iso8583.ResponseExpired,
	ledger.ClassRestricted:      iso8583.ResponseNotOpened, // with the class in field 60.11
	ledger.OnlineNotOpened:      iso8583.ResponseNotOpened,
	ledger.TradingNotPermitted:  iso8583.ResponseNotOpened,
	ledger.SignsExceeded:        iso8583.ResponseCountLimit,
	ledger.TooSoon:              iso8583.ResponseTooSoon,
	ledger.NoSuchCode:           iso8583.ResponseNotFound,
	ledger.CodeUsed:             iso8583.ResponseNotFound,
	ledger.CodeExpired:          iso8583.ResponseNotFound,
	ledger.CodeLocked:           iso8583.ResponseCodeTries,
	ledger.CodeWrong:            iso8583.ResponseCodeWrong,
	ledger.ElementsChanged:      iso8583.ResponseDuplicate, // of a signing: see signCodeOf
	ledger.NoAgreement:          iso8583.ResponseNotFound,
	ledger.AlreadyUnsigned:      iso8583.ResponseNotFound,
	ledger.NotOffered:           iso8583.ResponseUnsupported,
	ledger.Reversed:             iso8583.ResponseInvalid, // it came after its reversal; nobody waits for it any more
	ledger.NoOriginal:           iso8583.ResponseNotFound,
}

// codeOf is field 39 for a ledger's decision.
func codeOf(r ledger.Refusal) string {
	if r == "" {
		return iso8583.ResponseDone
	}
	return orElse(refusalCodes[r], iso8583.ResponseBusy)
}

// signCodeOf is codeOf for a signing: other elements than those of its set-up are another identity.
func signCodeOf(r ledger.Refusal) string {
	if r == ledger.ElementsChanged {
		return iso8583.ResponseIdentity
	}
	return codeOf(r)
}

// codeOfFault is field 39 for what the grammar says of a frame.
func codeOfFault(err error) string {
	switch {
	case errors.Is(err, wire.ErrSealMissing), errors.Is(err, wire.ErrSeal), errors.Is(err, wire.ErrKey):
		return iso8583.ResponseSeal
	case errors.Is(err, wire.ErrUnknownType):
		return iso8583.ResponseUnsupported
	}
	return iso8583.ResponseFormat
}
