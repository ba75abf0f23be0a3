package seal_test

import (
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire/seal"
)

func TestParseSecret(t *testing.T) {
	for _, c := range []struct{ algorithm, text, says string }{
		{"des", " 0123456789abcdef\n", ""},
		{"des3", "0123456789ABCDEFFEDCBA9876543210", ""},
		{"des3", "0123456789ABCDEFFEDCBA98765432101122334455667788", ""},
		{"sm4", "0123456789ABCDEFFEDCBA9876543210", ""},
		{"sm4", "0123456789ABCDEF", "a key of 8 bytes is no sm4 key"},
		{"des", "0123456789ABCDEFFEDCBA9876543210", "a key of 16 bytes is no des key"},
		{"des", "0123456789abcdeg", "not hexadecimal"},
		{"des", "01234567 89abcdef", "not hexadecimal"},
		{"des3", "0123456789ABCDEF0123456789abcdef", "single DES"},
		{"rc4", "0123456789abcdef", "no symmetric algorithm"},
	} {
		key, err := seal.ParseSecret(c.algorithm, []byte(c.text))
		switch {
		case c.says == "" && (err != nil || key.Reveal() != strings.TrimSpace(c.text)):
			t.Errorf("%s: %v", c.algorithm, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), c.text)):
			t.Errorf("%s: %v, want %q", c.algorithm, err, c.says)
		}
	}
	if _, err := (seal.Key{Serial: "1"}).Raw(); err == nil {
		t.Error("a key without a secret has bytes")
	}
	k := seal.Key{Algorithm: "des", Secret: secret.NewKey("0123456789ABCDEF")}
	if block, err := k.Cipher(); err != nil || block.BlockSize() != 8 {
		t.Error(err)
	}
}
