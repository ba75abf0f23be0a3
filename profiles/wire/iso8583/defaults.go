package iso8583

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Complete returns the options with their defaults in place, and all faults
// at once; each names its option by its key in the profile.
func (o Options) Complete() (Options, error) {
	o.setDefaults()
	return o, errors.Join(o.faults()...)
}

// EchoPause, RekeyPause and AnswerPause are EchoAfter, RekeyAfter and
// AnswerWithin as durations. They serve completed options.
func (o Options) EchoPause() time.Duration { return duration(o.EchoAfter) }

// RekeyPause is 0 where a key serves for ever.
func (o Options) RekeyPause() time.Duration { return duration(o.RekeyAfter) }

// AnswerPause is never 0.
func (o Options) AnswerPause() time.Duration { return duration(o.AnswerWithin) }

// MACFlag is the algorithm's digit in field 60.11, and the second of field 53:
// 0 DES, 6 3DES, 4 SM4 (found for field 53).
func (o Options) MACFlag() string {
	switch o.MAC {
	case "x919", "cbc3des":
		return "6"
	case "sm4":
		return "4"
	}
	return "0"
}

// KeyReset is field 53 of a message that resets the MAC key: 2 and the algorithm's digit (found).
func (o Options) KeyReset() string { return "2" + o.MACFlag() + "00000000000000" }

// duration reads what Complete has checked.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		text  *string
		value string
	}{
		{&o.MAC, "x99"}, {&o.Institution, "04990000"},
		{&o.VerifyCode, "890000"}, {&o.SetUpCode, "891000"}, {&o.SignCode, "892000"}, {&o.CancelCode, "893000"},
		{&o.MerchantType, "6400"}, {&o.EntryMode, "012"}, {&o.ConditionCode, "00"}, {&o.TerminalType, "07"}, {&o.Currency, "156"},
		{&o.Terminal, "01080209"}, {&o.Merchant, "999999999999999"}, {&o.MerchantName, "身份验证默认商户"},
		{&o.OrderUsage, "ON"}, {&o.CodeUsage, "VC"}, {&o.WalletUsage, "WA"}, {&o.AgreementUsage, "AG"}, {&o.MandateUsage, "PZ"},
		{&o.NameMask, "0010000000000000"}, {&o.MobileMask, "0000000110000000"},
		{&o.SignOnCode, "001"}, {&o.SignOffCode, "002"}, {&o.KeyResetCode, "101"}, {&o.EchoCode, "301"},
		{&o.EchoAfter, "60s"}, {&o.RekeyAfter, "24h"}, {&o.AnswerWithin, "5s"},
	} {
		if *d.text == "" {
			*d.text = d.value
		}
	}
	if o.Version == 0 {
		o.Version = 2
	}
	if o.MACSingleBlanks == nil {
		o.MACSingleBlanks = new(true)
	}
	if o.MACFields == nil {
		o.MACFields = []int{0, 2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 39, 41, 42, 90}
	}
	if o.DocumentTypes == nil {
		o.DocumentTypes = []DocumentType{
			{"resident_id", "01"}, {"passport", "03"}, {"hk_macao_permit", "04"}, {"taiwan_permit", "05"},
			{"hk_macao_taiwan_residence", "99"}, {"foreign_residence", "99"}, {"business_licence", "99"},
		}
	}
}

// demands collects faults.
type demands []error

func (d *demands) that(good bool, key, want string) {
	if !good {
		*d = append(*d, fmt.Errorf("%s: must be %s", key, want))
	}
}

func (d *demands) digits(text, key string, n int) {
	d.that(len(text) == n && isDigits(text), key, fmt.Sprintf("%d digits", n))
}

func (d *demands) span(text, key string, least, most time.Duration, zero bool) {
	v, err := time.ParseDuration(text)
	good := err == nil && v >= least && v <= most || err == nil && v == 0 && zero
	d.that(good, key, fmt.Sprintf("a duration from %v to %v", least, most))
}

// different demands texts that are all different.
func (d *demands) different(keys, texts []string) {
	seen := map[string]string{}
	for i, text := range texts {
		if first, twice := seen[text]; twice {
			d.that(false, keys[i], "another than "+first)
		}
		seen[text] = keys[i]
	}
}

