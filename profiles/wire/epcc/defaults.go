package epcc

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Complete returns the options with their defaults in place, and all faults
// at once; each names its option by its key in the profile.
func (o Options) Complete() (Options, error) {
	o.setDefaults()
	return o, errors.Join(o.faults()...)
}

// StaleLimit is StaleAfter as a duration. It serves completed options.
func (o Options) StaleLimit() time.Duration {
	d, _ := time.ParseDuration(o.StaleAfter) // checked by Complete
	return d
}

func (o *Options) setDefaults() {
	set := func(text *string, value string) {
		if *text == "" {
			*text = value
		}
	}
	set(&o.Algorithms, "sm")
	set(&o.CipherMode, "ecb")
	if o.Algorithms == "intl" {
		set(&o.EnvelopePrefix, "01|")
	}
	set(&o.EnvelopePrefix, "02|")
	set(&o.UserID, "1234567812345678")
	set(&o.Institution, "Z2000000000001")
	set(&o.Platform, "G4000311000018")
	set(&o.Direction, "11")
	set(&o.AnswerDirection, "22")
	set(&o.ControlDigits, "760001")
	set(&o.ReservedDigit, "0")
	set(&o.DebitType, "00")
	set(&o.CreditType, "01")
	set(&o.UnsignCategory, "0203")
	set(&o.PendingCode, "PB511090")
	set(&o.DeniedCode, "PB511097")
	set(&o.CallbackURL, "http://127.0.0.1:8081/callbacks/nucc")
	set(&o.StaleAfter, "10m")
	if o.CreditFields == nil {
		o.CreditFields = new(true)
	}
	if o.DocumentTypes == nil {
		o.DocumentTypes = []DocumentType{
			{"resident_id", "01"}, {"passport", "03"}, {"hk_macao_permit", "04"}, {"taiwan_permit", "05"},
			{"hk_macao_taiwan_residence", "99"}, {"foreign_residence", "99"}, {"business_licence", "99"},
		}
	}
}

// faults returns what is wrong with completed options.
func (o *Options) faults() []error {
	var all []error
	demand := func(good bool, key, want string) {
		if !good {
			all = append(all, fmt.Errorf("%s: must be %s", key, want))
		}
	}
	number := func(text, key string, digits int) {
		demand(len(text) == digits && isDigits(text), key, fmt.Sprintf("%d digits", digits))
	}
	party := func(text, key, letter string) {
		demand(len(text) == 14 && text[:1] == letter && isDigits(text[1:]), key, letter+" and 13 digits")
	}
	demand(o.Algorithms == "sm" || o.Algorithms == "intl", "algorithms", "sm or intl")
	demand(o.CipherMode == "ecb" || o.CipherMode == "cbc", "cipher_mode", "ecb or cbc")
	demand(len(o.EnvelopePrefix) <= 8 && isGraphic(o.EnvelopePrefix), "envelope_prefix", "1 to 8 printable ASCII characters")
	demand(len(o.UserID) <= 64 && isGraphic(o.UserID), "user_id", "1 to 64 printable ASCII characters")
	party(o.Institution, "institution", "Z")
	party(o.Platform, "platform", "G")
	number(o.Direction, "direction", 2)
	number(o.AnswerDirection, "answer_direction", 2)
	number(o.ControlDigits, "control_digits", 6)
	number(o.ReservedDigit, "reserved_digit", 1)
	number(o.DebitType, "debit_type", 2)
	number(o.CreditType, "credit_type", 2)
	demand(o.DebitType != o.CreditType, "credit_type", "another than debit_type")
	number(o.UnsignCategory, "unsign_category", 4)
	demand(o.UnsignCategory != StepCode && o.UnsignCategory != StepSign, "unsign_category", "another than those of signing, 0201 and 0202")
	code := func(text, key string) {
		demand(len(text) == 8 && isAlphanumeric(text) && text != "00000000", key, "8 letters and digits, and not 00000000")
	}
	code(o.PendingCode, "pending_code")
	code(o.DeniedCode, "denied_code")
	demand(o.DeniedCode != o.PendingCode, "denied_code", "another than pending_code")
	callback, err := url.Parse(o.CallbackURL)
	demand(err == nil && (callback.Scheme == "http" || callback.Scheme == "https") && callback.Host != "" && kindURL.check(o.CallbackURL) == "",
		"callback_url", "http or https with a host, at most 512 printable ASCII characters without spaces")
	stale, err := time.ParseDuration(o.StaleAfter)
	demand(err == nil && stale >= time.Second && stale <= 24*time.Hour, "stale_after", "a duration from 1s to 24h, such as 10m")
	return append(all, o.documentFaults()...)
}

func (o *Options) documentFaults() []error {
	var all []error
	if len(o.DocumentTypes) > 32 {
		all = append(all, errors.New("document_types: must be at most 32"))
	}
	seen := map[string]bool{}
	for i, d := range o.DocumentTypes {
		key := fmt.Sprintf("document_types[%d]", i)
		if d.Type == "" || seen[d.Type] {
			all = append(all, fmt.Errorf("%s.type: must be named, and once", key))
		}
		seen[d.Type] = true
		if len(d.IDTp) != 2 || !isDigits(d.IDTp) {
			all = append(all, fmt.Errorf("%s.idtp: must be 2 digits", key))
		}
	}
	return all
}
