package jws

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"kaqiao/profiles/wire"
)

// maxDepth is how deep objects and arrays may lie: a body, its Data, a group of it.
const maxDepth = 3

// maxMembers is how many values one text may have, at all depths.
const maxMembers = 64

// object is the members of a JSON object: texts (string), numbers
// (json.Number), bool, *object, or []any of these.
type object struct {
	names  []string
	values map[string]any
}

// parse reads a text that is one JSON object and nothing else. It refuses what
// encoding/json lets pass: names that come twice, invalid UTF-8, null, depth
// without end. Its errors quote nothing.
func parse(text []byte) (*object, error) {
	if !utf8.Valid(text) {
		return nil, wire.ErrMalformed
	}
	p := parser{d: json.NewDecoder(bytes.NewReader(text))}
	p.d.UseNumber()
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	o, ok := value.(*object)
	if _, err := p.d.Token(); !ok || !errors.Is(err, io.EOF) {
		return nil, wire.ErrMalformed
	}
	return o, nil
}

type parser struct {
	d       *json.Decoder
	members int
}

func (p *parser) value(depth int) (any, error) {
	token, err := p.d.Token()
	if err != nil {
		return nil, wire.ErrMalformed // the error quotes what it met
	}
	if p.members++; p.members > 2*maxMembers {
		return nil, wire.ErrMalformed
	}
	switch token := token.(type) {
	case json.Delim:
		switch {
		case depth == maxDepth:
			return nil, wire.ErrMalformed
		case token == '{':
			return p.object(depth + 1)
		case token == '[':
			return p.array(depth + 1)
		}
	case string, json.Number, bool:
		return token, nil
	}
	return nil, wire.ErrMalformed // null among them: what is not said is left out
}

func (p *parser) object(depth int) (*object, error) {
	o := &object{values: map[string]any{}}
	for p.d.More() {
		token, err := p.d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, wire.ErrMalformed
		}
		if _, twice := o.values[name]; twice {
			return nil, &wire.FieldError{Field: "a member", Reason: "twice"} // its name may be anything
		}
		value, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		o.names = append(o.names, name)
		o.values[name] = value
	}
	return o, p.close()
}

func (p *parser) array(depth int) ([]any, error) {
	list := []any{}
	for p.d.More() {
		value, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, p.close()
}

func (p *parser) close() error {
	if _, err := p.d.Token(); err != nil {
		return wire.ErrMalformed
	}
	return nil
}

// fill puts an object's members into the fields of these names. Members that
// no field has are refused, unless lenient. What may stand in a field is checked by the caller.
func fill(o *object, fields []field, lenient bool) error {
	byName := make(map[string]*field, len(fields))
	groups := map[string]bool{}
	for i := range fields {
		byName[fields[i].name] = &fields[i]
		if group, _, ok := strings.Cut(fields[i].name, "/"); ok {
			groups[group] = true
		}
	}
	var walk func(prefix string, o *object) error
	walk = func(prefix string, o *object) error {
		for _, name := range o.names {
			value := o.values[name]
			if inner, ok := value.(*object); ok && prefix == "" && groups[name] {
				if err := walk(name+"/", inner); err != nil {
					return err
				}
				continue
			}
			f, known := byName[prefix+name]
			if !known {
				if lenient {
					continue
				}
				return &wire.FieldError{Field: "Data/" + prefix, Reason: "has an unknown member"}
			}
			text, ok := textOf(value, f.kind.number)
			if !ok {
				return f.fail("of another JSON type")
			}
			if reason := f.kind.check(text); reason != "" { // an empty text among them
				return f.fail(reason)
			}
			f.set(text)
		}
		return nil
	}
	return walk("", o)
}

func textOf(value any, number bool) (string, bool) {
	if number {
		n, ok := value.(json.Number)
		return n.String(), ok
	}
	text, ok := value.(string)
	return text, ok
}

// appendData writes the fields that are not empty as the members of one object.
func appendData(b []byte, fields []field) []byte {
	b = append(b, '{')
	open := ""
	for i := range fields {
		f := &fields[i]
		text := f.get()
		if text == "" {
			continue
		}
		group, name, grouped := strings.Cut(f.name, "/")
		if !grouped {
			group, name = "", f.name
		}
		if open != "" && open != group {
			b, open = append(b, '}'), ""
		}
		b = separate(b)
		if group != "" && open != group {
			b, open = append(appendText(b, group), ':', '{'), group
		}
		b = append(appendText(b, name), ':')
		if f.kind.number {
			b = append(b, text...)
		} else {
			b = appendText(b, text)
		}
	}
	if open != "" {
		b = append(b, '}')
	}
	return append(b, '}')
}

// separate puts a comma behind a member.
func separate(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}

// appendText writes a text whose characters were checked: there is no control character in it.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}
