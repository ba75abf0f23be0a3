package wire

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// The limits of an outline.
const (
	MaxOutline      = 2048 // bytes
	maxOutlineValue = 96   // bytes of one field
)

// Outline is what a message says, for people who ask later what went over the
// wire: its type and every field that is set, in the message's order, as
// Name=value. It is at most MaxOutline bytes, and may be kept.
//
// Of what identifies a person or opens a door nothing is shown but that it was
// there; of a card the last four digits. A field with the tag outline:"-" is
// free text of the other side and is left out; one with outline:"inline" gives
// its fields no name of its own before theirs. In what remains, whatever has
// the form of a card, a document or a mobile number is not shown either: a
// bank may put one where none belongs.
func Outline(m Message) string {
	if m == nil {
		return ""
	}
	v := reflect.ValueOf(m)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	var o outline
	o.write("", m.Type())
	if v.Kind() == reflect.Struct {
		o.fields("", v)
	}
	return o.text.String()
}

type outline struct {
	text strings.Builder
	full bool
}

// write adds one field, or an ellipsis where there is no room.
func (o *outline) write(name, value string) {
	const gap, more = "  ", "…"
	if o.full {
		return
	}
	part := value
	if name != "" {
		part = name + "=" + value
	}
	if o.text.Len() > 0 {
		part = gap + part
	}
	if o.text.Len()+len(part) > MaxOutline-len(gap+more) {
		o.full = true
		part = gap + more
	}
	o.text.WriteString(part)
}

var card = reflect.TypeFor[secret.Card]()

// fields walks a struct. What is embedded stands under no name of its own.
func (o *outline) fields(under string, v reflect.Value) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		if !f.IsExported() || f.Tag.Get("outline") == "-" || value.IsZero() {
			continue
		}
		name := f.Name
		if under != "" {
			name = under + "." + name
		}
		if f.Anonymous || f.Tag.Get("outline") == "inline" {
			name = under
		}
		o.value(name, value)
	}
}

// hidden is any value of package secret, told by its powers: each kind is a type of its own.
type hidden interface {
	Reveal() string
	String() string
}

func (o *outline) value(name string, v reflect.Value) {
	if s, ok := v.Interface().(hidden); ok {
		if v.Type() == card {
			o.write(name, s.String())
		} else {
			o.write(name, "•••")
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		o.fields(name, v)
	case reflect.String:
		o.write(name, harmless(v.String()))
	case reflect.Int, reflect.Int64, reflect.Int32:
		o.write(name, strconv.FormatInt(v.Int(), 10))
	case reflect.Bool:
		o.write(name, "yes")
	case reflect.Slice:
		for i := range v.Len() {
			o.value(name+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	case reflect.Pointer:
		o.value(name, v.Elem())
	default:
		o.write(name, "•••") // nothing of the sort is in any message; if it comes, it is not shown unseen
	}
}

// word is what may be a person's number as a whole: the digits of an
// institution's number with a letter before them are none.
var word = regexp.MustCompile(`[0-9A-Za-z]+`)

// spaced is a number that somebody has written in groups, as people write those of cards and telephones.
var spaced = regexp.MustCompile(`\b[0-9]{3,8}(?:[ -][0-9]{3,8}){1,4}[0-9]?[Xx]?\b`)

var ungroup = strings.NewReplacer(" ", "", "-", "")

// harmless is a text as one line of printable characters, not too long, without anybody's numbers.
func harmless(text string) string {
	hide := func(run string) string {
		if numberOfPerson(ungroup.Replace(run)) {
			return "•••"
		}
		return run
	}
	if strings.ContainsAny(text, " -") {
		text = spaced.ReplaceAllStringFunc(text, hide)
	}
	text = word.ReplaceAllStringFunc(text, hide)
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
	if len(text) > maxOutlineValue {
		text = strings.ToValidUTF8(text[:maxOutlineValue], "") + "…"
	}
	if strings.ContainsRune(text, ' ') {
		text = strconv.Quote(text)
	}
	return text
}

// numberOfPerson: a whole word of digits that can be a mobile number, also with
// its country before it, a card number (Luhn, ISO/IEC 7812-1) or a resident's number (GB 11643, its check digit).
func numberOfPerson(run string) bool {
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	switch {
	case len(run) == 18 && digits(run[:17]) && resident(run):
		return true
	case !digits(run):
		return false
	case len(run) >= 11 && mobile.MatchString(run):
		return true
	case len(run) >= 13 && len(run) <= 19:
		return bins.Luhn(run)
	}
	return false
}

var mobile = regexp.MustCompile(`^(?:00)?(?:86)?1[3-9][0-9]{9}$`)

func resident(number string) bool {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += w * int(number[i]-'0')
	}
	check := "10X98765432"[sum%11]
	return unicode.ToUpper(rune(number[17])) == rune(check)
}
