package iso8583

// Response codes, field 39, as mandates use them. Codes and their general
// meanings are found (from memory where it says so). What a code means for a
// mandate is assigned by this product where no source says it. A bank may have
// more; what they mean for people is not this package's business.
const (
	ResponseDone = "00" // done; of a reversal: undone

	// Of the card and its holder, in a verification, a set-up and a signing.
	ResponseIdentity    = "05" // name, document, mobile number or CVN2 are others; which of them is not said
	ResponseNoCard      = "14" // no such card, or closed
	ResponseLost        = "41" // reported lost
	ResponseStolen      = "43"
	ResponseExpired     = "54" // the card has expired, or another month was given
	ResponseNotOpened   = "57" // not permitted to the holder: online payment is not opened; with field 60.11 class 3, or the class that the bank does not bind: restricted by class (inferred)
	ResponseFraud       = "59" // refused for risk
	ResponseRestricted  = "62" // frozen or locked
	ResponseCountLimit  = "65" // too many set-ups in a day
	ResponseTooSoon     = "09" // set-up: another code was asked for too soon (code from memory, use assigned)
	ResponseCodeWrong   = "55" // signing: the code is wrong; set-up and verification: CVN2 is wrong (use assigned: it is that of a wrong PIN)
	ResponseCodeTries   = "75" // signing: wrong once too often, the code is locked (use assigned: it is that of PIN tries)
	ResponseNotFound    = "25" // signing: no such set-up, or its code has expired or is used (assigned); cancel: no such agreement, or ended before (assigned); reversal: no such original
	ResponseInvalid     = "12" // reversal: the original has been undone before, or was never done
	ResponseDuplicate   = "94" // fields 7 and 11 were used before, for something else
	ResponseFormat      = "30"
	ResponseUnsupported = "40"
	ResponseMerchant    = "03" // the sender is not admitted
	ResponseNotAllowed  = "58" // the sender may not do this
	ResponseSeal        = "A0" // field 128 is wrong: nothing was done

	// Of the bank itself. Nothing is known of what it did.
	ResponseTrouble     = "06"
	ResponseLate        = "68" // the issuer did not answer in time
	ResponseUnavailable = "91" // the issuer is not there
	ResponseBusy        = "96" // system trouble; what a busy bank says
	ResponseSilent      = "98" // no answer came from the issuer
)
