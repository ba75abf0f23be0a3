package epcc

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// TimeLayout is how times stand in messages, in Beijing time (found).
const TimeLayout = "2006-01-02T15:04:05"

// MaxNameBytes is the longest name of a holder, in UTF-8 (a limit of this product).
const MaxNameBytes = 120

// kind is what may stand in a field. It is enforced both ways: what does not
// fit is refused, never cut. The official lengths are not public: those of
// numbers follow from the samples, the others are limits of this product.
type kind struct {
	min, max int // bytes
	ok       func(string) bool
	alphabet string // for the reason of a refusal
}

// The kinds of fields.
var (
	kindTime        = kind{19, 19, isTime, "a time yyyy-MM-ddTHH:mm:ss"}
	kindInstitution = kind{14, 14, isInstitution, "a letter and 13 digits"}
	kindTwoDigits   = kind{2, 2, isDigits, "digits"}
	kindFourDigits  = kind{4, 4, isDigits, "digits"}
	kindCategory    = kindFourDigits
	kindTrxID       = kind{31, 31, isDigits, "digits"}
	kindSerial      = kind{1, 32, isAlphanumeric, "letters and digits"}
	kindResult      = kind{8, 8, isAlphanumeric, "letters and digits"}
	kindDescription = kind{1, 512, isText, "text without control characters"}
	kindAgreement   = kind{1, 64, isGraphic, "printable ASCII without spaces"}
	kindLevel       = kind{1, 32, isText, "text without control characters"}
	kindCard        = kind{13, 19, isDigits, "digits"}
	kindName        = kind{1, MaxNameBytes, isText, "text without control characters"}
	kindDocument    = kind{1, 32, isText, "text without control characters"}
	kindMobile      = kind{11, 11, isDigits, "digits"}
	kindCVN2        = kind{3, 4, isDigits, "digits"}
	kindExpiry      = kind{4, 4, isExpiry, "a month and a year, MMYY"}
	kindCode        = kind{4, 8, isDigits, "digits"}
	kindURL         = kind{1, 512, isGraphic, "printable ASCII without spaces"}
	kindAccount     = kind{1, 64, isText, "text without control characters"}
)

// check returns why a text does not fit, or "".
func (k *kind) check(text string) string {
	switch {
	case len(text) > k.max:
		return "longer than " + strconv.Itoa(k.max) + " bytes"
	case len(text) < k.min:
		return "shorter than " + strconv.Itoa(k.min) + " bytes"
	case !k.ok(text):
		return "not " + k.alphabet
	}
	return ""
}

// isTime leaves fractions of a second, which time.Parse takes too, to the kind's length.
func isTime(s string) bool {
	_, err := time.Parse(TimeLayout, s)
	return err == nil
}

func isInstitution(s string) bool { return s[0] >= 'A' && s[0] <= 'Z' && isDigits(s[1:]) }

func isExpiry(s string) bool { return isDigits(s) && s[:2] >= "01" && s[:2] <= "12" }

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		digit, capital, small := c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z'
		if !digit && !capital && !small {
			return false
		}
	}
	return true
}

func isGraphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isText refuses control characters (C0, DEL and C1), the line separators of
// Unicode and what XML cannot carry.
func isText(s string) bool {
	for _, r := range s {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufffe', r == '\uffff':
			return false
		}
	}
	return utf8.ValidString(s)
}
