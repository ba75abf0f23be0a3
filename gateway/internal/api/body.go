package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"kaqiao/gateway/internal/op"
)

// maxDepth is how deeply arrays and objects may be nested.
const maxDepth = 16

// document is a body that has been read strictly: one JSON value, each key once.
type document struct {
	value any // nil, bool, float64, string, []any, map[string]any
	raw   []byte
	empty bool
}

// readBody reads at most limit bytes. A body that is not there at all is an
// empty document. No error says what stood in the body.
func readBody(r *http.Request, limit int64) (document, error) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return document{empty: true}, nil
	}
	if r.ContentLength > limit {
		return document{}, tooLarge(limit)
	}
	raw := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), limit)+bytes.MinRead))
	n, err := raw.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case n > limit:
		return document{}, tooLarge(limit)
	case err != nil:
		return document{}, malformed("the body could not be read to its end")
	case n == 0:
		return document{empty: true}, nil
	}
	if err := checkType(r.Header); err != nil {
		return document{}, err
	}
	return parse(raw.Bytes())
}

func checkType(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) ||
		len(h.Values("Content-Type")) > 1 || h.Get("Content-Encoding") != "" {
		return &failure{Problem: *malformed("send application/json in UTF-8, without an encoding"), status: http.StatusUnsupportedMediaType}
	}
	return nil
}

// parse reads one JSON value and nothing after it.
func parse(raw []byte) (document, error) {
	if !utf8.Valid(raw) || loneSurrogate(raw) {
		return document{}, malformed("the body is not valid UTF-8")
	}
	members, depth := shape(raw)
	if depth <= maxDepth {
		var value any
		if json.Unmarshal(raw, &value) == nil && entries(value) == members {
			return document{value: value, raw: raw}, nil
		}
	}
	return explain(raw)
}

// shape counts the members of all objects and how deeply they are nested. It
// is only right for valid JSON.
func shape(raw []byte) (members, depth int) {
	level, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == ':':
			members++
		case c == '{', c == '[':
			level++
			depth = max(depth, level)
		case c == '}', c == ']':
			level--
		}
	}
	return members, depth
}

// entries counts the members that were kept: fewer than shape's, where a key stands twice.
func entries(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n += entries(e)
		}
	case []any:
		for _, e := range v {
			n += entries(e)
		}
	}
	return n
}

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

// loneSurrogate finds a \ud800 to \udfff that is not one half of a pair. The
// standard library would silently put another character in its place. A
// backslash outside a string is no JSON and is refused after this.
func loneSurrogate(raw []byte) bool {
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		r, ok := escaped(raw[i:])
		if !ok {
			i++
			continue
		}
		i += 5
		if !utf16.IsSurrogate(r) {
			continue
		}
		low, ok := escaped(raw[i+1:])
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

func escaped(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n), err == nil
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

func malformed(detail string) *op.Problem {
	return &op.Problem{Reason: op.Malformed, Outcome: op.NotSent, Detail: detail}
}

func tooLarge(limit int64) error {
	return &failure{Problem: *malformed(fmt.Sprintf("the body is longer than %d bytes", limit)), status: http.StatusRequestEntityTooLarge}
}

// failure is a problem whose status is more telling than the one of its code.
type failure struct {
	op.Problem
	status int
}

func (f *failure) Error() string { return f.Problem.Error() }

// Unwrap makes errors.As find the problem.
func (f *failure) Unwrap() error { return &f.Problem }

// problemOf finds the problem that an error is, and a status if it has one of its own.
func problemOf(err error) (*op.Problem, *failure, bool) {
	var f *failure
	if errors.As(err, &f) {
		return &f.Problem, f, true
	}
	var p *op.Problem
	ok := errors.As(err, &p)
	return p, nil, ok
}
