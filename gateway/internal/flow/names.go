package flow

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The middle dot of names is U+00B7 and no other (notice 民委发〔2016〕33号);
// people type what their keyboards offer. U+30FB and U+FF65 become one under NFKC.
const (
	middleDot  = '·'
	dotLookers = "\u2022\u2027\u2219\u22C5\u30FB\u2024\u0387\u16EB\u25CF\u2981"
	maxName    = 50 // characters: the least that the same notice has every system take
	nameRule   = "must be 2 to 50 Chinese characters, with · between parts, or Latin letters, surname first"
)

// normaliseName brings a name into the form that banks keep (M22): half width,
// one kind of middle dot, no stray blanks, Latin letters in capitals without
// tones, ü after L and N as YU (GB/T 28039-2011). The order of parts is kept:
// a surname can't be told from a given name. Rare characters stay as they are.
func normaliseName(name string) (string, bool) {
	if !utf8.ValidString(name) || len(name) > 8*maxName {
		return "", false
	}
	var out strings.Builder
	for _, r := range norm.NFKC.String(name) {
		if strings.ContainsRune(dotLookers, r) {
			r = middleDot
		}
		out.WriteRune(r)
	}
	name = strings.TrimSpace(out.String())
	if strings.IndexFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0 {
		name = hanName(name)
	} else {
		name = latinName(name)
	}
	if n := utf8.RuneCountInString(name); n < 2 || n > maxName {
		return "", false
	}
	return name, true
}

// hanName returns "" for what is no Chinese name.
func hanName(name string) string {
	var out strings.Builder
	between := false // a dot has come, and no character after it yet
	for _, r := range name {
		switch {
		case r == ' ':
		case r == middleDot || r == '.':
			if between || out.Len() == 0 {
				return ""
			}
			between = true
		case unicode.Is(unicode.Han, r):
			if between {
				out.WriteRune(middleDot)
			}
			between = false
			out.WriteRune(r)
		default:
			return ""
		}
	}
	if between {
		return ""
	}
	return out.String()
}

// latinName returns "" for what is no name in Latin letters.
func latinName(name string) string {
	var out []rune
	for _, r := range norm.NFD.String(strings.ToUpper(name)) {
		var last rune
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		switch {
		case r >= 'A' && r <= 'Z':
			out = append(out, r)
		case r == '\u0308' && last == 'U' && len(out) > 1 && (out[len(out)-2] == 'L' || out[len(out)-2] == 'N'):
			out = append(out[:len(out)-1], 'Y', 'U')
		case unicode.Is(unicode.Mn, r) && last >= 'A' && last <= 'Z':
		case (r == ' ' || r == ',' || r == middleDot) && last != 0:
			if last != ' ' {
				out = append(out, ' ')
			}
		case (r == '-' || r == '\'' || r == '\u2019') && last >= 'A' && last <= 'Z':
			if r == '\u2019' {
				r = '\''
			}
			out = append(out, r)
		default:
			return ""
		}
	}
	text := strings.TrimSpace(string(out))
	if strings.HasSuffix(text, "-") {
		return ""
	}
	return text
}
