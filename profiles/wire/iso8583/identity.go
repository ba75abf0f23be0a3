package iso8583

import (
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
)

// usageItems is the block of field 61 with what is to be verified (found).
const usageItems = "AM"

// longestName is the longest name of a holder, in bytes of GBK (a limit of this product).
const longestName = 120

// pieces are the places before the block.
func (d *Identity) pieces() []piece {
	return []piece{
		{name: "DocumentType", size: 2, text: &d.DocumentType},
		{name: "Document", size: 20, secret: &d.Document},
		{name: "CVVResult", size: 1, text: &d.CVVResult},
		{name: "PVVResult", size: 1, text: &d.PVVResult},
		{name: "CUP", size: 3, fixed: "CUP"},
		{name: "CVN2", size: 3, secret: &d.CVN2},
		{name: "CVN2Result", size: 1, text: &d.CVN2Result},
		{name: "ARQCResult", size: 1, text: &d.ARQCResult},
		{name: "CUP", size: 3, fixed: "CUP"},
	}
}

// identityBytes is the length of those places.
const identityBytes = 35

// item is one element of the block, at its positions of the mask.
type item struct {
	name   string
	mask   uint16
	max    int
	kind   *kind
	secret secretText
}

var kindMobile = kind{ok: func(s string) bool { return len(s) == 11 && isDigits(s) }, want: "11 digits"}

// items are in the order of their first positions.
func (d *Identity) items(o *Options) []item {
	list := []item{
		{"Name", maskBits(o.NameMask), longestName, &kindFilledGBK, &d.Name},
		{"Mobile", maskBits(o.MobileMask), 11, &kindMobile, &d.Mobile},
	}
	if list[0].mask < list[1].mask {
		list[0], list[1] = list[1], list[0]
	}
	return list
}

func (d *Identity) write(o *Options) (string, error) {
	front, blank, err := writePieces("F61", d.pieces())
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return "", err
	}
	var mask uint16
	values := ""
	for _, it := range d.items(o) {
		value := it.secret.Reveal()
		if value == "" {
			continue
		}
		encoded, err := it.encode(value)
		if err != nil {
			return "", err
		}
		mask |= it.mask
		values += threeDigits(len(encoded)) + encoded
	}
	switch {
	case mask == 0 && blank:
		return "", nil
	case mask == 0:
		return front, nil
	}
	return front + usageItems + maskText(mask) + values, nil
}

// check looks at the places that are digits where they say anything.
func (d *Identity) check() error {
	if t := d.DocumentType; t != "" && (len(t) != 2 || !isDigits(t)) {
		return &wire.FieldError{Field: "F61/DocumentType", Reason: "not 2 digits"}
	}
	if v := d.CVN2.Reveal(); v != "" && (len(v) != 3 || !isDigits(v)) {
		return &wire.FieldError{Field: "F61/CVN2", Reason: "not 3 digits"}
	}
	return nil
}

func (it *item) encode(value string) (string, error) {
	encoded, err := toGBK(value)
	switch {
	case err != nil:
		return "", it.fail("not to be written in GBK")
	case len(encoded) > it.max:
		return "", it.fail("longer than " + strconv.Itoa(it.max) + " bytes")
	case !it.kind.ok(value):
		return "", it.fail("not " + it.kind.want)
	}
	return encoded, nil
}

func (d *Identity) read(o *Options, s string) error {
	if len(s) < identityBytes {
		return fail(61, "cut short")
	}
	front, rest := s[:identityBytes], s[identityBytes:]
	blank, err := readPieces("F61", d.pieces(), front)
	if err == nil {
		err = d.check()
	}
	switch {
	case err != nil:
		return err
	case rest == "" && blank:
		return fail(61, "blank")
	case rest == "":
		return nil
	}
	if !strings.HasPrefix(rest, usageItems) || len(rest) < 18 {
		return fail(61, "a usage that this side does not know")
	}
	return d.readItems(o, rest[2:18], rest[18:])
}

// readItems reads the mask's items, in its order.
func (d *Identity) readItems(o *Options, maskDigits, rest string) error {
	mask := maskBits(maskDigits)
	if mask == 0 {
		return fail(61, "a verification mask without an item")
	}
	for _, it := range d.items(o) {
		if mask&it.mask == 0 {
			continue
		}
		if mask&it.mask != it.mask {
			return it.fail("some of its positions only")
		}
		mask &^= it.mask
		if len(rest) < 3 || !isDigits(rest[:3]) {
			return it.fail("its length is not in digits")
		}
		length, _ := strconv.Atoi(rest[:3])
		rest = rest[3:]
		if length > it.max || length > len(rest) || length == 0 {
			return it.fail("cut short, empty or too long")
		}
		value, err := fromGBK(rest[:length])
		if err != nil {
			return it.fail("not GBK")
		}
		if !it.kind.ok(value) {
			return it.fail("not " + it.kind.want)
		}
		if err := it.secret.UnmarshalText([]byte(value)); err != nil {
			return err
		}
		rest = rest[length:]
	}
	if mask != 0 || rest != "" {
		return fail(61, "an item that this side does not know")
	}
	return nil
}

func (it *item) fail(reason string) error {
	return &wire.FieldError{Field: "F61/" + it.name, Reason: reason}
}

// maskBits reads a verification mask of 16 digits; 0 where it is none.
func maskBits(s string) uint16 {
	if len(s) != 16 {
		return 0
	}
	var bits uint16
	for i := range len(s) {
		if s[i] != '0' && s[i] != '1' {
			return 0
		}
		bits = bits<<1 | uint16(s[i]-'0')
	}
	return bits
}

func maskText(bits uint16) string {
	s := strconv.FormatUint(uint64(bits), 2)
	return strings.Repeat("0", 16-len(s)) + s
}
