package iso8583

import (
	"encoding/hex"
	"strings"

	"kaqiao/profiles/secret"
)

// newKey is the new key of a network message: in field 96 where it has 8 bytes,
// else in field 48. Field 53, which says what it is for, must go with it.
type newKey struct {
	key      *secret.Key
	security *string
	never    bool // a message that asks for a key has none
}

func (k *newKey) places(all []place) []place {
	need := optional
	if !k.key.IsZero() {
		need = mandatory
	}
	return append(all,
		place{n: 48, part: longKey{k}},
		plain(53, &kindPlain, need, k.security),
		place{n: 96, part: shortKey{k}},
	)
}

// write returns the wrapped key's bytes, checked.
func (k *newKey) write(n int) (string, error) {
	text := k.key.Reveal()
	raw, err := hex.DecodeString(text)
	switch {
	case text == "":
		return "", nil
	case k.never:
		return "", fail(n, "a new key in a message that asks for one")
	case err != nil || text != strings.ToUpper(text) || len(raw) != 8 && len(raw) != 16 && len(raw) != 24:
		return "", fail(n, "not 16, 32 or 48 digits of capital hexadecimal")
	}
	return string(raw), nil
}

type shortKey struct{ *newKey }

func (k shortKey) write(*Options) (string, error) {
	raw, err := k.newKey.write(96)
	if err != nil || len(raw) != 8 {
		return "", err
	}
	return raw, nil
}

func (k shortKey) read(_ *Options, s string) error {
	return k.take(96, strings.ToUpper(hex.EncodeToString([]byte(s))))
}

type longKey struct{ *newKey }

func (k longKey) write(*Options) (string, error) {
	raw, err := k.newKey.write(48)
	if err != nil || len(raw) <= 8 {
		return "", err
	}
	return usageNewKey + k.key.Reveal(), nil
}

func (k longKey) read(_ *Options, s string) error {
	text, ok := strings.CutPrefix(s, usageNewKey)
	if !ok {
		return fail(48, "a usage that this side does not know")
	}
	if raw, err := hex.DecodeString(text); err != nil || text != strings.ToUpper(text) || len(raw) != 16 && len(raw) != 24 {
		return fail(48, "not 32 or 48 digits of capital hexadecimal")
	}
	return k.take(48, text)
}

func (k *newKey) take(n int, text string) error {
	if k.never {
		return fail(n, "a new key in a message that asks for one")
	}
	*k.key = secret.NewKey(text)
	return nil
}
