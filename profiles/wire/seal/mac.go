package seal

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

// CBCMAC is the last block of CBC with a zero IV over a text that is filled up
// with zeros (ISO/IEC 9797-1 algorithm 1, padding 1). With DES it is ANSI X9.9.
// A text of nothing counts as one block of zeros.
func CBCMAC(block cipher.Block, text []byte) []byte {
	size := block.BlockSize()
	sum := make([]byte, size)
	for first := true; first || len(text) > 0; first = false {
		n := subtle.XORBytes(sum, sum, text)
		block.Encrypt(sum, sum)
		text = text[n:]
	}
	return sum
}

// RetailMAC is ANSI X9.19 (ISO/IEC 9797-1 algorithm 3, padding 1) under a DES
// key of 16 bytes: CBC under the left half, whose last block is deciphered with
// the right half and enciphered with the left.
func RetailMAC(key, text []byte) ([]byte, error) {
	if len(key) != 16 {
		return nil, errors.New("the retail MAC wants a key of 16 bytes")
	}
	left, err := des.NewCipher(key[:8])
	if err != nil {
		return nil, err
	}
	right, err := des.NewCipher(key[8:])
	if err != nil {
		return nil, err
	}
	sum := CBCMAC(left, text)
	right.Decrypt(sum, sum)
	left.Encrypt(sum, sum)
	return sum, nil
}

// ECBMAC is UnionPay's MAC of POS terminals ("CUP-ECB"): the blocks of the text
// are folded into one; its hexadecimal digits are two blocks; the first is
// enciphered, the second folded in, and that enciphered again. A message
// carries the first eight hexadecimal digits of it. With SM4 the blocks are
// twice as long (found in blogs, which agree on that much).
func ECBMAC(block cipher.Block, text []byte) []byte {
	size := block.BlockSize()
	folded := make([]byte, size)
	for len(text) > 0 {
		n := subtle.XORBytes(folded, folded, text)
		text = text[n:]
	}
	digits := []byte(strings.ToUpper(hex.EncodeToString(folded)))
	sum := make([]byte, size)
	block.Encrypt(sum, digits[:size])
	subtle.XORBytes(sum, sum, digits[size:])
	block.Encrypt(sum, sum)
	return sum
}

// CheckValue is what tells whether two sides hold the same key: a block of zeros, enciphered.
func CheckValue(block cipher.Block) []byte {
	sum := make([]byte, block.BlockSize())
	block.Encrypt(sum, sum)
	return sum
}

// Wrap enciphers a key under another, block by block. Its length must be that of whole blocks.
func Wrap(master cipher.Block, key []byte) ([]byte, error) {
	return blockwise(master.BlockSize(), key, master.Encrypt)
}

// Unwrap undoes Wrap.
func Unwrap(master cipher.Block, wrapped []byte) ([]byte, error) {
	return blockwise(master.BlockSize(), wrapped, master.Decrypt)
}

func blockwise(size int, in []byte, do func(dst, src []byte)) ([]byte, error) {
	if len(in) == 0 || len(in)%size != 0 {
		return nil, errors.New("a key that does not fill the blocks of its master key")
	}
	out := make([]byte, len(in))
	for at := 0; at < len(in); at += size {
		do(out[at:at+size], in[at:at+size])
	}
	return out, nil
}
