package ledger

import (
	"strings"
	"unicode"
)

// sameName compares as a bank does after years of forms filled in by hand:
// full and half width, the many middle dots, spaces and case make no
// difference, and in Latin names neither do hyphens. The order of surname and
// given name does, and pinyin is never the same as characters.
func sameName(held, given string) bool {
	return given != "" && (held == given || foldName(held) == foldName(given))
}

func foldName(name string) string {
	latin := !strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	return strings.Map(func(r rune) rune {
		if r >= 0xFF01 && r <= 0xFF5E { // full width of ! to ~
			r -= 0xFEE0
		}
		switch {
		case unicode.IsSpace(r):
			return -1
		case latin && (r == '-' || r == '\u2010' || r == '\u2011'):
			return -1
		case middleDot(r):
			return '\u00B7'
		}
		return unicode.ToUpper(r)
	}, name)
}

// middleDot knows what stands for U+00B7, the one dot that names are meant to
// have (notice 民委发〔2016〕33号), in the fonts and keyboards that people use.
func middleDot(r rune) bool {
	switch r {
	case '\u00B7', '\u2022', '\u2027', '\u2219', '\u22C5', '\u30FB', '\uFF65':
		return true
	}
	return false
}

// sameDocument ignores case and spaces around: the X of a resident number is written both ways.
func sameDocument(held, given string) bool {
	return strings.EqualFold(held, strings.TrimSpace(given))
}
