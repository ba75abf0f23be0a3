// Package jws is the grammar of JSON over HTTP with OAuth2 client credentials
// and detached signatures (the UK Open Banking family): strict JSON bodies,
// each signed in the header x-jws-signature over the very bytes that travel
// (RFC 7515, RFC 7797), a bearer token for each request, and mutual TLS.
//
// What is found: the headers, the form of the signature with its critical
// names and both of its forms (up to and from version 3.1.4), the token
// request, the review states. No source has a bank-card mandate in this
// family, so paths, bodies and codes are this product's declared dialect:
//
//	POST token                       TokenRequest (a form)  → 200 Token, 400 or 401 TokenRefusal; none is signed
//	POST account-verifications       Verification           → 200 VerificationResult
//	POST mandate-consents            ConsentRequest         → 201 Consent
//	GET  mandate-consents/{our no.}  ConsentQuery           → 200 Consent
//	POST mandates/{id}/revocations   Revocation             → 201 RevocationResult
//	GET  revocations/{our no.}       RevocationQuery        → 200 RevocationResult
//	POST (the gateway's callback)    Notice                 → 200 NoticeAck
//
// Instead of each answer a Problem may come, signed, with status 400 to 599;
// and from what stands before the bank a Bare one, unsigned: 401, 429, 500 to 599.
// Paths are relative to the channel's address. A request with GET has no body
// and no signature (found): token and certificate say whose it is.
//
// A body is {"Type":…,"Bank":…,"Data":{…}}: Type and Bank stand inside because
// the signature covers neither path, header nor status. What stands both
// inside and outside must agree.
package jws

import (
	"errors"
	"fmt"
	"time"
)

// Options are what the channel's profile may say under options:.
type Options struct {
	// Algorithm signs, and is the only one believed: PS256 (found), with RSA keys. Default PS256.
	Algorithm string `yaml:"algorithm"`
	// Payload is how the body enters the signature: base64url (version 3.1.4 and later) or raw
	// (up to 3.1.3: b64 false, RFC 7797). Both are found in the field. Default base64url. Only this one is taken.
	Payload string `yaml:"payload"`
	// Issuer and BankIssuer are the issuer names (…/iss) of the two sides, 1 to 128 printable ASCII
	// characters. Defaults kaqiao and bank (assigned by this product).
	Issuer     string `yaml:"issuer"`
	BankIssuer string `yaml:"bank_issuer"`
	// TrustAnchor is the name of the trust anchor (…/tan). Default openbanking.org.uk (found).
	TrustAnchor string `yaml:"trust_anchor"`
	// ClientID names the gateway in a token request, 1 to 64 printable ASCII characters. Default kaqiao (assigned).
	// The client is authenticated by its certificate (tls_client_auth, found).
	ClientID string `yaml:"client_id"`
	// Scope is what a token is asked for, 1 to 128 printable ASCII characters. Default mandates (assigned).
	Scope string `yaml:"scope"`
	// TokenLife is the longest time that one token is used, whatever its answer says, 1m to 24h. Default 1h (assigned).
	TokenLife string `yaml:"token_life"`
	// StaleAfter is how far a signature's time (…/iat) may be from the receiver's clock, 1s to 24h. Default 10m (memory).
	StaleAfter string `yaml:"stale_after"`
}

// Complete returns the options with their defaults in place, and all faults
// at once; each names its option by its key in the profile.
func (o Options) Complete() (Options, error) {
	for _, d := range []struct {
		text  *string
		value string
	}{
		{&o.Algorithm, "PS256"}, {&o.Payload, "base64url"},
		{&o.Issuer, "kaqiao"}, {&o.BankIssuer, "bank"}, {&o.TrustAnchor, "openbanking.org.uk"},
		{&o.ClientID, "kaqiao"}, {&o.Scope, "mandates"}, {&o.TokenLife, "1h"}, {&o.StaleAfter, "10m"},
	} {
		if *d.text == "" {
			*d.text = d.value
		}
	}
	return o, errors.Join(o.faults()...)
}

// StaleLimit is StaleAfter as a duration. It serves completed options.
func (o Options) StaleLimit() time.Duration { return parsed(o.StaleAfter) }

// TokenLimit is TokenLife as a duration. It serves completed options.
func (o Options) TokenLimit() time.Duration { return parsed(o.TokenLife) }

func parsed(text string) time.Duration {
	d, _ := time.ParseDuration(text) // checked by Complete
	return d
}

// faults returns what is wrong with completed options.
func (o *Options) faults() []error {
	var all []error
	demand := func(good bool, key, want string) {
		if !good {
			all = append(all, fmt.Errorf("%s: must be %s", key, want))
		}
	}
	graphic := func(text, key string, longest int) {
		demand(len(text) <= longest && isPrintable(text), key, fmt.Sprintf("1 to %d printable ASCII characters", longest))
	}
	between := func(text, key string, least, most time.Duration) {
		d, err := time.ParseDuration(text)
		demand(err == nil && d >= least && d <= most, key, fmt.Sprintf("a duration from %v to %v", least, most))
	}
	demand(o.Algorithm == "PS256", "algorithm", "PS256")
	demand(o.Payload == "base64url" || o.Payload == "raw", "payload", "base64url or raw")
	graphic(o.Issuer, "issuer", 128)
	graphic(o.BankIssuer, "bank_issuer", 128)
	demand(o.Issuer != o.BankIssuer, "bank_issuer", "another than issuer")
	graphic(o.TrustAnchor, "trust_anchor", 128)
	graphic(o.ClientID, "client_id", 64)
	graphic(o.Scope, "scope", 128)
	between(o.TokenLife, "token_life", time.Minute, 24*time.Hour)
	between(o.StaleAfter, "stale_after", time.Second, 24*time.Hour)
	return all
}
