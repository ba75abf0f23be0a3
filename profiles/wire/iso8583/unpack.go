package iso8583

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"kaqiao/profiles/wire"
)

// Unpack reads a message and checks every field. Nothing may stand behind the last.
func (d *Dialect) Unpack(body []byte) (mti string, f *Fields, err error) {
	r := unpacker{dialect: d, rest: body}
	f = new(Fields)
	mti, err = r.start(f)
	for n := 2; n <= 128 && err == nil; n++ {
		if f.Has(n) {
			f.values[n], err = r.field(n)
		}
	}
	if err == nil && len(r.rest) > 0 {
		err = fmt.Errorf("bytes behind the last field: %w", wire.ErrMalformed)
	}
	if err != nil {
		return "", nil, err
	}
	return mti, f, nil
}

// Reasons, told with the field's number.
var (
	errCut  = errors.New("cut short")
	errFill = errors.New("filled up with another digit than 0")
)

// unpacker walks through a message.
type unpacker struct {
	dialect *Dialect
	rest    []byte
}

// start reads message type and bitmap.
func (r *unpacker) start(f *Fields) (mti string, err error) {
	mti, err = r.digits(4, false)
	if err != nil || !isDigits(mti) {
		return "", fmt.Errorf("message type: %w", wire.ErrMalformed)
	}
	if f.present[0], err = r.bits(); err != nil {
		return "", err
	}
	if f.present[0]>>63 == 1 {
		if f.present[1], err = r.bits(); err != nil {
			return "", err
		}
		f.present[0] &^= 1 << 63
		if f.present[1] == 0 && r.dialect.bitmap != binary16 {
			return "", fmt.Errorf("an empty second bitmap: %w", wire.ErrMalformed)
		}
	} else if r.dialect.bitmap == binary16 {
		return "", fmt.Errorf("bitmap without its second half: %w", wire.ErrMalformed)
	}
	return mti, nil
}

// bits reads half a bitmap.
func (r *unpacker) bits() (uint64, error) {
	if r.dialect.bitmap == hexBitmap {
		raw, ok := r.take(16)
		half, err := strconv.ParseUint(string(raw), 16, 64)
		if !ok || err != nil || fmt.Sprintf("%016X", half) != string(raw) {
			return 0, fmt.Errorf("bitmap: %w", wire.ErrMalformed)
		}
		return half, nil
	}
	raw, ok := r.take(8)
	if !ok {
		return 0, fmt.Errorf("bitmap: %w", wire.ErrMalformed)
	}
	return binary.BigEndian.Uint64(raw), nil
}

func (r *unpacker) field(n int) (string, error) {
	spec := &r.dialect.fields[n]
	if spec.max == 0 {
		return "", fail(n, "unknown")
	}
	length := spec.max
	if spec.prefix > 0 {
		prefix, err := r.digits(spec.prefix, true)
		if err != nil || !isDigits(prefix) {
			return "", fail(n, "its length is not in digits")
		}
		length, _ = strconv.Atoi(prefix)
		if length > spec.max {
			return "", fail(n, "longer than "+strconv.Itoa(spec.max))
		}
	}
	var value string
	if spec.packed(r.dialect) {
		var err error
		if value, err = r.digits(length, spec.right); err != nil {
			return "", fail(n, err.Error())
		}
	} else {
		raw, ok := r.take(length)
		if !ok {
			return "", fail(n, "cut short")
		}
		value = string(raw)
	}
	if reason := spec.check(value); reason != "" {
		return "", fail(n, reason)
	}
	return value, nil
}

// digits reads n digits in the dialect's way. The half byte that fills an odd number must be zero.
func (r *unpacker) digits(n int, right bool) (string, error) {
	if !r.dialect.bcd {
		raw, ok := r.take(n)
		if !ok {
			return "", errCut
		}
		return string(raw), nil
	}
	raw, ok := r.take((n + 1) / 2)
	if !ok {
		return "", errCut
	}
	all := make([]byte, 0, 2*len(raw))
	for _, b := range raw {
		all = append(all, "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&15])
	}
	if n%2 == 0 {
		return string(all), nil
	}
	fill, rest := all[len(all)-1], all[:n]
	if right {
		fill, rest = all[0], all[1:]
	}
	if fill != '0' {
		return "", errFill
	}
	return string(rest), nil
}

// take cuts n bytes off what is left.
func (r *unpacker) take(n int) ([]byte, bool) {
	if len(r.rest) < n {
		return nil, false
	}
	head := r.rest[:n]
	r.rest = r.rest[n:]
	return head, true
}
