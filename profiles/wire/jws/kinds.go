package jws

import (
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"
)

// kind is what may stand in a field. It is enforced both ways: what does not
// fit is refused, never cut. The lengths are limits of this product.
type kind struct {
	min, max int // bytes; of a number: its value
	ok       func(string) bool
	alphabet string // for the reason of a refusal
	number   bool   // a JSON number, an integer; 0 is the same as none
}

// kinds are the kinds of fields.
type kinds struct {
	request, id, code, bank, class, tail, event, time, text, name, document, mobile, card, account, word, token kind
	status, seconds, life                                                                                       kind
}

func newKinds() kinds {
	return kinds{
		request:  kind{1, 40, isID, "letters, digits and -", false},
		id:       kind{1, 64, isID, "letters, digits and -", false},
		code:     kind{1, 32, isCode, "letters, digits, . and _", false},
		bank:     kind{8, 11, MemberForm().MatchString, "a BIC", false},
		class:    kind{1, 3, oneOf("I", "II", "III"), "I, II or III", false},
		tail:     kind{4, 4, isDigits, "digits", false},
		event:    kind{1, 32, oneOf(EventConsent, EventRevoked), "an event of this protocol", false},
		time:     kind{20, 35, isTime, "a time as in RFC 3339", false},
		text:     kind{1, 512, isText, "text without control characters", false},
		name:     kind{1, 140, isText, "text without control characters", false},
		document: kind{1, 32, isText, "text without control characters", false},
		mobile:   kind{9, 16, isMobile, "+ and digits", false},
		card:     kind{13, 19, isDigits, "digits", false},
		account:  kind{1, 64, isText, "text without control characters", false},
		word:     kind{1, 32, isWord, "small letters and _", false},
		token:    kind{1, 4096, isGraphic, "printable ASCII without spaces", false},
		status:   kind{400, 599, nil, "", true},
		seconds:  kind{0, 86_400, nil, "", true},
		life:     kind{1, 31_536_000, nil, "", true},
	}
}

// words is a kind of which only these are taken.
func words(list ...string) kind {
	longest := 0
	for _, w := range list {
		longest = max(longest, len(w))
	}
	return kind{1, longest, oneOf(list...), "a word of this protocol", false}
}

// check returns why a text does not fit, or "".
func (k *kind) check(text string) string {
	if k.number {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || strconv.FormatInt(n, 10) != text:
			return "not an integer"
		case n < int64(k.min) || n > int64(k.max):
			return "not from " + strconv.Itoa(k.min) + " to " + strconv.Itoa(k.max)
		}
		return ""
	}
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

func oneOf(list ...string) func(string) bool {
	return func(s string) bool {
		for _, w := range list {
			if s == w {
				return true
			}
		}
		return false
	}
}

// all reports whether a text is not empty and each of its bytes is good.
func all(s string, good func(byte) bool) bool {
	for i := range len(s) {
		if !good(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isSmall(c byte) bool  { return c >= 'a' && c <= 'z' }
func isLetter(c byte) bool { return isSmall(c) || c >= 'A' && c <= 'Z' }

func isDigits(s string) bool { return all(s, isDigit) }
func isID(s string) bool {
	return all(s, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' })
}
func isCode(s string) bool {
	return all(s, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' || c == '_' })
}
func isWord(s string) bool      { return all(s, func(c byte) bool { return isSmall(c) || c == '_' }) }
func isGraphic(s string) bool   { return all(s, func(c byte) bool { return c > ' ' && c <= '~' }) }
func isPrintable(s string) bool { return all(s, func(c byte) bool { return c >= ' ' && c <= '~' }) }
func isMobile(s string) bool    { return s[0] == '+' && isDigits(s[1:]) }

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// isText refuses control characters (C0, DEL and C1), the line separators of
// Unicode, and the replacement character, which stands for what was no text.
func isText(s string) bool {
	for _, r := range s {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r == utf8.RuneError:
			return false
		}
	}
	return utf8.ValidString(s)
}

func uuidForm() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
}
