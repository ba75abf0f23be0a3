package link_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

func TestMethodAndPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+string(body)+" "+r.Header.Get("Transfer-Encoding"))
	}))
	defer server.Close()
	for _, base := range []string{"/v1", "/v1/"} {
		h := newLink(t, link.Config{URL: server.URL + base})
		for want, f := range map[string]wire.Frame{
			"POST /v1/token a ":                     {Method: "POST", Path: "token", Body: []byte("a")},
			"GET /v1/mandate-consents/2025-1~x.y_ ": {Method: "GET", Path: "mandate-consents/2025-1~x.y_"},
			"POST " + base + " a ":                  {Body: []byte("a")},
			"DELETE /v1/mandates/1 ":                {Method: "DELETE", Path: "mandates/1"},
		} {
			answer, err := h.Exchange(t.Context(), f)
			if err != nil || string(answer.Body) != want && string(answer.Body) != want+" " {
				t.Errorf("%q, want %q: %v", answer.Body, want, err)
			}
		}
	}
}

// What a codec should never make, and what a value that slipped into a path could do.
func TestMethodAndPathRefused(t *testing.T) {
	w := newWitness(t, answering(fine("ok")))
	h := newLink(t, link.Config{URL: w.url()})
	for _, path := range []string{
		"..", "../token", "mandates/../token", "mandates/..", "./token", "/token", "//elsewhere/token", "mandates//1", "mandates/",
		"token?x=1", "token#x", "mandates/%2e%2e", "mandates\\..", "mandates/a b", "mandates/\r\n", "http://elsewhere/", "mandates/王",
	} {
		_, err := h.Exchange(t.Context(), wire.Frame{Method: "POST", Path: path, Body: []byte("x")})
		if !errors.Is(err, link.ErrNotSent) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, f := range []wire.Frame{{Method: "PATCH", Body: []byte("x")}, {Method: "post", Body: []byte("x")}, {Method: "POST", Path: "token"}} {
		if _, err := h.Exchange(t.Context(), f); !errors.Is(err, link.ErrNotSent) {
			t.Errorf("%s %s: %v", f.Method, f.Path, err)
		}
	}
	if w.bytes.Load() != 0 {
		t.Errorf("%d bytes reached the other side", w.bytes.Load())
	}
}

// With AnyStatus a signed refusal is an answer, and still bounded.
func TestAnyStatus(t *testing.T) {
	for code, text := range map[int]string{
		201: "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 404: "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nok",
		307: "HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\nok", 503: "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nok",
	} {
		w := newWitness(t, once(text))
		answer, err := newLink(t, link.Config{URL: w.url(), AnyStatus: true}).Exchange(t.Context(), frame)
		if err != nil || answer.Status != code || string(answer.Body) != "ok" || w.requests.Load() != 1 {
			t.Errorf("%d: %d %q, %v", code, answer.Status, answer.Body, err)
		}
	}
	w := newWitness(t, once("HTTP/1.1 500 No\r\nContent-Length: 2000\r\n\r\n"))
	if _, err := newLink(t, link.Config{URL: w.url(), AnyStatus: true, MaxAnswerBytes: 1024}).Exchange(t.Context(), frame); !errors.Is(err, link.ErrTooLarge) {
		t.Errorf("a long refusal: %v", err)
	}
}

// Every kind of request that net/http would send again by itself when a kept
// connection breaks: with an idempotency key in any spelling, and a GET.
func TestNoKindIsSentTwice(t *testing.T) {
	key := func(name string) []wire.Header { return []wire.Header{{Name: name, Value: "1"}} }
	for name, f := range map[string]wire.Frame{
		"GET":                 {Method: "GET", Path: "mandate-consents/1"},
		"GET with a key":      {Method: "GET", Path: "mandate-consents/1", Headers: key("X-Idempotency-Key")},
		"DELETE":              {Method: "DELETE", Path: "mandates/1", Headers: key("X-Idempotency-Key")},
		"PUT":                 {Method: "PUT", Path: "mandates/1", Headers: key("X-Idempotency-Key"), Body: []byte("x")},
		"POST":                {Method: "POST", Path: "mandate-consents", Headers: key("X-Idempotency-Key"), Body: []byte("x")},
		"POST, small letters": {Method: "POST", Path: "mandate-consents", Headers: key("x-idempotency-key"), Body: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitness(t, secondUnanswered)
			h := newLink(t, link.Config{URL: w.url(), MaxConns: 1, AnyStatus: true})
			if _, err := h.Exchange(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			_, err := h.Exchange(t.Context(), f)
			notSent(t, err, w, false)
			if n := w.requests.Load(); n != 2 {
				t.Errorf("the other side took %d requests of 2 exchanges", n)
			}
		})
	}
}
