package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"kaqiao/gateway/internal/op"
)

// contract is openapi.yaml, made ready for checking requests: one operation for each
// method and Echo path, such as "POST /v1/bindings/:id/confirm".
type contract map[string]*operation

type operation struct {
	params       []*openapi3.Parameter
	query        []string // the names of the query parameters
	body         *openapi3.Schema
	bodyRequired bool
	sealable     [][]string // the body's fields that may be envelopes
	meaning      meaning    // where the body has one that can be told before its form is right
}

func readContract(spec []byte) (contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("api: openapi.yaml: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("api: openapi.yaml: %w", err)
	}
	l := contract{}
	sealed := map[*openapi3.Schema]bool{}
	for _, s := range doc.Components.Schemas {
		for _, one := range append([]*openapi3.Schema{s.Value}, properties(s.Value)...) {
			if !sealed[one] && plainForm(one) {
				sealed[one] = true
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			l[method+" "+echoPath(path)] = newOperation(item.Parameters, o, sealed)
		}
	}
	return l, nil
}

func properties(s *openapi3.Schema) []*openapi3.Schema {
	var out []*openapi3.Schema
	for _, p := range s.Properties {
		out = append(out, p.Value)
	}
	return out
}

func newOperation(shared openapi3.Parameters, o *openapi3.Operation, sealed map[*openapi3.Schema]bool) *operation {
	out := &operation{}
	for _, ref := range slices.Concat(shared, o.Parameters) {
		out.params = append(out.params, ref.Value)
		if ref.Value.In == openapi3.ParameterInQuery {
			out.query = append(out.query, ref.Value.Name)
		}
	}
	if o.RequestBody != nil {
		out.bodyRequired = o.RequestBody.Value.Required
		out.body = o.RequestBody.Value.Content.Get("application/json").Schema.Value
		out.sealable = sealablePaths(out.body, sealed)
	}
	return out
}

// echoPath turns /v1/bindings/{id} into /v1/bindings/:id.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// check names every field at fault at once, those of its envelopes first. param gives a path parameter.
func (o *operation) check(r *http.Request, param func(string) string, body document, envelopes *opener) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("the query string is not well formed")
	}
	fields, headerFault, err := o.checkParams(query, r.Header, param)
	if err != nil {
		return err
	}
	switch {
	case o.body == nil && !body.empty:
		return malformed("this route takes no body")
	case o.body == nil, body.empty && !o.bodyRequired:
	case body.empty:
		return malformed("a body is required")
	default:
		fields = append(fields, envelopes.faults...)
		fields = append(fields, further(fields, checkValue(o.body, body.value, ""))...)
	}
	if len(fields) == 0 {
		return nil
	}
	if object, ok := body.value.(map[string]any); ok && o.meaning != nil {
		fields = append(fields, further(fields, o.meaning(object))...)
	}
	reason, detail := op.Validation, "some fields are not as they must be"
	if envelopes.stale {
		reason, detail = op.EnvelopeKeyInvalid, "an envelope's key is not in use"
	}
	if headerFault {
		reason, detail = op.Malformed, "a header is missing or not as it must be"
	}
	return &op.Problem{Reason: reason, Outcome: op.NotSent, Detail: detail, Fields: fields}
}

func (o *operation) checkParams(query url.Values, header http.Header, param func(string) string) (fields []op.Field, headerFault bool, err error) {
	for _, p := range o.params {
		var values []string
		switch p.In {
		case openapi3.ParameterInPath:
			// What cannot be an id is nobody's id.
			if p.Schema.Value.VisitJSON(param(p.Name)) != nil {
				return nil, false, notFound()
			}
			continue
		case openapi3.ParameterInQuery:
			values = query[p.Name]
		case openapi3.ParameterInHeader:
			values = header.Values(p.Name)
		}
		faults := checkParam(p, values)
		headerFault = headerFault || (p.In == openapi3.ParameterInHeader && len(faults) > 0)
		fields = append(fields, faults...)
	}
	for name := range query {
		if !slices.Contains(o.query, name) {
			fields = append(fields, op.Field{Pointer: "query:" + named(name), Message: "is not a known parameter"})
		}
	}
	return fields, headerFault, nil
}

