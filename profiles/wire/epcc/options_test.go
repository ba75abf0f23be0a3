package epcc_test

import (
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/wire/epcc"
)

func TestDefaults(t *testing.T) {
	o, err := epcc.Options{}.Complete()
	must(t, err)
	if o.Algorithms != "sm" || o.CipherMode != "ecb" || o.EnvelopePrefix != "02|" || o.UserID != "1234567812345678" ||
		o.Institution != "Z2000000000001" || o.Platform != "G4000311000018" || o.Direction != "11" || o.AnswerDirection != "22" ||
		o.ControlDigits != "760001" || o.ReservedDigit != "0" || o.DebitType != "00" || o.CreditType != "01" ||
		o.CreditFields == nil || !*o.CreditFields || o.UnsignCategory != "0203" || o.PendingCode != "PB511090" || o.DeniedCode != "PB511097" ||
		o.CallbackURL != "http://127.0.0.1:8081/callbacks/nucc" ||
		o.StaleLimit() != 10*time.Minute {
		t.Errorf("%+v", o)
	}
	if d := o.DocumentTypes; len(d) != 7 || d[0] != (epcc.DocumentType{Type: "resident_id", IDTp: "01"}) {
		t.Errorf("document types: %v", d)
	}
	if o, err = (epcc.Options{Algorithms: "intl"}).Complete(); err != nil || o.EnvelopePrefix != "01|" {
		t.Errorf("intl: prefix %q, %v", o.EnvelopePrefix, err)
	}
	off := false
	if o, err = (epcc.Options{CreditFields: &off, EnvelopePrefix: "07|"}).Complete(); err != nil || *o.CreditFields || o.EnvelopePrefix != "07|" {
		t.Errorf("what is set is overwritten: %+v, %v", o, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for key, o := range map[string]epcc.Options{
		"algorithms":                {Algorithms: "rsa"},
		"cipher_mode":               {CipherMode: "gcm"},
		"envelope_prefix":           {EnvelopePrefix: "123456789"},
		"user_id":                   {UserID: "with space"},
		"institution":               {Institution: "G2000000000001"},
		"platform":                  {Platform: "G400031100001"},
		"direction":                 {Direction: "1"},
		"answer_direction":          {AnswerDirection: "2x"},
		"control_digits":            {ControlDigits: "76001"},
		"reserved_digit":            {ReservedDigit: "00"},
		"debit_type":                {DebitType: "0"},
		"credit_type":               {CreditType: "00"},
		"unsign_category":           {UnsignCategory: "0202"},
		"pending_code":              {PendingCode: "00000000"},
		"denied_code: must be 8":    {DeniedCode: "PB51109"},
		"callback_url":              {CallbackURL: "ftp://gateway/callbacks"},
		"callback_url: must be htt": {CallbackURL: "http://gateway/a b"},
		"denied_code: must be anot": {DeniedCode: "PB511090"},
		"stale_after":               {StaleAfter: "10"},
		"document_types[0].idtp":    {DocumentTypes: []epcc.DocumentType{{Type: "passport", IDTp: "3"}}},
		"document_types[1].type":    {DocumentTypes: []epcc.DocumentType{{"passport", "03"}, {"passport", "04"}}},
		"document_types: must be":   {DocumentTypes: make([]epcc.DocumentType, 33)},
		"stale_after: must be a du": {StaleAfter: "25h"},
	} {
		if _, err := o.Complete(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	_, err := epcc.Options{Direction: "x", Platform: "y"}.Complete()
	if err == nil || !strings.Contains(err.Error(), "direction") || !strings.Contains(err.Error(), "platform") {
		t.Errorf("two faults: %v", err)
	}
}

func TestTrxID(t *testing.T) {
	o, err := epcc.Options{}.Complete()
	must(t, err)
	// One second before midnight in Beijing, and midnight.
	at := time.Date(2024, 5, 31, 15, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		at     time.Time
		serial uint64
		want   string
	}{
		{at, 1, "2024053100000000000000010760001"},
		{at.Add(time.Second), 11, "2024060100000000000000110760001"},
		{at, 9_999_999_999_999_999, "2024053199999999999999990760001"},
		{at, 0, "2024053100000000000000000760001"},
	} {
		if got, err := epcc.TrxID(c.at, c.serial, o); err != nil || got != c.want {
			t.Errorf("%v %d: %s, %v; want %s", c.at, c.serial, got, err, c.want)
		}
	}
	if id, err := epcc.TrxID(at, 10_000_000_000_000_000, o); err == nil {
		t.Errorf("a serial of 17 digits: %s", id)
	}
	if id, err := epcc.TrxID(at.AddDate(8000, 0, 0), 1, o); err == nil {
		t.Errorf("a year of five digits: %s", id)
	}
	if id, err := epcc.TrxID(at, 1, epcc.Options{}); err == nil {
		t.Errorf("options without their defaults: %s", id)
	}
}
