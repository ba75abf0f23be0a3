package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
	case errors.Is(err, os.ErrDeadlineExceeded):
		return document{}, &failure{Problem: *malformed("the body took too long to come"), status: http.StatusRequestTimeout}
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
