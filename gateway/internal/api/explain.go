package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"kaqiao/gateway/internal/op"
)

// explain reads a body again, slowly, to tell what is wrong with it.
func explain(raw []byte) (document, error) {
	if !json.Valid(raw) {
		return document{}, malformed("the body is not one valid JSON value")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	w := walker{dec: dec}
	value, err := w.value(0)
	if err != nil {
		return document{}, err
	}
	if len(w.twice) > 0 {
		problem := malformed("a key stands twice in one object")
		problem.Fields = w.twice
		return document{}, problem
	}
	return document{value: value, raw: raw}, nil
}

// walker walks over JSON that is known to be valid.
type walker struct {
	dec   *json.Decoder
	path  []string
	twice []op.Field
}

func (w *walker) value(depth int) (any, error) {
	token, err := w.dec.Token()
	if err != nil {
		return nil, malformed("the body is not one valid JSON value")
	}
	switch t := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, malformed(fmt.Sprintf("the body is nested more than %d levels deep", maxDepth))
		}
		if t == '{' {
			return w.object(depth + 1)
		}
		return w.array(depth + 1)
	case json.Number:
		f, err := t.Float64()
		if err != nil || math.IsInf(f, 0) {
			return nil, &op.Problem{Reason: op.Malformed, Outcome: op.NotSent, Detail: "a number is out of range",
				Fields: []op.Field{{Pointer: pointer(w.path), Message: "is a number beyond all ranges"}}}
		}
		return f, nil
	}
	return token, nil
}

func (w *walker) object(depth int) (any, error) {
	out := make(map[string]any, 8)
	for w.dec.More() {
		token, err := w.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, malformed("the body is not one valid JSON value")
		}
		w.path = append(w.path, key)
		v, err := w.value(depth)
		if err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice {
			w.twice = append(w.twice, op.Field{Pointer: pointer(w.path), Message: "stands twice"})
		}
		out[key] = v
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.Token()
	return out, err
}

func (w *walker) array(depth int) (any, error) {
	out := []any{}
	for w.dec.More() {
		w.path = append(w.path, strconv.Itoa(len(out)))
		v, err := w.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.Token()
	return out, err
}

// pointer writes a JSON pointer. A key that the caller made up is shown only
// where it looks like a name, since it may as well be a card number.
func pointer(path []string) string {
	var b strings.Builder
	for _, part := range path {
		b.WriteByte('/')
		b.WriteString(named(part))
	}
	return b.String()
}

var (
	nameLike  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	digitsRun = regexp.MustCompile(`[0-9]{4}`)
)

func named(key string) string {
	if !nameLike.MatchString(key) || digitsRun.MatchString(key) {
		return "*"
	}
	return key
}
