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

func (nameKind) mask(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	return string(first) + "**"
}

func (mobileKind) mask(text string) string {
	text = strings.TrimPrefix(text, "+86")
	if len(text) < 11 {
		return "****"
	}
	return text[:3] + "****" + text[len(text)-4:]
}

// tail shows the last n bytes of a text of at least min bytes, and nothing of a shorter one.
func tail(text string, n, min int) string {
	if len(text) < min {
		return ""
	}
	return text[len(text)-n:]
}
