package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.uber.org/goleak"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bindingID = "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX"
	goodKey   = "caller-key-1"
)

// Both are read once: they take longer than all else here.
var (
	shipped = sync.OnceValues(func() (*profiles.Set, error) { return profiles.Shipped(profiles.LoadOptions{}) })
	spec    = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(gen.Contract()) })
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, profiles.Beijing)

// fakeFlow behaves like flow as far as this room can see: it keeps answers by
// key and gives one binding, in whatever state a test wants.
type fakeFlow struct {
	mu      sync.Mutex
	calls   []string
	created flow.NewBinding
	meant   flow.NewBinding // what Faults was asked about
	keyed   flow.Keyed
	code    secret.Code
	cvv     secret.CVV
	filter  journal.Filter
	stored  map[string]fakeStored

	state   string
	problem *op.Problem
	err     error
	resolve func([]flow.Candidate) (flow.Resolution, secret.Card, error)
	wait    time.Duration // before resolve answers, unless its caller has gone
}

type fakeStored struct {
	fingerprint string
	status      int
	body        []byte
}

var _ flow.API = (*fakeFlow)(nil)

func (f *fakeFlow) Replay(_ context.Context, k flow.Keyed) (int, []byte, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keyed = k
	old, ok := f.stored[k.Caller+k.Route+k.Key]
	switch {
	case !ok:
		return 0, nil, false, nil
	case old.fingerprint != string(k.Fingerprint):
		return 0, nil, false, &op.Problem{Reason: op.IdempotencyConflict, Outcome: op.NotSent, Detail: "another body"}
	}
	return old.status, old.body, true, nil
}

func (f *fakeFlow) give(name string, k flow.Keyed) (flow.Binding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	if f.err != nil {
		return flow.Binding{}, f.err
	}
	b := flow.Binding{
		Binding: journal.Binding{
			ID: bindingID, UserID: "u_1001", Platform: "wechat", Bank: "abc", Tier: "state", Channel: "nucc",
			CardLast4: "0012", CardType: "debit", CardScheme: "unionpay",
			Challenge: journal.Challenge{Kind: "sms", To: "138****8000", ExpiresAt: noon.Add(5 * time.Minute), ResendAt: noon.Add(time.Minute), AttemptsLeft: 3},
			CreatedAt: noon, UpdatedAt: noon, ExpiresAt: noon.Add(15 * time.Minute),
		},
		State: f.state, Next: flow.Next{Action: "confirm", Requires: []string{"code"}, Before: noon.Add(5 * time.Minute)},
		AttemptNumber: "n-1", BankTook: 312 * time.Millisecond,
	}
	if f.state == flow.Active {
		b.Agreement, b.Class, b.Next = "agr-1", "I", flow.Next{Action: "none"}
		b.PasswordFree = journal.PasswordFree{Enabled: true, LimitFen: 20000}
		b.History = []journal.Attempt{{ID: "att_1", Kind: op.Apply, Channel: "nucc", Number: "n-1", Outcome: op.Accepted, IntendedAt: noon, SettledAt: noon.Add(time.Second), Exchange: time.Second}}
	}
	if k.Render != nil {
		status, body := k.Render(b, f.problem)
		if f.stored == nil {
			f.stored = map[string]fakeStored{}
		}
		f.stored[k.Caller+k.Route+k.Key] = fakeStored{string(k.Fingerprint), status, body}
	}
	if f.problem != nil {
		return b, f.problem
	}
	return b, nil
}

func (f *fakeFlow) Resolve(ctx context.Context, _ string, cards []flow.Candidate) (flow.Resolution, secret.Card, error) {
	f.calls = append(f.calls, "resolve")
	thinks := time.NewTimer(f.wait)
	defer thinks.Stop()
	select {
	case <-thinks.C:
	case <-ctx.Done():
		return flow.Resolution{}, secret.Card{}, ctx.Err()
	}
	return f.resolve(cards)
}

// Faults minds a card of nobody's.
func (f *fakeFlow) Faults(in flow.NewBinding) []op.Field {
	f.meant = in
	if strings.HasPrefix(in.Card.Reveal(), "9") {
		return []op.Field{{Pointer: "/card/number", Message: "must be a card"}}
	}
	return nil
}

