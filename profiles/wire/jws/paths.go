package jws

import "regexp"

// The paths, relative to the channel's address.
const (
	pathToken         = "token"
	pathVerifications = "account-verifications"
	pathConsents      = "mandate-consents"
	pathMandates      = "mandates"
	pathRevocations   = "revocations"
)

// MemberForm is the form of a bank's number on such a channel: a BIC of 8 or 11 characters (assigned).
func MemberForm() *regexp.Regexp { return regexp.MustCompile(`^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$`) }
