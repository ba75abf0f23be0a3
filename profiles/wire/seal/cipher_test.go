package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/profiles/wire/seal"
)

const sm4Key = "0123456789abcdeffedcba9876543210"

// Sources: GB/T 32907 annex A for the bare block, draft-ribose-cfrg-sm4 for
// the others; the padded rows were computed with OpenSSL 3.0.
func TestSM4Vectors(t *testing.T) {
	const ribose, iv = "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb", "000102030405060708090a0b0c0d0e0f"
	for _, c := range []struct{ key, iv, text, ciphertext string }{
		{sm4Key, "", sm4Key, "681edf34d206965e86b3e94f536e4246"},
		{sm4Key, "", ribose, "5ec8143de509cff7b5179f8f474b86192f1d305a7fb17df985f81c8482192304"},
		{"fedcba98765432100123456789abcdef", "", ribose, "c5876897e4a59bbba72a10c83872245b12dd90bc2d200692b529a4155ac9e600"},
		{sm4Key, iv, ribose, "78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d"},
		{"fedcba98765432100123456789abcdef", iv, ribose, "0d3a6ddc2d21c698857215587b7bb59a91f2c147911a4144665e1fa1d40bae38"},
	} {
		sm4, err := seal.NewSM4(unhex(t, c.key))
		must(t, err)
		got := seal.EncryptECB(sm4, unhex(t, c.text))
		if c.iv != "" {
			got = seal.EncryptCBC(sm4, unhex(t, c.iv), unhex(t, c.text))
		}
		if hex.EncodeToString(got[:len(got)-16]) != c.ciphertext {
			t.Errorf("key %s iv %q: %x", c.key, c.iv, got)
		}
	}
	sm4, err := seal.NewSM4(unhex(t, sm4Key))
	must(t, err)
	for text, want := range map[string]string{
		"13800138000":      "vI9z2LayNPlgo00qVyUVDA==",
		"6212345678901234": "ExU/jubk5tVtFlhvOFbLogAqik76hjzK0CSsAwC7QNI=",
	} {
		if got := base64.StdEncoding.EncodeToString(seal.EncryptECB(sm4, []byte(text))); got != want {
			t.Errorf("ECB %s: %s", text, got)
		}
		if back, err := seal.DecryptECB(sm4, unbase64(t, want)); err != nil || string(back) != text {
			t.Errorf("ECB back to %s: %q, %v", text, back, err)
		}
	}
	const want = "LpHfYgubL3O31HYOgYbbLw=="
	if got := base64.StdEncoding.EncodeToString(seal.EncryptCBC(sm4, unhex(t, sm4Key), []byte("13800138000"))); got != want {
		t.Errorf("CBC: %s", got)
	}
	if back, err := seal.DecryptCBC(sm4, unhex(t, sm4Key), unbase64(t, want)); err != nil || string(back) != "13800138000" {
		t.Errorf("CBC back: %q, %v", back, err)
	}
}

// Source: GB/T 32907 annex A, example 2.
func TestSM4MillionTimes(t *testing.T) {
	sm4, err := seal.NewSM4(unhex(t, sm4Key))
	must(t, err)
	b := unhex(t, sm4Key)
	for range 1_000_000 {
		sm4.Encrypt(b, b)
	}
	if hex.EncodeToString(b) != "595298c7c6fd271f0402f804c33d3f66" {
		t.Errorf("%x", b)
	}
}

// Source: FIPS 197 appendix C.3.
func TestAES256Vector(t *testing.T) {
	aes, err := seal.NewAES(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	must(t, err)
	got := seal.EncryptECB(aes, unhex(t, "00112233445566778899aabbccddeeff"))
	if hex.EncodeToString(got[:16]) != "8ea2b7ca516745bfeafc49904b496089" {
		t.Errorf("%x", got)
	}
}

func TestModesRoundTrip(t *testing.T) {
	sm4, err := seal.NewSM4(unhex(t, sm4Key))
	must(t, err)
	aes, err := seal.NewAES(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "text")
		iv := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "iv")
		kept := bytes.Clone(text)
		block := sm4
		if rapid.Bool().Draw(t, "aes") {
			block = aes
		}
		if back, err := seal.DecryptECB(block, seal.EncryptECB(block, text)); err != nil || !bytes.Equal(back, kept) {
			t.Fatalf("ECB: %x, %v", back, err)
		}
		if back, err := seal.DecryptCBC(block, iv, seal.EncryptCBC(block, iv, text)); err != nil || !bytes.Equal(back, kept) {
			t.Fatalf("CBC: %x, %v", back, err)
		}
		if !bytes.Equal(text, kept) {
			t.Fatal("the caller's text was changed")
		}
	})
}

// Every last block that is no PKCS#7 padding is refused, with the same error.
func TestPaddingIsChecked(t *testing.T) {
	sm4, err := seal.NewSM4(unhex(t, sm4Key))
	must(t, err)
	first := make([]byte, 16)
	seen := map[string]bool{}
	for name, last := range map[string]string{
		"zero":            strings.Repeat("00", 16),
		"seventeen":       strings.Repeat("11", 16),
		"255":             strings.Repeat("ff", 16),
		"two, first bad":  strings.Repeat("aa", 14) + "0102",
		"sixteen, bad":    "0f" + strings.Repeat("10", 15),
		"no padding":      "31323334353637383930313233343536",
		"three, mid bad":  strings.Repeat("aa", 13) + "030203",
		"three, head bad": strings.Repeat("aa", 13) + "020303",
	} {
		ciphertext := append(rawECB(t, first), rawECB(t, unhex(t, last))...)
		text, err := seal.DecryptECB(sm4, ciphertext)
		if err == nil {
			t.Errorf("%s: taken as %x", name, text)
			continue
		}
		seen[err.Error()] = true
		// In CBC with the first block's ciphertext all zero the second block deciphers to the same text.
		if _, err := seal.DecryptCBC(sm4, first, append(make([]byte, 16), rawECB(t, unhex(t, last))...)); err == nil {
			t.Errorf("%s: taken in CBC", name)
		}
	}
	for _, size := range []int{0, 1, 15, 17, 31} {
		if _, err := seal.DecryptECB(sm4, make([]byte, size)); err == nil {
			t.Errorf("ECB: %d bytes taken", size)
		} else {
			seen[err.Error()] = true
		}
		if _, err := seal.DecryptCBC(sm4, first, make([]byte, size)); err == nil {
			t.Errorf("CBC: %d bytes taken", size)
		}
	}
	if len(seen) != 1 {
		t.Errorf("the errors differ, which tells an attacker what was wrong: %v", seen)
	}
}

func rawECB(t *testing.T, block []byte) []byte {
	t.Helper()
	sm4, err := seal.NewSM4(unhex(t, sm4Key))
	must(t, err)
	out := make([]byte, 16)
	sm4.Encrypt(out, block)
	return out
}

func TestBase64(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "TQ==": "M", "TWE=": "Ma", "TWFu": "Man",
		"TW\r\nFu": "Man", " TW Fu\t\n": "Man", "T\nQ\n=\n=\n": "M",
	} {
		if got, err := seal.DecodeBase64([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"TQ", "TQ=", "T", "TQ==TQ==", "TW-_", "TR==", "TQ==x", "中文==", "TWFu\x00", "TW\u00a0Fu"} {
		if got, err := seal.DecodeBase64([]byte(in)); err == nil {
			t.Errorf("%q: taken as %q", in, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		if back, err := seal.DecodeBase64(seal.AppendBase64(nil, text)); err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%x, %v", back, err)
		}
	})
}