func (f *fakeFlow) Create(_ context.Context, in flow.NewBinding, k flow.Keyed) (flow.Binding, error) {
	f.created = in
	return f.give("create", k)
}

func (f *fakeFlow) Verify(_ context.Context, in flow.NewBinding, k flow.Keyed) (flow.Verification, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.created = in
	f.calls = append(f.calls, "verify")
	v := flow.Verification{
		Bank: "bob", Tier: "city", Channel: "bob", CardLast4: "0018", CardType: "debit", CardScheme: "unionpay",
		Elements: []string{"name", "document", "card", "mobile"}, At: noon, AttemptNumber: "n-2", BankTook: 40 * time.Millisecond,
	}
	if k.Verified != nil {
		status, body := k.Verified(v, f.problem)
		if f.stored == nil {
			f.stored = map[string]fakeStored{}
		}
		f.stored[k.Caller+k.Route+k.Key] = fakeStored{string(k.Fingerprint), status, body}
	}
	if f.problem != nil {
		return v, f.problem
	}
	return v, f.err
}

func (f *fakeFlow) Get(context.Context, string, string) (flow.Binding, error) {
	b, err := f.give("get", flow.Keyed{})
	b.AttemptNumber = ""
	return b, err
}

func (f *fakeFlow) List(_ context.Context, filter journal.Filter) ([]flow.Binding, string, error) {
	f.filter = filter
	b, err := f.give("list", flow.Keyed{})
	return []flow.Binding{b}, bindingID, err
}

func (f *fakeFlow) Challenge(_ context.Context, _, _, _ string, cvv secret.CVV, _ secret.Expiry, k flow.Keyed) (flow.Binding, error) {
	f.cvv = cvv
	return f.give("challenge", k)
}

func (f *fakeFlow) Confirm(_ context.Context, _, _ string, code secret.Code, cvv secret.CVV, _ secret.Expiry, k flow.Keyed) (flow.Binding, error) {
	f.code, f.cvv = code, cvv
	return f.give("confirm", k)
}

func (f *fakeFlow) Cancel(_ context.Context, _, _ string, k flow.Keyed) (flow.Binding, error) {
	return f.give("cancel", k)
}

func (f *fakeFlow) Revoke(_ context.Context, _, _ string, k flow.Keyed) (flow.Binding, error) {
	return f.give("revoke", k)
}

func (f *fakeFlow) PasswordFree(_ context.Context, _, _ string, _ journal.PasswordFree, k flow.Keyed) (flow.Binding, error) {
	return f.give("password-free", k)
}

// noEnvelopes is a gateway without keys.
type noEnvelopes struct{}

func (noEnvelopes) Open(string) (string, error)    { return "", vault.ErrEnvelopeKey }
func (noEnvelopes) Published() []vault.EnvelopeKey { return nil }

type oneCaller struct{}

func (oneCaller) EnvelopeRequired(string) bool { return false }

func (oneCaller) Find(key secret.Key) (string, bool) { return "wallet", key.Reveal() == goodKey }

// fakeGates knows two banks' and their hub's gates, of which one is in trouble.
type fakeGates struct{ forced *guard.Forced }

func (f *fakeGates) Snapshot(scope guard.Scope, id string) (guard.Snapshot, bool) {
	s := guard.Snapshot{InFlight: 1, InFlightLimit: 64, LastSecond: 2, PerSecond: 200, Waiting: 3, WaitingLimit: 32}
	for c := range s.Classes {
		s.Classes[c] = guard.ClassSnapshot{State: guard.Closed, Since: noon, Limit: 64}
	}
	if id == "boc" {
		s.Classes[guard.Confirm] = guard.ClassSnapshot{
			State: guard.Open, Since: noon, Until: noon.Add(time.Minute), Limit: 64,
			Why: &guard.Why{Rule: "failure_rate", Consecutive: 9, Counts: guard.Counts{Accepted: 11, Unknown: 9, Slow: 1}},
			P50: 1500 * time.Microsecond, P99: 2 * time.Second, Exchanges: 20,
		}
	}
	if id == "abc" || id == "nucc" {
		s.Forced = f.forced
	}
	return s, scope == guard.OfBank && id != "nobody" || id == "nucc"
}

