package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm4"

	"kaqiao/profiles/secret"
)

// SecretSizes returns how many bytes a key of a symmetric algorithm may have, the usual size first.
func SecretSizes(algorithm string) []int {
	switch algorithm {
	case "des":
		return []int{8}
	case "des3":
		return []int{16, 24}
	case "sm4":
		return []int{16}
	}
	return nil
}

// ParseSecret reads a symmetric key in hexadecimal, with white space around it
// at most, and returns it without that. A des3 key whose first two parts are
// equal is single DES and is refused. No error quotes the text.
func ParseSecret(algorithm string, text []byte) (secret.Key, error) {
	text = bytes.TrimSpace(text)
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		return secret.Key{}, errors.New("not hexadecimal")
	}
	if _, err := NewCipher(algorithm, raw); err != nil {
		return secret.Key{}, err
	}
	return secret.NewKey(string(text)), nil
}

// NewCipher returns the block cipher of a symmetric algorithm: des, des3 (two
// or three keys) or sm4. The parity bits of DES are not looked at.
func NewCipher(algorithm string, key []byte) (cipher.Block, error) {
	sizes := SecretSizes(algorithm)
	if sizes == nil {
		return nil, errors.New("no symmetric algorithm: there are des, des3 and sm4")
	}
	fits := false
	for _, size := range sizes {
		fits = fits || len(key) == size
	}
	switch {
	case !fits:
		return nil, fmt.Errorf("a key of %d bytes is no %s key", len(key), algorithm)
	case algorithm == "sm4":
		return sm4.NewCipher(key)
	case algorithm == "des":
		return des.NewCipher(key)
	case bytes.Equal(key[:8], key[8:16]):
		return nil, errors.New("the parts of the des3 key are equal, which makes it single DES")
	case len(key) == 16:
		return des.NewTripleDESCipher(append(bytes.Clone(key), key[:8]...))
	}
	return des.NewTripleDESCipher(key)
}

// Cipher returns the block cipher of a key that both sides own.
func (k Key) Cipher() (cipher.Block, error) {
	raw, err := k.Raw()
	if err != nil {
		return nil, err
	}
	return NewCipher(k.Algorithm, raw)
}

// Raw returns the bytes of a key that both sides own.
func (k Key) Raw() ([]byte, error) {
	raw, err := hex.DecodeString(k.Secret.Reveal())
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("key %s has no secret", k.Serial)
	}
	return raw, nil
}
