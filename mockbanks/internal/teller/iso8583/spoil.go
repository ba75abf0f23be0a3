package iso8583

import (
	"bytes"
	"fmt"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
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
