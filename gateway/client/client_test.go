package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script answers requests in order and remembers what came.
type script struct {
	t       *testing.T
	answers []reply
	seen    []string // method and path
	keys    []string
	bodies  []string
}

type reply struct {
	status int
	header map[string]string
	body   string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer k-1" {
		s.t.Errorf("authorization %q", got)
	}
	body, _ := io.ReadAll(r.Body)
	s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI())
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	s.bodies = append(s.bodies, string(body))
	if len(s.answers) == 0 {
		s.t.Errorf("unexpected %s", r.URL.Path)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	kind := "application/json"
	if a.status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func start(t *testing.T, answers ...reply) (*script, *Client, *[]time.Duration) {
	t.Helper()
	s := &script{t: t, answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := New(server.URL, "k-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var waits []time.Duration
	c.wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	return s, c, &waits
}

const id = "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX"

func binding(state BindingState, action NextAction) string {
	return fmt.Sprintf(`{"id":%q,"state":%q,"next":{"action":%q},"a_field_added_later":1}`, id, state, action)
}

func refusal(code ProblemCode, status int, outcome Outcome) string {
	return fmt.Sprintf(`{"code":%q,"status":%d,"outcome":%q,"detail":"d","attempts_left":2}`, code, status, outcome)
}

func TestBindWalksToTheEnd(t *testing.T) {
	s, c, _ := start(t,
		reply{status: 202, body: binding("processing", "poll")},
		reply{status: 200, body: binding("awaiting_code", "confirm")},
		reply{status: 422, body: refusal("code_wrong", 422, "refused")},
		reply{status: 200, body: binding("awaiting_code", "confirm")},
		reply{status: 202, body: binding("processing", "poll")},
		reply{status: 200, body: binding("active", "none")},
	)
	codes := []string{"111111", "222222"}
	a, err := c.Bind(t.Context(), BindingRequest{Card: Card{Number: "6200000000000000"}}, func(context.Context, Binding) (ConfirmRequest, error) {
		code := codes[0]
		codes = codes[1:]
		return ConfirmRequest{Code: code}, nil
	})
	if err != nil || a.State != BindingStateActive {
		t.Fatalf("ended %q, %v", a.State, err)
	}
	want := []string{"POST /v1/bindings", "GET /v1/bindings/" + id, "POST /v1/bindings/" + id + "/confirm",
		"GET /v1/bindings/" + id, "POST /v1/bindings/" + id + "/confirm", "GET /v1/bindings/" + id}
	if !slices.Equal(s.seen, want) {
		t.Errorf("calls %q, want %q", s.seen, want)
	}
	if s.keys[2] == s.keys[4] || len(s.keys[2]) != 26 {
		t.Errorf("each code needs a key of its own: %q", s.keys)
	}
	if s.bodies[4] != `{"code":"222222"}` {
		t.Errorf("confirm body %s", s.bodies[4])
	}
}

func TestRepeatsOnlyWhatWasNotBegun(t *testing.T) {
	after := map[string]string{"Retry-After": "2"}
	for _, tc := range []struct {
		name  string
		first reply
		calls int
	}{
		{"key still running", reply{409, after, refusal("idempotency_conflict", 409, "unknown")}, 2},
		{"gate", reply{429, after, refusal("bank_rate_limited", 429, "not_sent")}, 2},
		{"overloaded", reply{503, after, refusal("overloaded", 503, "not_sent")}, 2},
		{"no Retry-After", reply{503, nil, refusal("overloaded", 503, "not_sent")}, 1},
		{"the bank refused", reply{503, after, refusal("bank_busy", 503, "refused")}, 1},
		{"unknown", reply{504, after, refusal("bank_timeout", 504, "unknown")}, 1},
		{"internal", reply{500, after, refusal("internal", 500, "not_sent")}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answers := []reply{tc.first}
			if tc.calls == 2 {
				answers = append(answers, reply{status: 201, body: binding("awaiting_code", "confirm")})
			}
			s, c, waits := start(t, answers...)
			_, err := c.Create(t.Context(), BindingRequest{}, "key-1")
			if len(s.seen) != tc.calls {
				t.Fatalf("%d calls, want %d", len(s.seen), tc.calls)
			}
			if tc.calls == 1 {
				var p *Problem
				if !errors.As(err, &p) || p.Meta.Status != tc.first.status || *p.AttemptsLeft != 2 {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil || !slices.Equal(s.keys, []string{"key-1", "key-1"}) || !slices.Equal(*waits, []time.Duration{2 * time.Second}) {
				t.Fatalf("keys %q, waits %v, error %v", s.keys, *waits, err)
			}
		})
	}
}

func TestMetaIsRead(t *testing.T) {
	_, c, _ := start(t, reply{201, map[string]string{
		"Server-Timing": "bank;dur=312.5, total;dur=316.0", "Kaqiao-Bank-Number": "n-1",
		"X-Request-Id": "r-1", "Idempotency-Replayed": "true",
	}, binding("active", "none")})
	a, err := c.Create(t.Context(), BindingRequest{}, "")
	want := Meta{Status: 201, RequestID: "r-1", BankNumber: "n-1", BankTook: 312500 * time.Microsecond, TotalTook: 316 * time.Millisecond, Replayed: true}
	if err != nil || a.Meta != want {
		t.Fatalf("%+v, %v", a.Meta, err)
	}
}

func TestStrangersAreNotBelieved(t *testing.T) {
	for name, r := range map[string]reply{
		"html":       {200, map[string]string{"Content-Type": "text/html"}, "<p>"},
		"not json":   {200, nil, "{"},
		"too long":   {200, nil, `{"id":"` + strings.Repeat("x", maxAnswerBytes) + `"}`},
		"a redirect": {302, map[string]string{"Location": "http://elsewhere.example/"}, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, _ := start(t, r)
			if _, err := c.Get(t.Context(), id); !errors.Is(err, ErrAnswer) {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestRequestOmitsWhatIsEmpty(t *testing.T) {
	b, err := json.Marshal(BindingRequest{UserID: "u", Platform: "wechat", Card: Card{Number: "62"},
		Holder:   Holder{Name: "张三", Document: Document{Type: DocumentTypeResidentID, Number: "1"}, Mobile: "+86"},
		Terminal: Terminal{Os: TerminalOsAndroid, OsVersion: "14"}})
	want := `{"card":{"number":"62"},"holder":{"document":{"number":"1","type":"resident_id"},"mobile":"+86","name":"张三"},` +
		`"platform":"wechat","terminal":{"os":"android","os_version":"14"},"user_id":"u"}`
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v", b, err)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	for _, c := range [][2]string{{"", "k"}, {"127.0.0.1:8080", "k"}, {"ftp://h", "k"}, {"http://h", " "}} {
		if _, err := New(c[0], c[1]); err == nil {
			t.Errorf("New(%q, %q) took it", c[0], c[1])
		}
	}
}

// What a caller leaves open is not sent: the gateway refuses an empty parameter.
func TestListSendsOnlyWhatWasAsked(t *testing.T) {
	s := &script{t: t}
	server := httptest.NewServer(s)
	defer server.Close()
	c, err := New(server.URL, "k-1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []struct {
		q    ListBindingsParams
		seen string
	}{
		{ListBindingsParams{}, "GET /v1/bindings"},
		{ListBindingsParams{UserID: "u_1", Limit: 5, Status: []BindingState{"active", "failed"}}, "GET /v1/bindings?limit=5&status=active&status=failed&user_id=u_1"},
	} {
		s.answers = []reply{{status: 200, body: `{"bindings":[]}`}}
		if _, err := c.List(t.Context(), want.q); err != nil {
			t.Fatal(err)
		}
		if got := s.seen[len(s.seen)-1]; got != want.seen {
			t.Errorf("sent %s, want %s", got, want.seen)
		}
	}
}
