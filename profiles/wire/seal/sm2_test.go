package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"pgregory.net/rapid"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// The key of GM/T 0003.5-2012 annexes A and C, and the curve's order.
const (
	annexD = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	order  = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"
	userID = "1234567812345678"
)

func TestSM2StandardVectors(t *testing.T) {
	key := annexKey(t)
	// Source: GM/T 0003.5-2012 annex A. The nonce cannot be given to gmsm, so the published signature is verified.
	signature := unbase64(t, "MEYCIQD1oDsGSNLEYw7qxRPhu4GhWUTaOCfVt0FDrH6s7ucgswIhALG2qinfIS/YdjGCvA1CHKG7kDj9H39C1IQLacSFu8Gq")
	if err := seal.VerifySM2(&key.PublicKey, userID, []byte("message digest"), signature); err != nil {
		t.Errorf("annex A: %v", err)
	}
	// Source: computed apart with Python; the same message under the user id that a bank prescribes.
	other := der(t, "e3aabe0bbb81a335f2a084b31df8fcbe610067c6e16b60130a578043d25fe71d", "c81f6627090012e4bf4283d762939ee3ffcfc8e90edf39ec5574000e9869a0ee")
	if err := seal.VerifySM2(&key.PublicKey, "N003261207000000", []byte("message digest"), other); err != nil {
		t.Errorf("another user id: %v", err)
	}
	if err := seal.VerifySM2(&key.PublicKey, userID, []byte("message digest"), other); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("the wrong user id: %v", err)
	}
	// Source: GM/T 0003.5-2012 annex C.
	ciphertext := unhex(t, "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766041321886ca989ca9c7d58087307ca93092d651efa")
	if text, err := seal.DecryptSM2(key, ciphertext); err != nil || string(text) != "encryption standard" {
		t.Errorf("annex C: %q, %v", text, err)
	}
}

func TestSM2VerifyHoldsTheRange(t *testing.T) {
	key := annexKey(t)
	const r, s = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3", "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	good := der(t, r, s)
	for name, bad := range map[string][]byte{
		"r zero":            der(t, "00", s),
		"s zero":            der(t, r, "00"),
		"r of the order":    der(t, order, s),
		"s of the order":    der(t, r, order),
		"swapped":           der(t, s, r),
		"r beyond 32 bytes": der(t, "01"+r, s),
		"r negative":        {0x30, 0x06, 0x02, 0x01, 0x80, 0x02, 0x01, 0x01},
		"no s":              {0x30, 0x03, 0x02, 0x01, 0x01},
		"empty integers":    {0x30, 0x04, 0x02, 0x00, 0x02, 0x00},
		"nothing":           nil,
		"a third number":    resized(good, func(b []byte) []byte { return append(b, 2, 1, 1) }),
		"no sequence":       append([]byte{0x31}, good[1:]...),
		"more behind":       append(bytes.Clone(good), 0),
		"raw r and s":       unhex(t, r+s),
		"sixty-four zeros":  der(t, hex.EncodeToString(make([]byte, 64))+r, s),
	} {
		if err := seal.VerifySM2(&key.PublicKey, userID, []byte("message digest"), bad); !errors.Is(err, wire.ErrSeal) {
			t.Errorf("%s: %v, want ErrSeal", name, err)
		}
	}
	padded := der(t, "0000"+r, "000000"+s)
	if err := seal.VerifySM2(&key.PublicKey, userID, []byte("message digest"), padded); err != nil {
		t.Errorf("needless leading zeros: %v", err)
	}
	if err := seal.VerifySM2(&key.PublicKey, userID, []byte("message digesT"), good); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("another message: %v", err)
	}
}

