package farm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// body reads a JSON object strictly: one value, known fields only, each once.
func body(r *http.Request, into any) error {
	text, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "too_large", "at most %d bytes are taken", controlBodyBytes)
	case err != nil:
		return newProblem(http.StatusBadRequest, "malformed", "the body did not arrive whole")
	}
	if twice, err := duplicate(text); err != nil {
		return newProblem(http.StatusBadRequest, "malformed", "the body is not one JSON value")
	} else if twice != "" {
		return invalid("the field %s stands there twice", twice)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return invalid("the field %s must be a %s", wrongType.Field, wrongType.Type)
	case err != nil:
		return invalid("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// maxDepth is how deep a body may be nested.
const maxDepth = 16

// duplicate returns a field that stands twice in one object. The error says
// that text is not one JSON value, or a very deep one.
func duplicate(text []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	twice, err := scan(decoder, 0)
	if err != nil {
		return "", err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("more than one value")
	}
	return twice, nil
}

func scan(decoder *json.Decoder, depth int) (twice string, err error) {
	token, err := decoder.Token()
	if err != nil {
		return "", err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return "", nil
	}
	if depth == maxDepth {
		return "", errors.New("too deep")
	}
	seen := make(map[string]bool)
	for decoder.More() {
		if open == '{' {
			name, err := decoder.Token()
			if err != nil {
				return "", err
			}
			// The standard library's decoder matches names without case.
			if key, _ := name.(string); seen[strings.ToLower(key)] {
				twice = key
			} else {
				seen[strings.ToLower(key)] = true
			}
		}
		inner, err := scan(decoder, depth+1)
		if err != nil {
			return "", err
		}
		if inner != "" {
			twice = inner
		}
	}
	_, err = decoder.Token()
	return twice, err
}
