package epcc

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// sessionText is the length of a session key as text, behind the prefix.
const sessionText = 32

// session is the cipher under the key of one message's digital envelope.
type session struct {
	block cipher.Block
	iv    []byte // nil: electronic code book
}

// newSession draws a session key and encrypts it to the other side.
func (c *Codec) newSession() (session, string, error) {
	text, err := c.sessionKey()
	if err != nil {
		return session{}, "", err
	}
	s, err := c.sessionOf(text)
	if err != nil {
		return session{}, "", err
	}
	plain := []byte(c.opts.EnvelopePrefix + text)
	var envelope []byte
	switch key := c.encrypting.Public.(type) {
	case *ecdsa.PublicKey:
		envelope, err = seal.EncryptSM2(c.random, key, plain)
	case *rsa.PublicKey:
		envelope, err = seal.EncryptRSA(key, plain)
	default:
		err = wire.ErrKey
	}
	return s, base64.StdEncoding.EncodeToString(envelope), err
}

// sessionKey draws 32 characters: an SM4 key in hexadecimal (inferred), or what serves as a key of AES-256 as it stands (found).
func (c *Codec) sessionKey() (string, error) {
	raw := make([]byte, 16)
	encode := hex.EncodeToString
	if c.opts.Algorithms == "intl" {
		raw = make([]byte, 24)
		encode = base64.URLEncoding.EncodeToString
	}
	if _, err := io.ReadFull(c.random, raw); err != nil {
		return "", fmt.Errorf("draw a session key: %w", err)
	}
	return encode(raw), nil
}

// openSession opens the envelope that a header names.
func (c *Codec) openSession(h *header) (session, error) {
	if h.NcrptnSN == "" || h.DgtlEnvlp == "" {
		return session{}, fmt.Errorf("encrypted fields without an envelope: %w", wire.ErrEnvelope)
	}
	key, err := c.ring.BySerial(c.ring.Side(), "encrypt", h.NcrptnSN)
	if err != nil {
		return session{}, fmt.Errorf("envelope: %w: %w", err, wire.ErrEnvelope)
	}
	envelope, err := seal.DecodeBase64([]byte(h.DgtlEnvlp))
	if err != nil {
		return session{}, fmt.Errorf("envelope: %w: %w", err, wire.ErrEnvelope)
	}
	var plain []byte
	switch key := key.Private.(type) {
	case *sm2.PrivateKey:
		plain, err = seal.DecryptSM2(key, envelope)
	case *rsa.PrivateKey:
		plain, err = seal.DecryptSessionRSA(key, envelope, len(c.opts.EnvelopePrefix)+sessionText)
	default:
		err = wire.ErrKey
	}
	if err != nil {
		return session{}, fmt.Errorf("envelope: %w: %w", err, wire.ErrEnvelope)
	}
	text, ok := strings.CutPrefix(string(plain), c.opts.EnvelopePrefix)
	if !ok || len(text) != sessionText {
		return session{}, fmt.Errorf("what is in the envelope: %w", wire.ErrEnvelope)
	}
	return c.sessionOf(text)
}

// sessionOf makes the cipher of a session key. In cbc the key's first 16 bytes are the IV too (memory).
func (c *Codec) sessionOf(text string) (session, error) {
	key := []byte(text)
	newCipher := seal.NewAES
	if c.opts.Algorithms == "sm" {
		raw, err := hex.DecodeString(text)
		if err != nil {
			return session{}, fmt.Errorf("the session key is not hexadecimal: %w", wire.ErrEnvelope)
		}
		key, newCipher = raw, seal.NewSM4
	}
	block, err := newCipher(key)
	if err != nil {
		return session{}, fmt.Errorf("session key: %w", wire.ErrEnvelope)
	}
	if c.opts.CipherMode == "cbc" {
		return session{block, key[:16]}, nil
	}
	return session{block, nil}, nil
}

func (s session) encrypt(text string) string {
	var out []byte
	if s.iv != nil {
		out = seal.EncryptCBC(s.block, s.iv, []byte(text))
	} else {
		out = seal.EncryptECB(s.block, []byte(text))
	}
	return base64.StdEncoding.EncodeToString(out)
}

func (s session) decrypt(text []byte) ([]byte, error) {
	ciphertext, err := seal.DecodeBase64(text)
	if err != nil {
		return nil, err
	}
	if s.iv != nil {
		return seal.DecryptCBC(s.block, s.iv, ciphertext)
	}
	return seal.DecryptECB(s.block, ciphertext)
}
