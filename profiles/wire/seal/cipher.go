package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"

	"github.com/emmansun/gmsm/sm4"
)

// Both ciphers have blocks of 16 bytes.
const blockSize = aes.BlockSize

// NewSM4 returns SM4 under a key of 16 bytes.
func NewSM4(key []byte) (cipher.Block, error) { return sm4.NewCipher(key) }

// NewAES returns AES under a key of 16, 24 or 32 bytes.
func NewAES(key []byte) (cipher.Block, error) { return aes.NewCipher(key) }

// EncryptECB encrypts block by block with PKCS#7 padding. Equal blocks show as
// equal: this mode is here because the networks use it.
func EncryptECB(block cipher.Block, text []byte) []byte {
	out := pad(text)
	for at := 0; at < len(out); at += blockSize {
		block.Encrypt(out[at:at+blockSize], out[at:at+blockSize])
	}
	return out
}

// DecryptECB undoes EncryptECB.
func DecryptECB(block cipher.Block, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) == 0 || len(ciphertext)%blockSize != 0 {
		return nil, errDecrypt
	}
	out := make([]byte, len(ciphertext))
	for at := 0; at < len(out); at += blockSize {
		block.Decrypt(out[at:at+blockSize], ciphertext[at:at+blockSize])
	}
	return unpad(out)
}

// EncryptCBC encrypts with PKCS#7 padding. The iv is 16 bytes.
func EncryptCBC(block cipher.Block, iv, text []byte) []byte {
	out := pad(text)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}

// DecryptCBC undoes EncryptCBC.
func DecryptCBC(block cipher.Block, iv, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) == 0 || len(ciphertext)%blockSize != 0 {
		return nil, errDecrypt
	}
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, ciphertext)
	return unpad(out)
}

// pad returns a copy with PKCS#7 padding: 1 to 16 bytes that tell their own number.
func pad(text []byte) []byte {
	n := blockSize - len(text)%blockSize
	out := make([]byte, 0, len(text)+n)
	return append(append(out, text...), bytes.Repeat([]byte{byte(n)}, n)...)
}

// unpad takes the padding off. It looks at the whole last block whatever stands
// in it, so that the time taken does not tell how far the padding was right.
func unpad(text []byte) ([]byte, error) {
	last := text[len(text)-blockSize:]
	n := int(last[blockSize-1])
	good := subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, blockSize)
	for i, b := range last {
		inside := subtle.ConstantTimeLessOrEq(blockSize-i, n)
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(b, byte(n)), 1)
	}
	if good != 1 {
		return nil, errDecrypt
	}
	return text[:len(text)-n], nil
}
