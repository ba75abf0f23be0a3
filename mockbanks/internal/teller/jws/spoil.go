package jws

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

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