// faults returns what is wrong with completed options.
func (o *Options) faults() []error {
	var d demands
	d.that(o.MAC == "x99" || o.MAC == "x919" || o.MAC == "cbc3des" || o.MAC == "sm4", "mac", "x99, x919, cbc3des or sm4")
	d.that(o.Version == 1 || o.Version == 2, "version", "1 or 2")
	d.that(isInstitution(o.Institution), "institution", "8 to 11 digits")
	d.that(o.Hub == "" || isInstitution(o.Hub), "hub", "8 to 11 digits")
	d.digits(o.MerchantType, "merchant_type", 4)
	d.digits(o.EntryMode, "entry_mode", 3)
	d.digits(o.ConditionCode, "condition_code", 2)
	d.digits(o.TerminalType, "terminal_type", 2)
	d.digits(o.Currency, "currency", 3)
	d.that(len(o.Terminal) <= 8 && isAlphanumeric(o.Terminal), "terminal", "1 to 8 letters and digits")
	d.that(len(o.Merchant) <= 15 && isAlphanumeric(o.Merchant), "merchant", "1 to 15 letters and digits")
	name, err := toGBK(o.MerchantName)
	d.that(err == nil && len(name) <= 40 && strings.TrimSpace(o.MerchantName) == o.MerchantName, "merchant_name", "1 to 40 bytes in GBK without blanks around it")
	d.span(o.EchoAfter, "echo_after", time.Second, 10*time.Minute, false)
	d.span(o.RekeyAfter, "rekey_after", time.Minute, 720*time.Hour, true)
	d.span(o.AnswerWithin, "answer_within", 100*time.Millisecond, 5*time.Minute, false)
	o.codeFaults(&d)
	o.fieldFaults(&d)
	o.documentFaults(&d)
	return d
}

func (o *Options) codeFaults(d *demands) {
	processing := []string{"verify_code", "set_up_code", "sign_code", "cancel_code"}
	values := []string{o.VerifyCode, o.SetUpCode, o.SignCode, o.CancelCode}
	for i, key := range processing {
		d.digits(values[i], key, 6)
	}
	d.different(processing, values)
	network := []string{"sign_on_code", "sign_off_code", "key_reset_code", "echo_code"}
	values = []string{o.SignOnCode, o.SignOffCode, o.KeyResetCode, o.EchoCode}
	for i, key := range network {
		d.digits(values[i], key, 3)
	}
	d.different(network, values)
	usages := []string{"order_usage", "code_usage", "wallet_usage", "agreement_usage", "mandate_usage"}
	values = []string{o.OrderUsage, o.CodeUsage, o.WalletUsage, o.AgreementUsage, o.MandateUsage}
	for i, key := range usages {
		d.that(isUsage(values[i]) && values[i] != usageNewKey, key, "two capital letters, not "+usageNewKey)
	}
	d.different(usages, values)
	name, mobile := maskBits(o.NameMask), maskBits(o.MobileMask)
	d.that(name != 0, "name_mask", "16 digits 0 and 1, at least one 1")
	d.that(mobile != 0, "mobile_mask", "16 digits 0 and 1, at least one 1")
	d.that(name&mobile == 0, "mobile_mask", "without a position of name_mask")
}

func (o *Options) fieldFaults(d *demands) {
	d.that(len(o.MACFields) > 0 && len(o.MACFields) <= 64, "mac_fields", "1 to 64 fields")
	seen := map[int]bool{}
	for i, n := range o.MACFields {
		key := fmt.Sprintf("mac_fields[%d]", i)
		known := n == 0 || n > 1 && n < 128 && cups.fields[n].max > 0
		d.that(known && !seen[n], key, "a field of this grammar below 128, or 0, and once")
		seen[n] = true
	}
}

func (o *Options) documentFaults(d *demands) {
	d.that(len(o.DocumentTypes) <= 32, "document_types", "at most 32")
	seen := map[string]bool{}
	for i, t := range o.DocumentTypes {
		key := fmt.Sprintf("document_types[%d]", i)
		d.that(t.Type != "" && !seen[t.Type], key+".type", "named, and once")
		seen[t.Type] = true
		d.digits(t.Code, key+".code", 2)
	}
}
