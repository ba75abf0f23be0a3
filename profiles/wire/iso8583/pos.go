package iso8583

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// POS is the dialect of terminals (found): numbers and lengths in packed
// digits, a bitmap of eight bytes, the MAC in field 64. It has no typed messages.
func POS() *Dialect { return &pos }

// pos is the terminals' table. In it, and there only, fields 62 and 63 hold any bytes.
var pos = Dialect{bcd: true, bitmap: binary8, fields: [129]format{
	2:  {prefix: 2, max: 19, alphabet: digits},
	3:  {max: 6, alphabet: digits},
	4:  {max: 12, alphabet: digits},
	11: {max: 6, alphabet: digits},
	12: {max: 6, alphabet: digits},
	13: {max: 4, alphabet: digits},
	14: {max: 4, alphabet: digits},
	15: {max: 4, alphabet: digits},
	22: {max: 3, alphabet: digits},
	23: {max: 3, alphabet: digits, right: true},
	25: {max: 2, alphabet: digits},
	26: {max: 2, alphabet: digits},
	32: {prefix: 2, max: 11, alphabet: digits},
	35: {prefix: 2, max: 37, alphabet: track},
	36: {prefix: 3, max: 104, alphabet: track},
	37: {max: 12, alphabet: text},
	38: {max: 6, alphabet: text},
	39: {max: 2, alphabet: text},
	41: {max: 8, alphabet: text},
	42: {max: 15, alphabet: text},
	44: {prefix: 2, max: 25, alphabet: text},
	48: {prefix: 3, max: 322, alphabet: digits},
	49: {max: 3, alphabet: text},
	52: {max: 8},
	53: {max: 16, alphabet: digits},
	54: {prefix: 3, max: 20, alphabet: text},
	55: {prefix: 3, max: 255},
	58: {prefix: 3, max: 100, alphabet: text},
	60: {prefix: 3, max: 17, alphabet: digits},
	61: {prefix: 3, max: 29, alphabet: digits},
	62: {prefix: 3, max: 512},
	63: {prefix: 3, max: 163},
	64: {max: 8},
}}

// Envelope is what a terminal's message travels in: two bytes of length, five
// of transport (TPDU) and six of the application's header (found).
type Envelope struct{ TPDU, Application string } // raw bytes, 5 and 6

// envelopeBytes is their length.
const envelopeBytes = 5 + 6

// AppendPOS appends a terminal's message in its envelope.
func AppendPOS(dst []byte, e Envelope, message []byte) ([]byte, error) {
	if len(e.TPDU) != 5 || len(e.Application) != 6 {
		return nil, &wire.FieldError{Field: "envelope", Reason: "not 5 and 6 bytes"}
	}
	if len(message) > MaxBytes {
		return nil, fmt.Errorf("message of %d bytes: %w", len(message), wire.ErrTooLarge)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(envelopeBytes+len(message)))
	dst = append(append(dst, e.TPDU...), e.Application...)
	return append(dst, message...), nil
}

// CutPOS takes a whole framed message apart.
func CutPOS(frame []byte) (Envelope, []byte, error) {
	if len(frame) > 2+envelopeBytes+MaxBytes {
		return Envelope{}, nil, fmt.Errorf("frame of %d bytes: %w", len(frame), wire.ErrTooLarge)
	}
	if len(frame) < 2+envelopeBytes || int(binary.BigEndian.Uint16(frame)) != len(frame)-2 {
		return Envelope{}, nil, fmt.Errorf("frame of %d bytes: %w", len(frame), wire.ErrMalformed)
	}
	return Envelope{TPDU: string(frame[2:7]), Application: string(frame[7:13])}, frame[13:], nil
}

// SealPOS packs a terminal's message with its MAC in field 64, over all before it (found).
func SealPOS(key cipher.Block, mti string, f Fields) ([]byte, error) {
	f.Put(64, "\x00\x00\x00\x00\x00\x00\x00\x00")
	message, err := pos.Pack(mti, &f)
	if err != nil {
		return nil, err
	}
	text := message[:len(message)-8]
	return append(text, posMAC(key, text)...), nil
}

// CheckPOS checks the MAC in field 64 of a packed message.
func CheckPOS(key cipher.Block, message []byte) error {
	_, f, err := pos.Unpack(message)
	if err != nil {
		return err
	}
	if !f.Has(64) {
		return fmt.Errorf("field 64: %w", wire.ErrSealMissing)
	}
	text, mac := message[:len(message)-8], message[len(message)-8:]
	if subtle.ConstantTimeCompare(posMAC(key, text), mac) != 1 {
		return fmt.Errorf("field 64: %w", wire.ErrSeal)
	}
	return nil
}

func posMAC(key cipher.Block, text []byte) []byte {
	return []byte(strings.ToUpper(hex.EncodeToString(seal.ECBMAC(key, text)[:4])))
}
