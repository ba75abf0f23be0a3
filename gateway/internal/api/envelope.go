package api

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/vault"
)

// sealable is the extension of openapi.yaml that says what form the plain text
// of a field has. What a caller sends in an envelope is opened before anything
// is checked: behind this everything sees plain fields.
const sealable = "x-sealable"

// envelopeForm is said of a field that is none, or that does not open.
const envelopeForm = "must be sm2:<key id>:<base64> as GET /v1/keys describes it"

// plainForm gives a schema the form of its plain text, where it has one. It
// reports whether it has.
func plainForm(s *openapi3.Schema) bool {
	form, ok := s.Extensions[sealable].(map[string]any)
	if !ok {
		return false
	}
	least, _ := form["minLength"].(float64)
	most, _ := form["maxLength"].(float64)
	longest := uint64(most)
	s.MinLength, s.MaxLength = uint64(least), &longest
	s.Pattern, _ = form["pattern"].(string)
	return true
}

// sealablePaths are the fields of a body that may be sealed. A * stands for every item of an array.
func sealablePaths(s *openapi3.Schema, sealed map[*openapi3.Schema]bool) [][]string {
	if sealed[s] {
		return [][]string{{}}
	}
	var out [][]string
	under := func(key string, s *openapi3.Schema) {
		for _, path := range sealablePaths(s, sealed) {
			out = append(out, append([]string{key}, path...))
		}
	}
	for key, p := range s.Properties {
		under(key, p.Value)
	}
	if s.Items != nil {
		under("*", s.Items.Value)
	}
	return out
}

// opener opens the envelopes of one body.
type opener struct {
	envelopes Envelopes
	required  bool // plain fields are refused
	opened    bool // some field was opened
	stale     bool // some envelope's key is not in use
	faults    []op.Field
}

// open replaces what is sealed by its plain text.
func (o *opener) open(doc *document, paths [][]string) error {
	for _, path := range paths {
		o.walk(doc.value, path, nil)
	}
	if !o.opened {
		return nil
	}
	raw, err := json.Marshal(doc.value)
	doc.raw = raw
	return err
}

func (o *opener) walk(value any, path, at []string) {
	switch v := value.(type) {
	case map[string]any:
		if len(path) == 0 || v[path[0]] == nil {
			return
		}
		at = append(at, path[0])
		if text, ok := v[path[0]].(string); ok && len(path) == 1 {
			v[path[0]] = o.text(text, at)
			return
		}
		o.walk(v[path[0]], path[1:], at)
	case []any:
		if len(path) == 0 || path[0] != "*" {
			return
		}
		for i := range v {
			at := append(at, strconv.Itoa(i)) //nolint:gocritic // each item has a path of its own
			if text, ok := v[i].(string); ok && len(path) == 1 {
				v[i] = o.text(text, at)
				continue
			}
			o.walk(v[i], path[1:], at)
		}
	}
}

// text is the plain text of a field, or the field as it is, and a fault.
func (o *opener) text(text string, at []string) string {
	fault := func(message string) string {
		o.faults = append(o.faults, op.Field{Pointer: pointer(at), Message: message})
		return text
	}
	if !strings.HasPrefix(text, vault.EnvelopePrefix) {
		if o.required {
			return fault("must be sealed, as this caller's profile demands: " + envelopeForm)
		}
		return text
	}
	plain, err := o.envelopes.Open(text)
	switch {
	case errors.Is(err, vault.ErrEnvelopeKey):
		o.stale = true
		return fault("is sealed to a key that is not in use: fetch GET /v1/keys and seal it again")
	case err != nil || !utf8.ValidString(plain):
		return fault(envelopeForm)
	}
	o.opened = true
	return plain
}
