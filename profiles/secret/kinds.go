package secret

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// errNotText says nothing of what it was given: json's own error would quote it.
var errNotText = errors.New("secret: not a text")

type (
	hiddenKind   struct{}
	cardKind     struct{}
	documentKind struct{}
	nameKind     struct{}
	mobileKind   struct{}
)

func (hiddenKind) mask(string) string { return "***" }

// Last four digits, as PCI DSS 3.4.1 allows at most first six (or BIN) and last four.
func (cardKind) mask(text string) string { return "****" + tail(text, 4, 12) }

func (documentKind) mask(text string) string { return "****" + tail(text, 2, 8) }

// The first character, unless it is the whole name.
func (nameKind) mask(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == len(text) {
		return "**"
	}
	return string(first) + "**"
}

func (mobileKind) mask(text string) string {
	text = strings.TrimPrefix(text, "+86")
	if len(text) < 11 {
		return "****"
	}
	return strings.ToValidUTF8(text[:3], "") + "****" + tail(text, 4, 11)
}

type emailKind struct{}

func (emailKind) mask(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return "****"
	}
	if first, size := utf8.DecodeRuneInString(text); first != utf8.RuneError && size < at { // of a name of one character, nothing
		return text[:size] + "****" + strings.ToValidUTF8(text[at:], "")
	}
	return "****" + strings.ToValidUTF8(text[at:], "")
}

// tail shows the last n bytes of a text of at least min bytes, as far as they
// are whole characters, and nothing of a shorter one.
func tail(text string, n, min int) string {
	if len(text) < min {
		return ""
	}
	return strings.ToValidUTF8(text[len(text)-n:], "")
}
