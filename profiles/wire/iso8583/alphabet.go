package iso8583

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// alphabet is what may stand in a field.
type alphabet byte

const (
	anything alphabet = iota
	digits            // n
	text              // ans: printable ASCII and blanks
	chinese           // text in GBK
	track             // digits, D and =
	credit            // C or D and digits
)

// holds reports whether a text has only what its alphabet allows.
func (a alphabet) holds(s string) bool {
	switch a {
	case digits:
		return isDigits(s)
	case text:
		return isPrintable(s)
	case chinese:
		_, err := fromGBK(s)
		return err == nil
	case track:
		return strings.Trim(s, "0123456789=D") == "" && isTrack(s)
	case credit:
		return s != "" && (s[0] == 'C' || s[0] == 'D') && isDigits(s[1:])
	}
	return true
}

// String names the alphabet for the reason of a refusal.
func (a alphabet) String() string {
	return [...]string{"any bytes", "digits", "printable ASCII", "GBK without control characters", "digits, D and =", "C or D and digits"}[a]
}

func isTrack(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '=' && c != 'D' {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
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
	return s != ""
}

func isUsage(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func isInstitution(s string) bool { return len(s) >= 8 && len(s) <= 11 && isDigits(s) }

// isText refuses what is no text for people: control characters, and what can't be read.
func isText(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// toGBK encodes a text. Its error says nothing of it.
func toGBK(s string) (string, error) {
	if isPrintable(s) {
		return s, nil
	}
	if !isText(s) {
		return "", errNotGBK
	}
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	if err != nil {
		return "", errNotGBK
	}
	return out, nil
}

// fromGBK decodes a text, and refuses bytes that would not be written again as
// they were: such a text would change under its reader's hands.
func fromGBK(s string) (string, error) {
	if isPrintable(s) {
		return s, nil
	}
	out, err := simplifiedchinese.GBK.NewDecoder().String(s)
	if err != nil || !isText(out) {
		return "", errNotGBK
	}
	if again, err := toGBK(out); err != nil || again != s {
		return "", errNotGBK
	}
	return out, nil
}
