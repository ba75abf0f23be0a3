package epcc

import (
	"fmt"
	"unicode/utf8"

	"kaqiao/profiles/wire"
)

// signerOf reads as much of the header as tells whose seal it bears.
func signerOf(signed []byte) (string, error) {
	s := scanner{text: signed}
	if err := s.root(); err != nil {
		return "", err
	}
	name, empty, err := s.child([]byte("root"))
	if err != nil {
		return "", err
	}
	if string(name) != "MsgHeader" {
		return "", s.fail("the root does not begin with MsgHeader")
	}
	for !empty {
		child, blank, err := s.child(name)
		if err != nil {
			return "", err
		}
		if child == nil {
			break
		}
		if blank {
			continue
		}
		if string(child) != "SignSN" {
			if err := s.skip(child, 1); err != nil {
				return "", err
			}
			continue
		}
		if text, err := s.value(child); err != nil || len(text) > 0 {
			return string(text), err
		}
	}
	return "", &wire.FieldError{Field: "MsgHeader/SignSN", Reason: "missing"}
}

// maxFields is more than any message has.
const maxFields = 32

// reader reads one message. The header must come first, because its MsgTp says what the body may hold.
type reader struct {
	scanner
	lenient bool // pass over unknown elements

	fields []field // of the body
	seen   [maxFields]bool
	values [maxFields][]byte
}

// message reads the whole text, and sees that every element is known, stands
// once, and holds text. What the body holds is kept for fill.
func (r *reader) message() (wire.Message, *header, error) {
	if !utf8.Valid(r.text) {
		return nil, nil, fmt.Errorf("the signed text is not UTF-8: %w", wire.ErrMalformed)
	}
	if err := r.root(); err != nil {
		return nil, nil, err
	}
	root := []byte("root")
	h, err := r.header(root)
	if err != nil {
		return nil, nil, err
	}
	m := newMessage(h.MsgTp)
	if m == nil {
		return nil, nil, fmt.Errorf("MsgHeader/MsgTp: %w", wire.ErrUnknownType)
	}
	head, fields := fieldsOf(m)
	*head, r.fields = h.Header, fields
	name, empty, err := r.child(root)
	if err != nil {
		return nil, nil, err
	}
	if string(name) != "MsgBody" {
		return nil, nil, r.fail("no MsgBody behind MsgHeader")
	}
	if !empty {
		if err := r.body(name); err != nil {
			return nil, nil, err
		}
	}
	if name, _, err = r.child(root); err != nil {
		return nil, nil, err
	}
	if name != nil || r.at != len(r.text) {
		return nil, nil, r.fail("more behind MsgBody")
	}
	return m, h, nil
}

// header reads MsgHeader.
func (r *reader) header(root []byte) (*header, error) {
	name, empty, err := r.child(root)
	if err != nil {
		return nil, err
	}
	h := new(header)
	fields := h.fields()
	var seen [maxFields]bool
	var values [maxFields][]byte
	if !empty {
		if err := r.group(name, fields, &seen, &values); err != nil {
			return nil, err
		}
	}
	for i := range fields {
		if err := fields[i].take(string(values[i])); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// body reads the groups of MsgBody.
func (r *reader) body(parent []byte) error {
	var groups [maxFields]bool // by the index of a group's first field
	for {
		name, empty, err := r.child(parent)
		if err != nil || name == nil {
			return err
		}
		first := indexOf(r.fields, func(f *field) bool { return f.group == string(name) })
		if first < 0 {
			if err := r.unknown("MsgBody", name, empty); err != nil {
				return err
			}
			continue
		}
		if groups[first] {
			return &wire.FieldError{Field: r.fields[first].group, Reason: "twice"}
		}
		groups[first] = true
		if empty {
			continue
		}
		if err := r.group(name, r.fields, &r.seen, &r.values); err != nil {
			return err
		}
	}
}

// group reads the fields of one group.
func (r *reader) group(parent []byte, fields []field, seen *[maxFields]bool, values *[maxFields][]byte) error {
	for {
		name, empty, err := r.child(parent)
		if err != nil || name == nil {
			return err
		}
		i := indexOf(fields, func(f *field) bool { return f.name == string(name) && f.group == string(parent) })
		if i < 0 {
			if err := r.unknown(string(parent), name, empty); err != nil {
				return err
			}
			continue
		}
		if seen[i] {
			return fields[i].fail("twice")
		}
		seen[i] = true
		if empty {
			continue
		}
		if values[i], err = r.value(name); err != nil {
			return err
		}
	}
}

// unknown refuses an element that no message of the type has, or passes over it.
func (r *reader) unknown(parent string, name []byte, empty bool) error {
	if !r.lenient {
		return &wire.FieldError{Field: parent + "/" + shown(name), Reason: "unknown"}
	}
	if empty {
		return nil
	}
	return r.skip(name, 1)
}

// fill decrypts what is encrypted, checks every value and gives it to its field.
func (r *reader) fill(c *Codec, h *header) error {
	var cipher session
	opened := false
	for i := range r.fields {
		f := &r.fields[i]
		text := r.values[i]
		if f.encrypted && len(text) > 0 {
			var err error
			if !opened {
				if cipher, err = c.openSession(h); err != nil {
					return err
				}
				opened = true
			}
			if text, err = cipher.decrypt(text); err != nil {
				return fmt.Errorf("field %s: %w: %w", f.path(), err, wire.ErrEnvelope)
			}
		}
		if err := f.take(string(text)); err != nil {
			return err
		}
	}
	if !opened && !r.lenient && h.NcrptnSN+h.DgtlEnvlp != "" {
		return &wire.FieldError{Field: "MsgHeader/DgtlEnvlp", Reason: "an envelope where nothing is encrypted"}
	}
	return nil
}

func indexOf(fields []field, is func(*field) bool) int {
	for i := range fields {
		if is(&fields[i]) {
			return i
		}
	}
	return -1
}

// shown returns an unknown element's name where it can only be a name. Anything
// else might be a value in a name's place, and errors quote no values.
func shown(name []byte) string {
	digits := 0
	for _, c := range name {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits > 2 || len(name) > 24 {
		return "?"
	}
	return string(name)
}
