package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/profiles/secret"
)

// raw says something to the room over a connection of its own and returns the answer.
func (r *room) raw(text string) (*http.Response, string, error) {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// A body that does not come is waited for no longer than its time, whoever sends it, and nobody is asked.
func TestSlowBody(t *testing.T) {
	const begun = "POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\nIdempotency-Key: slow\r\n%s\r\n{\"user_id\""
	for name, tc := range map[string]struct {
		header string
		status int
	}{
		"a caller":   {"Authorization: Bearer " + goodKey + "\r\n", http.StatusRequestTimeout},
		"a stranger": {"", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, func(c *Config) { c.BodyTimeout = 100 * time.Millisecond })
			at := time.Now()
			res, body, err := r.raw(fmt.Sprintf(begun, tc.header))
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tc.status || !res.Close || time.Since(at) > 5*time.Second {
				t.Errorf("%d after %v, closed: %v\n%s", res.StatusCode, time.Since(at), res.Close, body)
			}
			if len(r.flow.calls) > 0 || r.server.InFlightNow() != 0 {
				t.Errorf("calls %q, %d in flight", r.flow.calls, r.server.InFlightNow())
			}
		})
	}
}

// The time for a body is none for what is done with it.
func TestSlowBankIsNoSlowBody(t *testing.T) {
	r := serve(t, func(c *Config) { c.BodyTimeout = 50 * time.Millisecond })
	r.flow.wait = 300 * time.Millisecond
	r.flow.resolve = func([]flow.Candidate) (flow.Resolution, secret.Card, error) {
		return flow.Resolution{}, secret.Card{}, nil
	}
	if g := r.do("POST", "/v1/cards/resolve", `{"number":"6228480402564890018"}`); g.StatusCode != 200 {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
}

// Who finds no place is told so in the manner of every other problem.
func TestFull(t *testing.T) {
	r := serve(t)
	raw := r.server.Full()
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(raw))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	g := got{res, string(body)}
	if p := g.problem(t); err != nil || res.StatusCode != 503 || p.Code != "overloaded" || p.Outcome != "not_sent" || res.Header.Get("Retry-After") == "" || !res.Close {
		t.Errorf("%v\n%s", err, raw)
	}
	checkAnswer(t, r, "POST", "/v1/bindings", g)
}
