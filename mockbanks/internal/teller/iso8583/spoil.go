package iso8583

import (
	"bytes"
	"fmt"
	"strings"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

var _ teller.Spoiler = (*Teller)(nil)

// sealDigits is the length of field 128, which stands last.
const sealDigits = 8

// Missealed implements teller.Spoiler: the last digit of the MAC is another one.
func (t *Teller) Missealed(f wire.Frame) (wire.Frame, error) {
	last := len(f.Body) - 1
	if last < sealDigits || len(bytes.Trim(f.Body[last+1-sealDigits:], "0123456789ABCDEF")) > 0 {
		return f, fmt.Errorf("field 128: %w", teller.ErrUnspoilt)
	}
	f.Body = bytes.Clone(f.Body)
	if f.Body[last] == '0' {
		f.Body[last] = '1'
	} else {
		f.Body[last] = '0'
	}
	return f, nil
}

// holder is a text in UTF-8 that can't be read as GBK: 9 bytes, and characters have 2 there.
const holder = "持卡人"

// Miscoded implements teller.Spoiler: the answer has a field 61 with a name in
// UTF-8, where GBK belongs. The seal covers neither the field (found) nor anything but letters, digits and points.
func (t *Teller) Miscoded(a teller.Answer) (wire.Frame, error) {
	blank := strings.Repeat("*", len(holder))
	named := iso8583.Identity{Name: secret.NewName(blank)}
	var m wire.Message
	switch given := a.Message.(type) {
	case *iso8583.Answer:
		other := *given
		other.Common.Identity, m = named, &other
	case *iso8583.ReversalAnswer:
		other := *given
		other.Common.Identity, m = named, &other
	default:
		return a.Frame, fmt.Errorf("field 61: %w", teller.ErrUnspoilt)
	}
	f, err := t.codec.Encode(m)
	if err != nil {
		return a.Frame, fmt.Errorf("field 61: %w", err)
	}
	f.Body = bytes.Replace(f.Body, []byte(blank), []byte(holder), 1)
	return f, nil
}
