package profiles

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder turns YAML nodes into structs, strictly: unknown and repeated keys,
// other types than the field's, anchors, aliases and tags are faults, and a
// number is never taken for a text. It is safe for concurrent use.
type decoder struct {
	structs map[reflect.Type]keys
}

// keys are those of one struct.
type keys struct {
	names []string
	index map[string]int // key → field
}

// newDecoder learns the keys of these structs and of all that they hold.
func newDecoder(roots ...reflect.Type) *decoder {
	d := &decoder{structs: map[reflect.Type]keys{}}
	for _, t := range roots {
		d.learn(t)
	}
	return d
}

func (d *decoder) learn(t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
		d.learn(t.Elem())
		return
	case t.Kind() != reflect.Struct:
		return
	}
	if _, known := d.structs[t]; known {
		return
	}
	k := keys{index: map[string]int{}}
	for i := range t.NumField() {
		name := keyOf(t, t.Field(i))
		if name == "" {
			continue
		}
		k.names = append(k.names, name)
		k.index[name] = i
	}
	if isText(t) && len(k.names) == 0 {
		return
	}
	d.structs[t] = k
	for _, i := range k.index {
		d.learn(t.Field(i).Type)
	}
}

// keyOf is the key of a field, or empty where it has none: a direct route's
// channel has the fields of any other, but its id and name are its bank's.
func keyOf(t reflect.Type, field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	if t == reflect.TypeFor[Direct]() && (name == "id" || name == "name") {
		return ""
	}
	return name
}

// isText reports whether a type reads itself from a scalar. One that has keys as well may be written either way.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// decode fills v, which must be settable, from the node. Faults go to f; what is faulty stays zero.
func (d *decoder) decode(f *file, node *yaml.Node, v reflect.Value, path string) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		f.at(node, "%sanchors and aliases are not taken: write the value out", label(path))
	case node.Style&yaml.TaggedStyle != 0:
		f.at(node, "%stags are not taken: leave out %s", label(path), node.Tag)
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		f.at(node, "%sno value: give one, or leave the key out", label(path))
	case isText(v.Type()) && (node.Kind != yaml.MappingNode || d.structs[v.Type()].names == nil):
		d.text(f, node, v, path)
	default:
		d.plain(f, node, v, path)
	}
}

func (d *decoder) plain(f *file, node *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(f, node, v, path)
	case reflect.Slice:
		d.sequence(f, node, v, path)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.decode(f, node, p.Elem(), path)
		if !f.told[node] {
			v.Set(p)
		}
	case reflect.Interface: // decoded when its type is known
	case reflect.String:
		if node.Kind != yaml.ScalarNode {
			f.at(node, "%swant a text, not %s", label(path), form(node))
		} else if node.ShortTag() != "!!str" {
			f.at(node, "%swant a text: put it in quotes", label(path))
		} else {
			v.SetString(node.Value)
		}
	case reflect.Bool:
		if node.ShortTag() != "!!bool" || node.Value != "true" && node.Value != "false" {
			f.at(node, "%swant true or false, in these letters", label(path))
			return
		}
		v.SetBool(node.Value == "true")
	default:
		n, err := strconv.ParseInt(node.Value, 10, 64)
		if node.ShortTag() != "!!int" || err != nil || !decimal(node.Value) {
			f.at(node, "%swant a whole number in plain digits, not %s", label(path), form(node))
			return
		}
		v.SetInt(n)
	}
}

func (d *decoder) text(f *file, node *yaml.Node, v reflect.Value, path string) {
	if node.Kind != yaml.ScalarNode {
		f.at(node, "%swant one value, not %s", label(path), form(node))
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(node.Value)); err != nil {
		f.at(node, "%s%v", label(path), err)
	}
}

func (d *decoder) mapping(f *file, node *yaml.Node, v reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		f.at(node, "%swant keys with values, not %s", label(path), form(node))
		return
	}
	known := d.structs[v.Type()]
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		index, ok := known.index[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			f.at(key, "%swant a plain key", label(path))
		case !ok:
			f.at(key, "%sunknown key %s%s; the keys here are %s", label(path), quoted(key.Value),
				didYouMean(key.Value, known.names), strings.Join(known.names, ", "))
		case first[key.Value] != nil:
			f.at(key, "%sgiven twice, first in line %d", label(join(path, key.Value)), first[key.Value].Line)
		default:
			first[key.Value] = key
			d.decode(f, value, v.Field(index), join(path, key.Value))
		}
	}
}

func (d *decoder) sequence(f *file, node *yaml.Node, v reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		f.at(node, "%swant a list, not %s", label(path), form(node))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		d.decode(f, item, v.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
}

// form says what a node is, never what stands in it: a secret may have been pasted.
func form(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "a text"
}

// decimal refuses what YAML also calls a number: 0x10, 017, 1_000.
func decimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (digits == "0" || digits[0] != '0')
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// label is the path as it stands before a message.
func label(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// quoted is a key as it is told: short, and in quotes.
func quoted(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}
