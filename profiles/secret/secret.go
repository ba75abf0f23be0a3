// Package secret holds values that must not be printed: card numbers, codes,
// passwords, document numbers, keys. A value shows only what its kind allows,
// whatever prints it: fmt with any verb, log/slog, encoding/json, a template,
// or a dump of a struct that holds it in an unexported field.
//
// Only Reveal gives the text. Each call of Reveal is a place that a reader of
// the code must be able to justify.
package secret

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
)

// A Kind says how much of a value may be shown. Its zero value is usable.
type Kind interface{ mask(text string) string }

// Of is a secret of one kind. The zero value is empty. The text lies behind a
// pointer, because fmt prints unexported fields of structs without asking them.
type Of[K Kind] struct{ text *string }

// The secrets of this product.
type (
	Card     = Of[cardKind]     // a card or account number: shows the last four
	CVV      = Of[hiddenKind]   // the three or four digits on a card's back: shows nothing
	Expiry   = Of[hiddenKind]   // a card's month of expiry, YYYY-MM: shows nothing
	Code     = Of[hiddenKind]   // a one-time code: shows nothing
	Password = Of[hiddenKind]   // a payment password: shows nothing
	Document = Of[documentKind] // the number of an identity document: shows the last two
	Name     = Of[nameKind]     // a holder's name: shows the first character
	Mobile   = Of[mobileKind]   // a mobile number: shows the first three and last four digits of the national number
	Email    = Of[emailKind]    // an e-mail address: shows the first character of the name, and the domain
	Key      = Of[hiddenKind]   // key material as text, a bearer key: shows nothing
)

// New wraps text. K is inferred from the context: secret.New[secret.Card] does
// not compile, secret.NewCard does; New serves generic code.
func New[K Kind](text string) Of[K] {
	if text == "" {
		return Of[K]{}
	}
	return Of[K]{text: &text}
}

// One constructor a kind, because Go can't infer a type from a result.
func NewCard(s string) Card         { return New[cardKind](s) }
func NewCVV(s string) CVV           { return New[hiddenKind](s) }
func NewExpiry(s string) Expiry     { return New[hiddenKind](s) }
func NewCode(s string) Code         { return New[hiddenKind](s) }
func NewPassword(s string) Password { return New[hiddenKind](s) }
func NewDocument(s string) Document { return New[documentKind](s) }
func NewName(s string) Name         { return New[nameKind](s) }
func NewMobile(s string) Mobile     { return New[mobileKind](s) }
func NewEmail(s string) Email       { return New[emailKind](s) }
func NewKey(s string) Key           { return New[hiddenKind](s) }

// Reveal returns the text itself.
func (s Of[K]) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Of[K]) IsZero() bool { return s.text == nil }

// Equal compares in time that depends on the lengths only.
func (s Of[K]) Equal(t Of[K]) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String shows what the kind allows.
func (s Of[K]) String() string {
	if s.text == nil {
		return ""
	}
	var k K
	return k.mask(*s.text)
}

// GoString, Format, LogValue, MarshalText and MarshalJSON all show what String shows.
func (s Of[K]) GoString() string { return s.String() }

// Format ignores the verb: there is no way to print the text.
func (s Of[K]) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue makes slog show the mask.
func (s Of[K]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes the mask.
func (s Of[K]) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes the mask: what is stored on purpose is revealed on purpose.
func (s Of[K]) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON takes a JSON string.
func (s *Of[K]) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errNotText
	}
	*s = New[K](text)
	return nil
}

// UnmarshalText takes the text.
func (s *Of[K]) UnmarshalText(b []byte) error {
	*s = New[K](string(b))
	return nil
}
