package seal

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"kaqiao/profiles/wire"
)

// sm2Size is the length of a coordinate and of r and s, in bytes.
const sm2Size = 32

// errDecrypt is the one error of every decryption: which step failed would
// tell an attacker what to try next.
var errDecrypt = errors.New("does not decrypt")

// SignSM2 signs with SM2 over SM3 (GM/T 0003.2) and returns the signature as
// DER, SEQUENCE{r, s}. The user id is SM2's distinguishing identifier; an
// empty message is refused.
func SignSM2(random io.Reader, key *sm2.PrivateKey, userID string, message []byte) ([]byte, error) {
	return key.Sign(random, message, sm2.NewSM2SignerOption(true, []byte(userID)))
}

// VerifySM2 checks a signature that stands as DER. Real parties write r and s
// with needless leading zeros (found in a bank's published answer), so their
// length is not held to DER; everything else is, and r and s must lie in
// [1, n-1]. The error wraps wire.ErrSeal.
func VerifySM2(key *ecdsa.PublicKey, userID string, message, signature []byte) error {
	r, s, ok := parseSignature(signature)
	if !ok {
		return wire.ErrSeal
	}
	canonical, err := encodeSignature(r, s)
	if err != nil || !sm2.VerifyASN1WithSM2(key, []byte(userID), message, canonical) {
		return wire.ErrSeal
	}
	return nil
}

// minSM2Text is the shortest text that is encrypted, in bytes. Where the key
// stream of n bytes is all zero, once in 256^n, the standard has the sender try
// another nonce; gmsm v0.44.0 has multiplied the public key in place by then,
// and writes what nobody can open. At 8 bytes that is out of reach.
const minSM2Text = 8

// EncryptSM2 encrypts to a key and returns the ciphertext as GM/T 0009 writes
// it: SEQUENCE{INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2}. A text
// shorter than 8 bytes is refused.
func EncryptSM2(random io.Reader, key *ecdsa.PublicKey, text []byte) ([]byte, error) {
	if len(text) < minSM2Text {
		return nil, fmt.Errorf("a text of %d bytes: at least %d are needed", len(text), minSM2Text)
	}
	return sm2.EncryptASN1(random, key, text)
}

// DecryptSM2 opens what EncryptSM2 or another party made. Coordinates may
// carry needless leading zeros, as in VerifySM2.
func DecryptSM2(key *sm2.PrivateKey, ciphertext []byte) ([]byte, error) {
	plain, ok := splice(ciphertext)
	if !ok {
		return nil, errDecrypt
	}
	text, err := key.Decrypt(nil, plain, sm2.NewPlainDecrypterOpts(sm2.C1C3C2))
	if err != nil {
		return nil, errDecrypt
	}
	return text, nil
}

// splice turns SEQUENCE{x, y, C3, C2} into 04 x y C3 C2.
func splice(ciphertext []byte) ([]byte, bool) {
	in := cryptobyte.String(ciphertext)
	var seq, hash, text cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	x, okX := readNumber(&seq)
	y, okY := readNumber(&seq)
	if !okX || !okY || !seq.ReadASN1(&hash, asn1.OCTET_STRING) || len(hash) != sm2Size ||
		!seq.ReadASN1(&text, asn1.OCTET_STRING) || len(text) == 0 || !seq.Empty() {
		return nil, false
	}
	plain := make([]byte, 1, 1+3*sm2Size+len(text))
	plain[0] = 4
	plain = append(plain, x[:]...)
	plain = append(plain, y[:]...)
	plain = append(plain, hash...)
	return append(plain, text...), true
}

func parseSignature(signature []byte) (r, s [sm2Size]byte, ok bool) {
	in := cryptobyte.String(signature)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() {
		return r, s, false
	}
	r, okR := readNumber(&seq)
	s, okS := readNumber(&seq)
	return r, s, okR && okS && seq.Empty()
}

// readNumber reads a non-negative INTEGER of at most 32 bytes behind any
// leading zeros, of which at most 32 are borne.
func readNumber(in *cryptobyte.String) (n [sm2Size]byte, ok bool) {
	var b cryptobyte.String
	if !in.ReadASN1(&b, asn1.INTEGER) || len(b) == 0 || len(b) > 2*sm2Size || b[0]&0x80 != 0 {
		return n, false
	}
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) > sm2Size {
		return n, false
	}
	copy(n[sm2Size-len(b):], b)
	return n, true
}

// encodeSignature writes DER proper; gmsm refuses r and s of zero or beyond n-1 then.
func encodeSignature(r, s [sm2Size]byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addNumber(b, r)
		addNumber(b, s)
	})
	return b.Bytes()
}

func addNumber(b *cryptobyte.Builder, n [sm2Size]byte) {
	digits := n[:]
	for len(digits) > 1 && digits[0] == 0 {
		digits = digits[1:]
	}
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) {
		if digits[0]&0x80 != 0 {
			b.AddUint8(0)
		}
		b.AddBytes(digits)
	})
}
