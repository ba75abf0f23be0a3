package farm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	case errors.Is(err, ledger.ErrNoApproval):
		return newProblem(http.StatusConflict, "no_approval", "the message asks for no approval")
	case errors.Is(err, ledger.ErrOver):
		return newProblem(http.StatusConflict, "case_over", "the case has been decided otherwise, or has ended")
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
