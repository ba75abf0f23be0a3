package iso8583

import (
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
)

// usageNewKey is the block of field 48 that carries a new key (found).
const usageNewKey = "NK"

// block is one usage of field 48.
type block struct {
	usage      string
	least, max int  // bytes of the value
	fixed      bool // filled up with blanks to max; otherwise three digits of length stand before it
	alphabet   alphabet
	text       *string
	secret     secretText
	places     []piece // in place of both
}

func (u *Usages) blocks(o *Options) []block {
	return []block{
		{usage: o.OrderUsage, least: 1, max: 40, fixed: true, alphabet: text, text: &u.Order},
		{usage: o.CodeUsage, least: 4, max: 8, alphabet: digits, secret: &u.Code},
		{usage: o.WalletUsage, least: 1, max: 64, alphabet: text, secret: &u.Wallet},
		{usage: o.AgreementUsage, least: 1, max: 64, alphabet: text, text: &u.Agreement},
		{usage: o.MandateUsage, max: mandateBytes, fixed: true, alphabet: text, places: u.Mandate.pieces()},
	}
}

func (u *Usages) write(o *Options) (string, error) {
	var out strings.Builder
	for _, b := range u.blocks(o) {
		value, err := b.write()
		if err != nil {
			return "", err
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

func (u *Usages) read(o *Options, s string) error {
	blocks := u.blocks(o)
	seen := 0
	for s != "" {
		at := -1
		for i := range blocks {
			if strings.HasPrefix(s, blocks[i].usage) {
				at = i
			}
		}
		if at < 0 {
			return fail(48, "a usage that this side does not know")
		}
		if seen>>at&1 == 1 {
			return blocks[at].fail("twice")
		}
		seen |= 1 << at
		var err error
		if s, err = blocks[at].read(s[2:]); err != nil {
			return err
		}
	}
	return nil
}

func (b *block) write() (string, error) {
	var value string
	switch {
	case b.places != nil:
		value, blank, err := writePieces(b.path(), b.places)
		if err != nil || blank {
			return "", err
		}
		return b.usage + value, nil
	case b.secret != nil:
		value = b.secret.Reveal()
	default:
		value = *b.text
	}
	if value == "" {
		return "", nil
	}
	if reason := b.check(value); reason != "" {
		return "", b.fail(reason)
	}
	if b.fixed {
		return b.usage + padded(value, b.max), nil
	}
	return b.usage + threeDigits(len(value)) + value, nil
}

// read takes the block's value off the front of a text and returns what is left.
func (b *block) read(s string) (rest string, err error) {
	length := b.max
	if !b.fixed {
		if len(s) < 3 || !isDigits(s[:3]) {
			return "", b.fail("its length is not in digits")
		}
		length, _ = strconv.Atoi(s[:3])
		s = s[3:]
	}
	if length > len(s) {
		return "", b.fail("cut short")
	}
	value, rest := s[:length], s[length:]
	if b.places != nil {
		blank, err := readPieces(b.path(), b.places, value)
		if err == nil && blank {
			err = b.fail("blank")
		}
		return rest, err
	}
	if b.fixed {
		value = strings.TrimRight(value, " ")
	}
	if reason := b.check(value); reason != "" {
		return "", b.fail(reason)
	}
	if b.secret != nil {
		return rest, b.secret.UnmarshalText([]byte(value))
	}
	*b.text = strings.Clone(value)
	return rest, nil
}

// check returns why a value may not stand in the block, or "".
func (b *block) check(value string) string {
	switch {
	case len(value) < b.least:
		return "shorter than " + strconv.Itoa(b.least)
	case len(value) > b.max:
		return "longer than " + strconv.Itoa(b.max)
	case !b.alphabet.holds(value):
		return "not " + b.alphabet.String()
	case strings.HasSuffix(value, " "):
		return "ends with a blank"
	}
	return ""
}

func (b *block) path() string { return "F48/" + b.usage }

func (b *block) fail(reason string) error {
	return &wire.FieldError{Field: b.path(), Reason: reason}
}

func threeDigits(n int) string {
	s := strconv.Itoa(n)
	return "000"[:3-len(s)] + s
}
