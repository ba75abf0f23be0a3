package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
)

// columns is the width that a step's JSON is folded to.
const columns = 100

// member is one value of an object, under its name. An element of a list has none.
type member struct {
	name  string
	value any // []member for an object, list, or the text of anything else
}

type list []member

// fold writes JSON so that people can read it: in the order in which it came,
// what fits on a line on one line, and without members that say nothing
// (empty texts and objects, null).
func fold(raw []byte, indent string) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := read(d)
	if err != nil {
		return "", fmt.Errorf("fold: %w", err)
	}
	return indent + lines(v, indent, uniseg.StringWidth(indent)), nil
}

// read reads one value with the order of its members.
func read(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, _ := token.(json.Delim)
	switch open {
	case 0:
		return simple(token)
	case '[':
		members, err := readMembers(d, false)
		return list(members), err
	}
	return readMembers(d, true)
}

// simple writes a token that is no delimiter.
func simple(token json.Token) (string, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(token)
	return strings.TrimSpace(text.String()), err
}

func readMembers(d *json.Decoder, named bool) ([]member, error) {
	members := []member{}
	for d.More() {
		var m member
		if named {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, err := simple(token)
			if err != nil {
				return nil, err
			}
			m.name = name + ": "
		}
		var err error
		if m.value, err = read(d); err != nil {
			return nil, err
		}
		if !named || !silent(m.value) {
			members = append(members, m)
		}
	}
	_, err := d.Token() // what closes it
	return members, err
}

// silent reports whether a value says nothing.
func silent(v any) bool {
	members, isObject := v.([]member)
	return v == `""` || v == "null" || isObject && len(members) == 0
}

// inline writes a value on one line.
func inline(v any) string {
	var open, shut string
	var members []member
	switch v := v.(type) {
	case string:
		return v
	case list:
		open, shut, members = "[", "]", v
	case []member:
		open, shut, members = "{", "}", v
	}
	texts := make([]string, len(members))
	for i, m := range members {
		texts[i] = m.name + inline(m.value)
	}
	return open + strings.Join(texts, ", ") + shut
}

// lines writes a value that begins in the column used. Simple members share
// lines; one that has members of its own has a line of its own, or several.
func lines(v any, indent string, used int) string {
	if text := inline(v); used+uniseg.StringWidth(text) <= columns {
		return text
	}
	open, shut := "{", "}"
	members, isObject := v.([]member)
	if !isObject {
		elements, isList := v.(list)
		if !isList {
			return v.(string)
		}
		open, shut, members = "[", "]", elements
	}
	inner := indent + "  "
	var out strings.Builder
	out.WriteString(open)
	room := 0
	for i, m := range members {
		comma := ","
		if i == len(members)-1 {
			comma = ""
		}
		_, isSimple := m.value.(string)
		text := m.name + inline(m.value) + comma
		if width := 1 + uniseg.StringWidth(text); isSimple && width <= room {
			out.WriteString(" " + text)
			room -= width
			continue
		}
		begin := inner + m.name
		text = lines(m.value, inner, uniseg.StringWidth(begin)+len(comma))
		out.WriteString("\n" + begin + text + comma)
		room = 0
		if isSimple {
			room = columns - uniseg.StringWidth(begin+text+comma)
		}
	}
	out.WriteString("\n" + indent + shut)
	return out.String()
}
