package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/secret"
)

// memoryNet connects a client to a server in the same process without a
// socket, so that both can live in virtual time.
type memoryNet struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemoryNet() *memoryNet {
	return &memoryNet{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (m *memoryNet) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memoryNet) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memoryNet) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m *memoryNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve runs h on a memoryNet and returns a client of at most conns connections.
func serve(t *testing.T, h http.Handler, conns int) *http.Client {
	t.Helper()
	m := newMemoryNet()
	server := &http.Server{Handler: h} //nolint:gosec // no slow peer is in this process
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(m) }()
	transport := &http.Transport{DialContext: m.dial, MaxConnsPerHost: conns, MaxIdleConnsPerHost: max(conns, 1000)}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-ended
	})
	return &http.Client{Transport: transport}
}

// bank plays gateway and farm in one, with fixed times, so that a test knows what the truth is.
type bank struct {
	mu       sync.Mutex
	applies  []string // idempotency keys in their order
	messages map[string][]map[string]any
	// answer decides how an apply fares; nil: accepted at once.
	answer func(w http.ResponseWriter, r *http.Request, n int)
	// confirm decides how a confirm fares; nil: active at once.
	confirm func(w http.ResponseWriter, id string, body map[string]any)
	get     func(w http.ResponseWriter, id string)
	// decide hears approve or deny.
	decide func(verb string)
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/bindings/"), "/confirm")
	switch {
	case r.URL.Path == "/v1/bindings":
		b.apply(w, r, body)
	case strings.HasSuffix(r.URL.Path, "/confirm"):
		if b.confirm != nil {
			b.confirm(w, id, body)
			return
		}
		say(w, 200, "N"+id, map[string]any{"id": id, "state": "active"})
	case strings.HasPrefix(r.URL.Path, "/v1/bindings/"):
		b.get(w, id)
	case strings.HasPrefix(r.URL.Path, "/banks/abc/inbox/m1/"):
		b.decide(strings.TrimPrefix(r.URL.Path, "/banks/abc/inbox/m1/"))
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(r.URL.Path, "/inbox"):
		b.mu.Lock()
		defer b.mu.Unlock()
		say(w, 200, "", map[string]any{"messages": b.messages[r.URL.Query().Get("to")]})
	default:
		http.NotFound(w, r)
	}
}

func (b *bank) apply(w http.ResponseWriter, r *http.Request, body map[string]any) {
	b.mu.Lock()
	n := len(b.applies)
	b.applies = append(b.applies, r.Header.Get("Idempotency-Key"))
	mobile, _ := body["holder"].(map[string]any)["mobile"].(string)
	if b.messages == nil {
		b.messages = map[string][]map[string]any{}
	}
	if email, _ := body["holder"].(map[string]any)["email"].(string); email != "" {
		b.messages[email] = []map[string]any{{"id": "m1", "kind": "email", "to": email, "approval": "received", "at": time.Now()}}
	}
	b.messages[mobile] = append([]map[string]any{{"id": "1", "kind": "sms", "to": mobile, "code": "123456", "at": time.Now()}}, b.messages[mobile]...)
	b.mu.Unlock()
	if b.answer != nil {
		b.answer(w, r, n)
		return
	}
	say(w, 201, fmt.Sprint("N", n), map[string]any{"id": fmt.Sprintf("b%d", n), "state": "awaiting_code"})
}

func say(w http.ResponseWriter, status int, number string, body any) {
	w.Header().Set("Content-Type", "application/json")
	if number != "" {
		w.Header().Set("Kaqiao-Bank-Number", number)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// crowd makes n people with one card each.
func crowd(n int) []control.Customer {
	people := make([]control.Customer, n)
	for i := range people {
		people[i] = control.Customer{
			Name:     secret.NewName("张三"),
			Mobile:   secret.NewMobile(fmt.Sprintf("+86138%08d", i)),
			Document: control.Document{Type: "resident_id", Number: secret.NewDocument("11010519491231002X")},
			Cards:    []control.Card{{Number: secret.NewCard("6228480402564890018"), Type: "debit"}},
		}
	}
	return people
}

// scenario binds n people at one bank over a client.
func scenario(t *testing.T, c *http.Client, n int) *Bind {
	t.Helper()
	g, err := NewGateway("http://memory", secret.NewKey("test-key"), c)
	if err != nil {
		t.Fatal(err)
	}
	people := crowd(n)
	plan := make([]Subject, n)
	for i := range plan {
		plan[i] = Subject{Bank: "abc", Kind: "debit", Customer: &people[i]}
	}
	return &Bind{Gateway: g, Inbox: control.New("http://memory", c), Desk: control.New("http://memory", c), Plan: plan, Record: NewRecorder(1), Platform: "wechat", Run: "t"}
}
