package farm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kaqiao/mockbanks/internal/ledger"
)

// handler serves one request: a value to be shown as JSON (nil: nothing), or an error.
type handler func(*http.Request) (any, error)

// made is a value that the request has made: 201 instead of 200.
type made struct{ value any }

// problem is RFC 9457's document, and an error.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *problem {
	return newProblem(http.StatusBadRequest, "validation", format, args...)
}

func notFound(what string) *problem {
	return newProblem(http.StatusNotFound, "not_found", "there is no such %s", what)
}

// problemOf is the one table from errors to statuses.
func problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, ledger.ErrInvalid):
		return invalid("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	case errors.Is(err, ledger.ErrNotFound):
		return notFound("record")
	case errors.Is(err, ledger.ErrExists):
		return newProblem(http.StatusConflict, "exists", "a card of this number is in the bank's books already")
	case errors.Is(err, ledger.ErrBusy), errors.Is(err, ledger.ErrClosed):
		return newProblem(http.StatusServiceUnavailable, "busy", "the bank's books take no more for the moment")
	}
	return newProblem(http.StatusInternalServerError, "internal", "the farm's log says more")
}

// handle turns a handler's value or error into an answer.
func (c *control) handle(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, controlBodyBytes)
		value, err := serve(r)
		if err != nil {
			p := problemOf(err)
			if p.Status == http.StatusInternalServerError {
				c.farm.log.Error("the control port failed", "path", r.URL.Path, "error", err)
			}
			writeProblem(w, p)
			return
		}
		status := http.StatusOK
		if m, ok := value.(made); ok {
			status, value = http.StatusCreated, m.value
		}
		if value == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		writeJSON(w, status, "application/json", value)
	})
}

func writeProblem(w http.ResponseWriter, p *problem) {
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, media string, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes())
}

// problemsFor lets the mux's own refusals (no such route, wrong method) be problem documents too.
func problemsFor(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		own := &recorder{header: make(http.Header)}
		mux.ServeHTTP(own, r)
		if allow := own.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			writeProblem(w, newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this route takes %s", allow))
			return
		}
		writeProblem(w, notFound("route"))
	})
}

// recorder takes the headers of an answer that is not sent.
type recorder struct{ header http.Header }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(int)             {}

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

// params reads a query string: each parameter once, and none unknown.
type params struct {
	values url.Values
	known  []string
	wrong  []string
}

func query(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.wrong = append(p.wrong, "the query string is malformed")
	}
	return p
}

func (p *params) text(name string) string {
	p.known = append(p.known, name)
	if len(p.values[name]) > 1 {
		p.wrong = append(p.wrong, name+" is given twice")
	}
	return p.values.Get(name)
}

// number reads an integer of low to high; absent means otherwise.
func (p *params) number(name string, low, high, otherwise int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be %d to %d", name, low, high))
	}
	return n
}

func (p *params) flag(name string) bool {
	switch p.text(name) {
	case "true":
		return true
	case "", "false":
	default:
		p.wrong = append(p.wrong, name+" must be true or false")
	}
	return false
}

// done returns all that was wrong.
func (p *params) done() error {
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			p.wrong = append(p.wrong, fmt.Sprintf("the parameter %.40q is not known", name))
		}
	}
	if p.wrong == nil {
		return nil
	}
	slices.Sort(p.wrong)
	return invalid("%s", strings.Join(p.wrong, "; "))
}