func (f *fakeGates) Force(scope guard.Scope, id string, to guard.State, within time.Duration, reason, by string) error {
	if _, ok := f.Snapshot(scope, id); !ok {
		return guard.ErrNotServed
	}
	f.forced = nil
	if to != guard.Closed {
		f.forced = &guard.Forced{State: to, Since: noon, Until: noon.Add(within), Reason: reason, By: by}
	}
	return nil
}

type requests struct {
	mu   sync.Mutex
	seen []string
}

func (r *requests) Request(method, route string, status int, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, method+" "+route+" "+http.StatusText(status))
}

// lockedBuffer is what the log goes to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// room is this room, served on a real socket.
type room struct {
	t      testing.TB
	server *Server
	url    string
	flow   *fakeFlow
	log    *lockedBuffer
	meter  *requests
}

func serve(t testing.TB, change ...func(*Config)) *room {
	t.Helper()
	set, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, flow: &fakeFlow{state: flow.AwaitingCode}, log: &lockedBuffer{}, meter: &requests{}}
	r.flow.resolve = func(cards []flow.Candidate) (flow.Resolution, secret.Card, error) {
		return flow.Resolution{Row: bins.Row{Prefix: "622848", Length: 19, Bank: "abc", Table: "ABC", Type: "debit", Scheme: "unionpay"},
			Bank: set.Bank("abc"), Open: true, Channels: []string{"nucc"}, LuhnOK: true, Elements: []string{"name", "document", "card", "mobile"}}, cards[len(cards)-1].Number, nil
	}
	cfg := Config{
		Flow: r.flow, Set: set, Callers: oneCaller{}, Fingerprint: func(b []byte) []byte { return b },
		Gates: &fakeGates{}, People: &fakePeople{}, Events: &fakeEvents{}, Operator: func(caller string) bool { return caller == "wallet" },
		Ready: func() error { return nil }, Metrics: http.NotFoundHandler(), Meter: r.meter,
		Log: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: func() time.Time { return noon },
	}
	for _, c := range change {
		c(&cfg)
	}
	if cfg.Envelopes == nil {
		cfg.Envelopes = noEnvelopes{}
	}
	if r.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.server)
	t.Cleanup(func() { s.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	r.url = s.URL
	return r
}

// forget makes a room as good as new.
func (r *room) forget() {
	r.flow.mu.Lock()
	defer r.flow.mu.Unlock()
	r.flow.calls, r.flow.stored, r.flow.problem, r.flow.err, r.flow.state = nil, nil, nil, nil, flow.AwaitingCode
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.b.Reset()
}

// got is an answer with its body read.
type got struct {
	*http.Response
	body string
}

func (g got) problem(t testing.TB) gen.ProblemDocument {
	t.Helper()
	var p gen.ProblemDocument
	if err := json.Unmarshal([]byte(g.body), &p); err != nil {
		t.Fatalf("not a problem document: %v: %s", err, g.body)
	}
	return p
}

// do sends. header holds name and value in turn; an empty value removes a default.
func (r *room) do(method, path, body string, header ...string) got {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+goodKey)
	if path == "/v1/bindings" && method == http.MethodPost {
		req.Header.Set("Idempotency-Key", "key-1")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return got{resp, string(raw)}
}

// request is a good body for POST /v1/bindings, as a tree that tests may bend.
func request() map[string]any {
	var v map[string]any
	if err := json.Unmarshal([]byte(goodRequest), &v); err != nil {
		panic(err)
	}
	return v
}

const goodRequest = `{"user_id":"u_1001","platform":"wechat",
 "card":{"number":"6228480402564890018","cvv":"123","expiry":"2029-08"},
 "holder":{"name":"张三","document":{"type":"resident_id","number":"11010519491231002X"},"mobile":"+8613800138000","email":"a@b.example"},
 "terminal":{"os":"android","os_version":"14","client_version":"8.0.50","restricted_mode":false,"device_id":"d-1"},
 "agreement":{"password_free":{"enabled":true,"limit":{"currency":"CNY","minor":20000}}}}`
