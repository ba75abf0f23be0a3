package keymaker

import (
	"crypto/rand"
	"encoding/hex"

	"kaqiao/profiles/wire/seal"
)

// makeSecret makes a secret that both sides hold, as a line of hexadecimal.
func (s *store) makeSecret(k shared) error {
	exists, err := s.keep(k.file)
	if err != nil {
		return err
	}
	if exists {
		text, err := s.text(k.file)
		if err != nil {
			return err
		}
		if _, err := seal.ParseSecret(k.algorithm, text); err != nil {
			return s.unreadable(k.file)
		}
		return nil
	}
	raw := make([]byte, seal.SecretSizes(k.algorithm)[0])
	rand.Read(raw) // never fails
	return s.writeText(k.file, append(hex.AppendEncode(nil, raw), '\n'), 0o600)
}