func TestSM2RoundTrip(t *testing.T) {
	key, other := newSM2(t), newSM2(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 8, 300).Draw(t, "text")
		id := rapid.StringN(1, 20, -1).Draw(t, "id")
		signature, err := seal.SignSM2(rand.Reader, key, id, text)
		if err != nil || seal.VerifySM2(&key.PublicKey, id, text, signature) != nil {
			t.Fatalf("signature: %v", err)
		}
		if seal.VerifySM2(&other.PublicKey, id, text, signature) == nil || seal.VerifySM2(&key.PublicKey, id+"x", text, signature) == nil {
			t.Fatal("another key's or user id's signature was taken")
		}
		ciphertext, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, text)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := seal.DecryptSM2(key, ciphertext); err != nil || !bytes.Equal(back, text) {
			t.Fatalf("decrypted: %x, %v", back, err)
		}
		if _, err := seal.DecryptSM2(other, ciphertext); err == nil {
			t.Fatal("another key decrypts")
		}
		at := rapid.IntRange(0, len(ciphertext)-1).Draw(t, "flip")
		ciphertext[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if back, err := seal.DecryptSM2(key, ciphertext); err == nil {
			t.Fatalf("byte %d flipped: decrypts to %x", at, back)
		}
	})
}

func TestSM2RefusesWhatIsTooShort(t *testing.T) {
	key := newSM2(t)
	if _, err := seal.SignSM2(rand.Reader, key, userID, nil); err == nil {
		t.Error("an empty message was signed")
	}
	for size := range 8 {
		if _, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, make([]byte, size)); err == nil {
			t.Errorf("a text of %d bytes was encrypted", size)
		}
	}
	whole, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, []byte("a text of 18 bytes"))
	must(t, err)
	for name, bad := range map[string][]byte{
		"more behind":            append(bytes.Clone(whole), 0),
		"more inside":            resized(whole, func(b []byte) []byte { return append(b, 5, 0) }),
		"a text that is missing": resized(whole, func(b []byte) []byte { return b[:len(b)-20] }),
		"an empty text":          resized(whole, func(b []byte) []byte { return append(b[:len(b)-20:len(b)-20], 4, 0) }),
		"a hash that is cut by 1": resized(whole, func(b []byte) []byte {
			b = bytes.Clone(b)
			b[len(b)-53]--
			return append(b[:len(b)-21], b[len(b)-20:]...)
		}),
	} {
		if text, err := seal.DecryptSM2(key, bad); err == nil {
			t.Errorf("%s: decrypts to %q", name, text)
		}
	}
	for _, ciphertext := range [][]byte{nil, {0x30}, {0x30, 0}, bytes.Repeat([]byte{4}, 200)} {
		if _, err := seal.DecryptSM2(key, ciphertext); err == nil {
			t.Errorf("%x decrypts", ciphertext)
		}
	}
}

// resized changes what is inside a short SEQUENCE and sets its length right.
func resized(der []byte, change func([]byte) []byte) []byte {
	inside := change(bytes.Clone(der[2:]))
	return append([]byte{0x30, byte(len(inside))}, inside...)
}

func annexKey(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.NewPrivateKey(unhex(t, annexD))
	must(t, err)
	return key
}

// der writes SEQUENCE{r, s} with the digits as they are given, only kept from looking negative.
func der(t testing.TB, r, s string) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range [][]byte{unhex(t, r), unhex(t, s)} {
			if n[0]&0x80 != 0 {
				n = append([]byte{0}, n...)
			}
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(n) })
		}
	})
	return b.BytesOrPanic()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	must(t, err)
	return b
}

func BenchmarkSignSM2(b *testing.B) {
	key, text := newSM2(b), bytes.Repeat([]byte("x"), 1200)
	for b.Loop() {
		_, err := seal.SignSM2(rand.Reader, key, userID, text)
		must(b, err)
	}
}

func BenchmarkVerifySM2(b *testing.B) {
	key, text := newSM2(b), bytes.Repeat([]byte("x"), 1200)
	signature, err := seal.SignSM2(rand.Reader, key, userID, text)
	must(b, err)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			must(b, seal.VerifySM2(&key.PublicKey, userID, text, signature))
		}
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if !sm2.VerifyASN1WithSM2(&key.PublicKey, []byte(userID), text, signature) {
				b.Fatal("does not verify")
			}
		}
	})
}

func BenchmarkEnvelopeSM2(b *testing.B) {
	key, text := newSM2(b), []byte("02|0123456789abcdeffedcba9876543210")
	ciphertext, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, text)
	must(b, err)
	b.Run("encrypt", func(b *testing.B) {
		for b.Loop() {
			_, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, text)
			must(b, err)
		}
	})
	b.Run("decrypt", func(b *testing.B) {
		for b.Loop() {
			_, err := seal.DecryptSM2(key, ciphertext)
			must(b, err)
		}
	})
}
