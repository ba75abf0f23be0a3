package iso8583

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// resetFields are the fields under the seal of a key reset (found), and of all
// network management where that is sealed.
var resetFields = [...]int{0, 7, 11, 53, 70, 100}

// macText is the text under the seal ("MAB"): the fields of a list, those that
// are there, each cleaned, with single blanks between them (found). A variable
// field has the digits of its length before it (found for field 100).
// With single set, blanks that follow each other count as one (memory), so that a field of which nothing is left leaves no trace.
func macText(list []int, mti string, f *Fields, single bool) []byte {
	text := make([]byte, 0, 256)
	for _, n := range list {
		value := mti
		if n > 0 {
			if !f.Has(n) {
				continue
			}
			value = maced(n, f.values[n])
		}
		text = append(appendCleaned(text, value), ' ')
	}
	text = bytes.Trim(text, " ")
	if !single {
		return text
	}
	kept := text[:0]
	for i, c := range text {
		if c != ' ' || text[i-1] != ' ' {
			kept = append(kept, c)
		}
	}
	return kept
}

// maced is a field as it goes under the seal. Binary ones go in capital hexadecimal (memory).
func maced(n int, value string) string {
	spec, raw := &cups.fields[n], value
	if spec.alphabet == anything {
		value = strings.ToUpper(hex.EncodeToString([]byte(value)))
	}
	if spec.prefix == 0 {
		return value
	}
	return fmt.Sprintf("%0*d", spec.prefix, len(raw)) + value
}

// appendCleaned takes away what the seal does not cover: blanks around a text,
// and all characters but letters, digits, commas, points and blanks. Small letters count as capitals (found).
func appendCleaned(out []byte, s string) []byte {
	s = strings.Trim(s, " ")
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ',' || c == '.' || c == ' ' {
			out = append(out, c)
		}
	}
	return out
}

// sealFields puts field 128 in its place.
func (c *Codec) sealFields(mti string, f *Fields) error {
	key, err := newKeyIn(mti, f)
	if err != nil {
		return err
	}
	if !key.IsZero() {
		mac, err := c.resetSeal(key, mti, f)
		if err != nil {
			return err
		}
		f.Put(128, string(mac))
		return nil
	}
	network := isNetwork(mti)
	if network && !c.opts.NetworkMAC {
		return nil
	}
	using := c.keys.sealing()
	if using == nil {
		return fmt.Errorf("seal: no MAC key yet: %w", wire.ErrKey)
	}
	f.Put(128, string(using.field(macText(c.sealed(network), mti, f, *c.opts.MACSingleBlanks))))
	return nil
}

// checkSeal checks field 128 of what came.
func (c *Codec) checkSeal(mti string, f *Fields) error {
	key, err := newKeyIn(mti, f)
	if err != nil {
		return err
	}
	mac, there := f.Get(128)
	network := isNetwork(mti)
	switch {
	case !there && network && !c.opts.NetworkMAC && key.IsZero():
		return nil
	case !there:
		return fmt.Errorf("field 128: %w", wire.ErrSealMissing)
	case key.IsZero():
		return c.keys.check(macText(c.sealed(network), mti, f, *c.opts.MACSingleBlanks), []byte(mac))
	}
	want, err := c.resetSeal(key, mti, f)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, []byte(mac)) != 1 {
		return fmt.Errorf("field 128: %w", wire.ErrSeal)
	}
	return nil
}

// sealed lists what stands under the seal.
func (c *Codec) sealed(network bool) []int {
	if network {
		return resetFields[:]
	}
	return c.opts.MACFields
}

// resetSeal is field 128 of a message that carries a key.
func (c *Codec) resetSeal(wrapped secret.Key, mti string, f *Fields) ([]byte, error) {
	key, err := c.keys.open(wrapped)
	if err != nil {
		return nil, err
	}
	return key.resetField(c.opts.MAC, macText(resetFields[:], mti, f, *c.opts.MACSingleBlanks))
}

// newKeyIn returns the new key of a message, or nothing: only network management has one.
func newKeyIn(mti string, f *Fields) (secret.Key, error) {
	if !isNetwork(mti) {
		return secret.Key{}, nil
	}
	short, inShort := f.Get(96)
	long, inLong := f.Get(48)
	inLong = inLong && strings.HasPrefix(long, usageNewKey)
	switch {
	case inShort && inLong:
		return secret.Key{}, fail(96, "a new key here and in F48")
	case inShort:
		return secret.NewKey(strings.ToUpper(hex.EncodeToString([]byte(short)))), nil
	case inLong:
		return secret.NewKey(long[len(usageNewKey):]), nil
	}
	return secret.Key{}, nil
}

func isNetwork(mti string) bool { return mti[1] == '8' }
