package jws

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
)

var _ teller.Spoiler = (*Teller)(nil)

// Missealed implements teller.Spoiler: the last bit of the detached signature is another. Header and body stay.
func (t *Teller) Missealed(f wire.Frame) (wire.Frame, error) {
	at := slices.IndexFunc(f.Headers, func(h wire.Header) bool { return strings.EqualFold(h.Name, "x-jws-signature") })
	if at < 0 {
		return f, fmt.Errorf("x-jws-signature: %w", teller.ErrUnspoilt)
	}
	header, text, _ := strings.Cut(f.Headers[at].Value, "..")
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(signature) == 0 {
		return f, fmt.Errorf("x-jws-signature: %w", teller.ErrUnspoilt)
	}
	signature[len(signature)-1] ^= 1
	f.Headers = slices.Clone(f.Headers)
	f.Headers[at].Value = header + ".." + base64.RawURLEncoding.EncodeToString(signature)
	return f, nil
}

// Miscoded implements teller.Spoiler: the body is UTF-16 with its mark, where
// JSON between systems is UTF-8 (RFC 8259 section 8.1). Another charset would
// change nothing: these answers are in ASCII.
func (t *Teller) Miscoded(a teller.Answer) (wire.Frame, error) {
	codec, ok := t.codec.(wire.Resealer)
	if !ok {
		return a.Frame, fmt.Errorf("seal: %w", teller.ErrUnspoilt)
	}
	body, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(a.Frame.Body)
	if err != nil {
		return a.Frame, fmt.Errorf("text: %w", teller.ErrUnspoilt)
	}
	f := a.Frame
	f.Body = body
	return codec.Reseal(f)
}
