package epcc

import (
	"bytes"
	"fmt"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// MaxBytes is the longest message that is read or written. The longest that
// the fields allow is a tenth of it; the rest is room for what others add.
const MaxBytes = 65_536

// The text around the signed bytes (found): neither is signed.
const (
	prologue  = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	sealStart = "{S:"
)

// cut finds the signed bytes, from <root to </root>, and the signature in the
// trailer behind them. Between the two, and behind the trailer, white space
// may stand and nothing else: what isn't signed must not be able to say anything.
func cut(body []byte) (signed, signature []byte, err error) {
	if len(body) > MaxBytes {
		return nil, nil, fmt.Errorf("message of %d bytes: %w", len(body), wire.ErrTooLarge)
	}
	if !bytes.Contains(body, []byte(sealStart)) {
		return nil, nil, fmt.Errorf("trailer: %w", wire.ErrSealMissing)
	}
	start := bytes.Index(body, []byte("<root"))
	if start < 0 {
		return nil, nil, fmt.Errorf("no start of the root: %w", wire.ErrMalformed)
	}
	length := bytes.Index(body[start:], []byte("</root>"))
	if length < 0 {
		return nil, nil, fmt.Errorf("no end of the root: %w", wire.ErrMalformed)
	}
	if !isPrologue(body[:start]) {
		return nil, nil, fmt.Errorf("before the root: %w", wire.ErrMalformed)
	}
	end := start + length + len("</root>")
	signature, err = trailer(body[end:])
	return body[start:end], signature, err
}

// trailer reads {S:base64}, whose base64 may be wrapped.
func trailer(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, fmt.Errorf("trailer: %w", wire.ErrSealMissing)
	}
	inner, ok := bytes.CutPrefix(text, []byte(sealStart))
	inner, closed := bytes.CutSuffix(inner, []byte("}"))
	if !ok || !closed {
		return nil, fmt.Errorf("between the root and the trailer, or behind it: %w", wire.ErrMalformed)
	}
	if len(bytes.TrimSpace(inner)) == 0 {
		return nil, fmt.Errorf("empty trailer: %w", wire.ErrSealMissing)
	}
	signature, err := seal.DecodeBase64(inner)
	if err != nil {
		return nil, fmt.Errorf("trailer: %w: %w", err, wire.ErrSeal)
	}
	return signature, nil
}

// isPrologue reports whether a text is an XML declaration of UTF-8, or nothing.
func isPrologue(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return true
	}
	inner, ok := bytes.CutPrefix(text, []byte("<?xml "))
	inner, closed := bytes.CutSuffix(inner, []byte("?>"))
	if !ok || !closed || bytes.ContainsAny(inner, "<>?") {
		return false
	}
	_, encoding, named := bytes.Cut(inner, []byte("encoding="))
	return !named || len(encoding) >= 7 && bytes.EqualFold(encoding[1:6], []byte("UTF-8")) && encoding[0] == encoding[6]
}
