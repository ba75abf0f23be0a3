package iso8583

import (
	"errors"
	"fmt"
	"strconv"

	"kaqiao/profiles/wire"
)

var errNotGBK = errors.New("no text in GBK")

// Dialect is a way to write fields: what each may hold and in which digits
// numbers and lengths stand. One machinery serves all of them.
type Dialect struct {
	bcd    bool   // numbers and lengths in packed digits, not ASCII
	bitmap bitmap // how the list of fields is written
	fields [129]format
}

// format is one field. Max is in digits, characters or bytes; 0: the dialect has no such field.
type format struct {
	prefix   int // digits of the length before it: 0 (fixed), 2 or 3
	max      int
	alphabet alphabet
	bytes    bool // ASCII or binary even where numbers are packed
	right    bool // an odd number of packed digits gets its zero on the left, not on the right
}

type bitmap byte

const (
	binary16  bitmap = iota // always sixteen bytes
	binary8                 // eight bytes, and eight more where bit 1 is set
	hexBitmap               // as binary8, in capital hexadecimal
)

// Fields are a message's fields by number, as they stand on the wire: text,
// digits or raw bytes. An empty field is not the same as an absent one. The
// zero value has none.
type Fields struct {
	present [2]uint64
	values  [129]string
}

// Put puts a field in its place. Numbers are 2 to 128.
func (f *Fields) Put(n int, value string) {
	f.present[(n-1)/64] |= 1 << (63 - (n-1)%64)
	f.values[n] = value
}

// Get returns a field and whether it is there.
func (f *Fields) Get(n int) (string, bool) { return f.values[n], f.Has(n) }

// Has reports whether a field is there.
func (f *Fields) Has(n int) bool { return f.present[(n-1)/64]>>(63-(n-1)%64)&1 == 1 }

// drop takes a field away.
func (f *Fields) drop(n int) { f.present[(n-1)/64] &^= 1 << (63 - (n-1)%64) }

// Pack writes a message: type, bitmap and fields. Every field is checked.
func (d *Dialect) Pack(mti string, f *Fields) ([]byte, error) {
	if len(mti) != 4 || !isDigits(mti) {
		return nil, fmt.Errorf("message type: %w", wire.ErrUnknownType)
	}
	out, err := d.appendBitmap(d.appendDigits(make([]byte, 0, 1024), mti, false), f.present)
	if err != nil {
		return nil, err
	}
	for n := 2; n <= 128; n++ {
		if !f.Has(n) {
			continue
		}
		if out, err = d.appendField(out, n, f.values[n]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Dialect) appendField(out []byte, n int, value string) ([]byte, error) {
	spec := &d.fields[n]
	if reason := spec.check(value); reason != "" {
		return nil, fail(n, reason)
	}
	if spec.prefix > 0 {
		length := strconv.Itoa(len(value))
		out = d.appendDigits(out, "000"[:spec.prefix-len(length)]+length, true)
	}
	if spec.packed(d) {
		return d.appendDigits(out, value, spec.right), nil
	}
	return append(out, value...), nil
}

// packed reports whether the field stands in packed digits.
func (s *format) packed(d *Dialect) bool {
	return d.bcd && !s.bytes && (s.alphabet == digits || s.alphabet == track)
}

// check returns why a text may not stand in the field, or "".
func (s *format) check(value string) string {
	switch {
	case s.max == 0:
		return "unknown"
	case s.prefix == 0 && len(value) != s.max:
		return "not of its " + strconv.Itoa(s.max) + " places"
	case len(value) > s.max:
		return "longer than " + strconv.Itoa(s.max)
	case !s.alphabet.holds(value):
		return "not " + s.alphabet.String()
	}
	return ""
}

// appendDigits writes digits, packed where the dialect packs.
func (d *Dialect) appendDigits(out []byte, s string, right bool) []byte {
	if !d.bcd {
		return append(out, s...)
	}
	if len(s)%2 == 1 {
		if right {
			s = "0" + s
		} else {
			s += "0"
		}
	}
	for i := 0; i < len(s); i += 2 {
		out = append(out, nibble(s[i])<<4|nibble(s[i+1]))
	}
	return out
}

// nibble is a digit's half byte. A track's separator is D, however it was written.
func nibble(c byte) byte {
	if c == '=' || c == 'D' {
		return 0xD
	}
	return c - '0'
}

func (d *Dialect) appendBitmap(out []byte, present [2]uint64) ([]byte, error) {
	if present[0]>>63 == 1 || d.bitmap != binary16 && present[1]>>63 == 1 && d.fields[65].max == 0 {
		return nil, fail(1, "is the bitmap's own")
	}
	if d.bitmap == binary16 || present[1] != 0 {
		present[0] |= 1 << 63
	}
	parts := present[:1]
	if present[0]>>63 == 1 {
		parts = present[:]
	}
	for _, part := range parts {
		if d.bitmap == hexBitmap {
			out = fmt.Appendf(out, "%016X", part)
			continue
		}
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(part>>shift))
		}
	}
	return out, nil
}

func fail(n int, reason string) error {
	return &wire.FieldError{Field: "F" + strconv.Itoa(n), Reason: reason}
}
