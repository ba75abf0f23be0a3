package seal_test

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

func TestRSA(t *testing.T) {
	key, other := newRSA(t), newRSA(t)
	signature, err := seal.SignRSA(key, []byte("text"))
	must(t, err)
	if err := seal.VerifyRSA(&key.PublicKey, []byte("text"), signature); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another text":      seal.VerifyRSA(&key.PublicKey, []byte("texT"), signature),
		"another key":       seal.VerifyRSA(&other.PublicKey, []byte("text"), signature),
		"a cut signature":   seal.VerifyRSA(&key.PublicKey, []byte("text"), signature[1:]),
		"an empty one":      seal.VerifyRSA(&key.PublicKey, []byte("text"), nil),
		"a flipped bit":     seal.VerifyRSA(&key.PublicKey, []byte("text"), append([]byte{signature[0] ^ 1}, signature[1:]...)),
		"one with a suffix": seal.VerifyRSA(&key.PublicKey, []byte("text"), append(bytes.Clone(signature), 0)),
	} {
		if !errors.Is(err, wire.ErrSeal) {
			t.Errorf("%s: %v, want ErrSeal", name, err)
		}
	}
}

func TestRSASession(t *testing.T) {
	key, other := newRSA(t), newRSA(t)
	text := []byte("01|0123456789abcdef0123456789abcdef")
	ciphertext, err := seal.EncryptRSA(&key.PublicKey, text)
	must(t, err)
	if back, err := seal.DecryptSessionRSA(key, ciphertext, len(text)); err != nil || !bytes.Equal(back, text) {
		t.Errorf("%q, %v", back, err)
	}
	// Wrong padding and wrong length must look like any other session key.
	short, err := seal.EncryptRSA(&key.PublicKey, text[1:])
	must(t, err)
	foreign, err := seal.EncryptRSA(&other.PublicKey, text)
	must(t, err)
	for name, bad := range map[string][]byte{"another length": short, "another key": foreign, "cut": ciphertext[1:]} {
		a, errA := seal.DecryptSessionRSA(key, bad, len(text))
		b, errB := seal.DecryptSessionRSA(key, bad, len(text))
		if errors.Join(errA, errB) != nil {
			continue // a number beyond the modulus, which is no secret
		}
		if len(a) != len(text) || bytes.Equal(a, b) || bytes.Equal(a, text) {
			t.Errorf("%s: %q and %q, want random texts", name, a, b)
		}
	}
	if _, err := seal.DecryptSessionRSA(key, append(bytes.Clone(ciphertext), 0), len(text)); err == nil {
		t.Error("a ciphertext longer than the modulus was taken")
	}
	if _, err := seal.EncryptRSA(&key.PublicKey, make([]byte, 246)); err == nil {
		t.Error("a text beyond the modulus was taken")
	}
}

// Source: a log of UnionPay's SDK demo of 2018, with the public key of the
// network's published test merchant; OpenSSL says "Verified OK". The signed
// text is a digest in hexadecimal.
func TestRSAVerifiesAnotherPartysSignature(t *testing.T) {
	public, err := seal.ParsePublic([]byte(demoKey))
	must(t, err)
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("the key is %T", public)
	}
	text := []byte("b8fbb756d39b55741c4395662e2f23899137f2076688175eb9368a40cf5cc796")
	if err := seal.VerifyRSA(key, text, unbase64(t, demoSignature)); err != nil {
		t.Error(err)
	}
}

const demoKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2YKRPiRY8X0gEM+4Whqw
g+tv22mxWv/HA55RipX6b5dHwpc+6zcsifF4EQ8M18fuyAJecQDbkEq6hRG8oba3
JjGROsVC6Vu6Xg5k7YIAuni1WdOHhYdxXlcNus5ZNwYUu2RHInyYu4D8ICFt+mJb
CTZJvJKuOYOTJ8rF6nqHUPQbFpiCcO6wsu2+CFnLD67E2d3REFWz+v7AMV43kces
a0m5lBQ5S2Kj9/kU79rMfqaAbaP4vQKlf8otgeeBL/Ia+aeAvT1aC9UqBOA4o1oG
YoCbQX+WHz7ifcEZOSW2CheEnkPoVdJdGzy3f57MT9ZEphu3kUOgyS84Up7ro/vL
4wIDAQAB
-----END PUBLIC KEY-----`

const demoSignature = "kJ41l/Ya47FBihAaykVvliB6Gnuq56Vb2rtL6eQQLNzhBpo4Vv1j3c+G4eKL9vbmAaS5sYZefO6xkc/6ZuPvd1kv6R1cOcmQ5iYNoyWBMtvqBAdwVsf67MDFj+3K20GvzvzDHtnkYRBhCXCsiaJXRLRfkaxG6hqLmkWOSdQ8m4X07mC4f9ESIr2EPjORx9Zn4eEIKZmEbJhHd0IahXU0NdeP9VB8qJfEInjAd6qNL6fZZylK0rz3WAh/CD+G2JVT7TqpkaDN/vUE4j/+CvBj+IdtjpmItcf7zZs+fyvy4nqrNEWEiNZsBII3k20YTDAB9+or7pxo207t2qfxlkOzFg=="
