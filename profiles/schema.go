package profiles

import (
	"embed"
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"kaqiao/profiles/wire/all"
)

// The comments on the fields are the manual, so the schema takes its descriptions from them.
//
//go:embed profile.go mock.go
var sources embed.FS

// Schema returns the JSON Schema (2020-12) of the files in one folder, banks,
// channels or platforms, for editors: keys, types and the manual's text for
// each. It knows no ranges and no references between files: Load does.
func Schema(folder string) ([]byte, error) {
	root, ok := map[string]reflect.Type{
		"banks": reflect.TypeFor[Bank](), "channels": reflect.TypeFor[Channel](), "platforms": reflect.TypeFor[Platform](),
	}[folder]
	if !ok {
		return nil, fmt.Errorf("schema: no folder %q: there are banks, channels and platforms", folder)
	}
	comments, err := readComments("profile.go", "mock.go")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	s := schema{comments: comments}
	node := s.of(root)
	node["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	node["title"] = "A file of " + folder + "/"
	return json.MarshalIndent(node, "", "  ")
}

type schema struct{ comments map[string]string } // by Type.Field

func (s schema) of(t reflect.Type) map[string]any {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return s.text(t)
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Struct:
		return s.object(t)
	case t.Kind() == reflect.Interface:
		return s.options()
	case t.Kind() == reflect.String:
		return map[string]any{"type": "string"}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	return map[string]any{"type": "integer"}
}

// text is a value that reads itself from a scalar.
func (s schema) text(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
	case reflect.TypeFor[Hours]():
		return map[string]any{"type": "string", "pattern": `^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$`}
	case reflect.TypeFor[Share]():
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "number", "minimum": 0, "maximum": 1},
			map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`},
		}}
	case reflect.TypeFor[Range]():
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+(\.\.([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)?$`}
	case reflect.TypeFor[Reserve]():
		return map[string]any{"anyOf": []any{s.text(reflect.TypeFor[Share]()), s.object(t)}}
	}
	return map[string]any{"type": "string"}
}

func (s schema) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		field := t.Field(i)
		name := keyOf(t, field)
		if name == "" {
			continue
		}
		node := s.of(field.Type)
		if comment := s.comments[documented(t).Name()+"."+field.Name]; comment != "" {
			node["description"] = comment
		}
		properties[name] = node
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// documented is the type that has the comments.
func documented(t reflect.Type) reflect.Type {
	if t == reflect.TypeFor[Direct]() {
		return reflect.TypeFor[Channel]()
	}
	return t
}

// options are those of any protocol.
func (s schema) options() map[string]any {
	var each []any
	for _, protocol := range all.Protocols() {
		each = append(each, s.of(reflect.TypeOf(protocol.NewOptions()).Elem()))
	}
	return map[string]any{"anyOf": each}
}

// readComments collects the comments on the fields of all structs, above or beside them.
func readComments(files ...string) (map[string]string, error) {
	comments := map[string]string{}
	for _, name := range files {
		text, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					for _, id := range field.Names {
						comment := field.Doc.Text() + field.Comment.Text()
						comments[spec.Name.Name+"."+id.Name] = strings.Join(strings.Fields(comment), " ")
					}
				}
			}
			return false
		})
	}
	return comments, nil
}
