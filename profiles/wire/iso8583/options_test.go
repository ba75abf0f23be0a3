package iso8583_test

import (
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/wire/iso8583"
)

func TestDefaults(t *testing.T) {
	o, err := iso8583.Options{}.Complete()
	must(t, err)
	if o.MAC != "x99" || len(o.MACFields) != 16 || o.NetworkMAC || o.Version != 2 || o.VerifyCode != "890000" ||
		o.MACFlag() != "0" || o.KeyReset() != "2000000000000000" ||
		o.EchoPause() != time.Minute || o.RekeyPause() != 24*time.Hour || o.AnswerPause() != 5*time.Second {
		t.Errorf("%+v", o)
	}
	o, err = iso8583.Options{MAC: "sm4", RekeyAfter: "0s", Hub: "00010000"}.Complete()
	must(t, err)
	if o.KeyReset() != "2400000000000000" || o.RekeyPause() != 0 || o.Hub != "00010000" {
		t.Errorf("%+v", o)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for key, o := range map[string]iso8583.Options{
		"mac":                    {MAC: "des"},
		"mac_fields[1]":          {MACFields: []int{0, 5}},
		"mac_fields[2]":          {MACFields: []int{0, 2, 2}},
		"mac_fields[0]":          {MACFields: []int{128}},
		"mac_fields: must":       {MACFields: []int{}},
		"version":                {Version: 3},
		"institution":            {Institution: "0499"},
		"hub":                    {Hub: "A0010000"},
		"verify_code":            {VerifyCode: "89000"},
		"sign_code":              {SignCode: "891000"},
		"merchant_type":          {MerchantType: "64"},
		"entry_mode":             {EntryMode: "12"},
		"condition_code":         {ConditionCode: "x0"},
		"terminal_type":          {TerminalType: "7"},
		"currency":               {Currency: "CNY"},
		"terminal":               {Terminal: "123456789"},
		"merchant: ":             {Merchant: "99 9"},
		"merchant_name":          {MerchantName: strings.Repeat("身", 21)},
		"code_usage":             {CodeUsage: "NK"},
		"wallet_usage":           {WalletUsage: "on"},
		"agreement_usage":        {AgreementUsage: "ON"},
		"name_mask":              {NameMask: "0000000000000000"},
		"mobile_mask":            {MobileMask: "0010000000000000"},
		"echo_code":              {EchoCode: "001"},
		"echo_after":             {EchoAfter: "60"},
		"rekey_after":            {RekeyAfter: "1s"},
		"answer_within":          {AnswerWithin: "0s"},
		"document_types[0].code": {DocumentTypes: []iso8583.DocumentType{{"passport", "3"}}},
		"document_types[1].type": {DocumentTypes: []iso8583.DocumentType{{"passport", "03"}, {"passport", "04"}}},
		"document_types: must":   {DocumentTypes: make([]iso8583.DocumentType, 33)},
	} {
		if _, err := o.Complete(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	_, err := iso8583.Options{MAC: "x", Version: 9}.Complete()
	if err == nil || !strings.Contains(err.Error(), "mac:") || !strings.Contains(err.Error(), "version") {
		t.Errorf("two faults: %v", err)
	}
}

func TestNumber(t *testing.T) {
	// One second before midnight in Beijing, and midnight.
	at := time.Date(2024, 5, 31, 15, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		at     time.Time
		serial uint64
		want   string
	}{
		{at, 1, "20240531235959000001"},
		{at.Add(time.Second), 10_011, "20240601000000000011"},
		{at, 7*100_000_000_000_000 + 123_456, "20240531235959073456"},
		{at, 99*100_000_000_000_000 + 9_999, "20240531235959999999"},
		{at, 0, "20240531235959000000"},
	} {
		got, err := iso8583.Number(c.at, c.serial)
		if err != nil || got != c.want {
			t.Errorf("%v %d: %s, %v; want %s", c.at, c.serial, got, err, c.want)
		}
		trace, err := iso8583.TraceOfNumber(got)
		if err != nil || trace.Key() != c.want[4:] || trace.STAN != c.want[14:] {
			t.Errorf("%s: %+v, %v", got, trace, err)
		}
		if back, err := iso8583.MomentOf(got); err != nil || !back.Equal(c.at) {
			t.Errorf("%s: %v, %v", got, back, err)
		}
	}
	if n, err := iso8583.Number(at, 100*100_000_000_000_000); err == nil {
		t.Errorf("a node of three digits: %s", n)
	}
	if n, err := iso8583.Number(at.AddDate(8000, 0, 0), 1); err == nil {
		t.Errorf("a year of five digits: %s", n)
	}
	for _, bad := range []string{"", "2024053123595900000", "20240532000000000000", "2024053123595900000x"} {
		if _, err := iso8583.TraceOfNumber(bad); err == nil {
			t.Errorf("%q is a number", bad)
		}
	}
}