func checkParam(p *openapi3.Parameter, values []string) []op.Field {
	at, schema := p.In+":"+p.Name, p.Schema.Value
	switch {
	case len(values) == 0 && p.Required:
		return []op.Field{{Pointer: at, Message: "is required"}}
	case len(values) == 0:
		return nil
	case schema.Type.Is(openapi3.TypeArray):
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		return checkValue(schema, list, at)
	case len(values) > 1:
		return []op.Field{{Pointer: at, Message: "must stand once"}}
	case schema.Type.Is(openapi3.TypeInteger):
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return []op.Field{{Pointer: at, Message: "must be a whole number"}}
		}
		return checkValue(schema, n, at)
	}
	return checkValue(schema, values[0], at)
}

// checkValue lists every field of a value that is not as the schema says. The
// library's own messages print values, so the messages are made here, from the
// schema alone.
func checkValue(schema *openapi3.Schema, value any, at string) []op.Field {
	err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
	if err == nil {
		return nil
	}
	var found faults
	found.add(err, at)
	return found
}

type faults []op.Field

func (f *faults) add(err error, at string) {
	var all openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case errors.As(err, &all):
		for _, e := range all {
			f.add(e, at)
		}
	case errors.As(err, &one):
		path := at
		if keys := one.JSONPointer(); len(keys) > 0 {
			path += pointer(keys)
		}
		if one.SchemaField == "properties" {
			f.unknown(one, path)
			return
		}
		f.put(path, message(one))
	default:
		f.put(at, "is not as it must be")
	}
}

// unknown names all fields of one object that its schema doesn't have.
func (f *faults) unknown(err *openapi3.SchemaError, at string) {
	object, _ := err.Value.(map[string]any)
	for key := range object {
		if err.Schema.Properties[key] == nil {
			f.put(at+"/"+named(key), "is not a known field")
		}
	}
}

// put keeps one entry for each field.
func (f *faults) put(pointer, message string) {
	for i, have := range *f {
		if have.Pointer != pointer {
			continue
		}
		if !strings.Contains(have.Message, message) {
			(*f)[i].Message = have.Message + "; " + message
		}
		return
	}
	*f = append(*f, op.Field{Pointer: pointer, Message: message})
}

// message says what would be right.
func message(err *openapi3.SchemaError) string {
	s := err.Schema
	switch err.SchemaField {
	case "required":
		return "is required"
	case "enum":
		return "must be one of " + list(s.Enum)
	case "type", "nullable":
		return "must be " + article(s)
	case "minLength", "maxLength":
		return "must be " + span(s.MinLength, s.MaxLength, "characters")
	case "pattern":
		return "must match " + s.Pattern
	case "minItems", "maxItems":
		return "must have " + span(s.MinItems, s.MaxItems, "items")
	case "uniqueItems":
		return "must not name anything twice"
	case "minimum", "maximum":
		return "must be " + bounds(s)
	}
	return "is not as it must be"
}

func article(s *openapi3.Schema) string {
	switch {
	case s.Type.Is(openapi3.TypeInteger):
		return "a whole number"
	case s.Type.Is(openapi3.TypeBoolean):
		return "true or false"
	case s.Type.Is(openapi3.TypeObject):
		return "an object"
	case s.Type.Is(openapi3.TypeArray):
		return "an array"
	case s.Type.Is(openapi3.TypeNumber):
		return "a number"
	}
	return "a string"
}

func list(enum []any) string {
	words := make([]string, len(enum))
	for i, e := range enum {
		words[i] = fmt.Sprint(e)
	}
	return strings.Join(words, ", ")
}

func span(least uint64, most *uint64, of string) string {
	switch {
	case most == nil:
		return fmt.Sprintf("at least %d %s", least, of)
	case least == *most:
		return fmt.Sprintf("exactly %d %s", least, of)
	case least == 0:
		return fmt.Sprintf("at most %d %s", *most, of)
	}
	return fmt.Sprintf("%d to %d %s", least, *most, of)
}

func bounds(s *openapi3.Schema) string {
	number := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case s.Min == nil:
		return "at most " + number(s.Max)
	case s.Max == nil:
		return "at least " + number(s.Min)
	}
	return number(s.Min) + " to " + number(s.Max)
}

func notFound() *op.Problem {
	return &op.Problem{Reason: op.NotFound, Outcome: op.NotSent, Detail: "there is no such thing here"}
}
