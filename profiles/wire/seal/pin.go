package seal

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"

	"kaqiao/profiles/secret"
)

// errPIN says nothing of what it was given.
var errPIN = errors.New("no such PIN block")

// PINBlock is the plain block of ISO 9564 format 0 (ANSI X9.8) for size 8: the
// PIN's length, the PIN and F's, folded with the 12 digits of the card number
// left of its check digit. For size 16 it is the form that Chinese banks encipher with
// SM4 (found): both halves are as long as the block, the card's digits at its right end.
func PINBlock(size int, pin secret.Password, card secret.Card) ([]byte, error) {
	text, pan := pin.Reveal(), card.Reveal()
	if size != 8 && size != 16 {
		return nil, errors.New("a PIN block has 8 or 16 bytes")
	}
	if len(text) < 4 || len(text) > 12 || !allDigits(text) {
		return nil, errors.New("a PIN has 4 to 12 digits")
	}
	account, err := accountPart(size, pan)
	if err != nil {
		return nil, err
	}
	block, err := hex.DecodeString("0" + "0123456789ABC"[len(text):len(text)+1] + text + strings.Repeat("F", 2*size-2-len(text)))
	if err != nil {
		return nil, errPIN
	}
	subtle.XORBytes(block, block, account)
	return block, nil
}

// OpenPINBlock undoes PINBlock; the block's length says which form it has. Everything in it must be as PINBlock writes it.
func OpenPINBlock(block []byte, card secret.Card) (secret.Password, error) {
	if len(block) != 8 && len(block) != 16 {
		return secret.Password{}, errors.New("a PIN block has 8 or 16 bytes")
	}
	account, err := accountPart(len(block), card.Reveal())
	if err != nil {
		return secret.Password{}, err
	}
	plain := make([]byte, len(block))
	subtle.XORBytes(plain, block, account)
	text, length := strings.ToUpper(hex.EncodeToString(plain)), int(plain[0])
	if length < 4 || length > 12 {
		return secret.Password{}, errPIN
	}
	pin, rest := text[2:2+length], text[2+length:]
	if !allDigits(pin) || strings.Trim(rest, "F") != "" {
		return secret.Password{}, errPIN
	}
	return secret.NewPassword(pin), nil
}

// accountPart is the card's half of a block: 12 digits at the right end, without the check digit.
func accountPart(size int, pan string) ([]byte, error) {
	if len(pan) < 13 || len(pan) > 19 || !allDigits(pan) {
		return nil, errors.New("a card number has 13 to 19 digits")
	}
	digits := pan[len(pan)-13 : len(pan)-1]
	return hex.DecodeString(strings.Repeat("0", 2*size-12) + digits)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
