package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"go.uber.org/goleak"

	"kaqiao/gateway/client"
	"kaqiao/profiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// channel is a hub without TLS whose four keys writeKeys makes.
const channel = `
id: nucc
name: {zh: 网联, en: Hub}
protocol: epcc
endpoint: {url: "http://127.0.0.1:1/preSvr"}
options: {algorithms: sm}
keys:
  - {serial: "4000000001", owner: gateway, use: sign, algorithm: sm2, private: "file:gs.key", public: "file:gs.pub"}
  - {serial: "4000000002", owner: gateway, use: encrypt, algorithm: sm2, private: "file:ge.key", public: "file:ge.pub"}
  - {serial: "4000000101", owner: bank, use: sign, algorithm: sm2, private: "file:bs.key", public: "file:bs.pub"}
  - {serial: "4000000102", owner: bank, use: encrypt, algorithm: sm2, private: "file:be.key", public: "file:be.pub"}
`

func profileSet(t *testing.T) *profiles.Set {
	t.Helper()
	files := fstest.MapFS{"channels/nucc.yaml": {Data: []byte(channel)}}
	for _, name := range []string{"banks/abc.yaml", "platforms/wechat.yaml"} {
		raw, err := fs.ReadFile(profiles.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: raw}
	}
	set, err := profiles.Load(files, profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func writeKeys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"gs", "ge", "bs", "be"} {
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		private, err1 := smx509.MarshalPKCS8PrivateKey(key)
		public, err2 := smx509.MarshalPKIXPublicKey(key.Public())
		err3 := os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
		err4 := os.WriteFile(filepath.Join(dir, name+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func config(t *testing.T) Config {
	t.Helper()
	c := Defaults()
	dir := t.TempDir()
	c.Listen, c.Callbacks, c.Dev = "127.0.0.1:0", "127.0.0.1:0", true
	c.Data, c.DevCallerKey, c.Keys = filepath.Join(dir, "data"), filepath.Join(dir, "dev-caller.key"), writeKeys(t)
	c.Set = profileSet(t)
	return c
}

// start runs a gateway; stop ends it and waits.
func start(t *testing.T, c Config) (a *App, stop func()) {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

func caller(t *testing.T, a *App, c Config) *client.Client {
	t.Helper()
	key, err := os.ReadFile(c.DevCallerKey)
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.New(a.URL(), string(key), client.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func request() client.BindingRequest {
	return client.BindingRequest{
		UserID: "u_1001", Platform: "wechat", Card: client.Card{Number: "6228480402564890018"},
		Holder:   client.Holder{Name: "张三", Document: client.Document{Type: client.DocumentTypeResidentID, Number: "11010519491231002X"}, Mobile: "+8613800138000"},
		Terminal: client.Terminal{Os: client.TerminalOsAndroid, OsVersion: "14", ClientVersion: "8.0.50"},
	}
}

// TestUnknownOutlivesTheProcess: a bank that answers nonsense leaves an unknown
// outcome, which is told as such, and as the same after a restart.
func TestUnknownOutlivesTheProcess(t *testing.T) {
	var log bytes.Buffer
	nonsense := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<nonsense") }))
	defer nonsense.Close()
	c := config(t)
	c.Endpoints = map[string]string{"nucc": nonsense.URL}
	c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, stop := start(t, c)
	cl := caller(t, a, c)
	first, err := cl.Create(t.Context(), request(), "key-1")
	if err != nil || first.Meta.Status != http.StatusAccepted || first.State != client.BindingStateProcessing || first.Next.Action != client.NextActionPoll || first.BankNumber == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	stop()

	a, stop = start(t, c)
	cl = caller(t, a, c)
	again, err := cl.Create(t.Context(), request(), "key-1")
	if err != nil || !again.Replayed || again.ID != first.ID {
		t.Fatalf("after a restart: %+v, %v", again, err)
	}
	got, err := cl.Get(t.Context(), first.ID)
	if err != nil || got.State != client.BindingStateProcessing || len(got.History) == 0 || got.History[0].Outcome != client.OutcomeUnknown {
		t.Fatalf("after a restart: %+v, %v", got, err)
	}
	stop()
	for _, secret := range []string{"6228480402564890018", "11010519491231002X", "13800138000", "张三"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log quotes %s", secret)
		}
	}
	noSecretOnDisk(t, c.Data)
}

func noSecretOnDisk(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		raw, err := os.ReadFile(path) //nolint:gosec // it walks over this test's own folder
		for _, secret := range []string{"6228480402564890018", "11010519491231002X", "13800138000", "张三"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil || n < 3 {
		t.Errorf("%d files were looked at, %v", n, err)
	}
}

// TestStopLetsRequestsEnd: a request that waits for a bank is answered although the gateway is stopping.
func TestStopLetsRequestsEnd(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() { close(release) })
	var once sync.Once
	bank := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(held) })
		<-release
	}))
	defer bank.Close()
	defer end()
	c := config(t)
	c.Endpoints = map[string]string{"nucc": bank.URL}
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	cl := caller(t, a, c)
	type reply struct {
		answer client.Answer
		err    error
	}
	got := make(chan reply, 1)
	go func() {
		answer, err := cl.Create(context.WithoutCancel(ctx), request(), "")
		got <- reply{answer, err}
	}()
	<-held
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("it ended while a request was under way: %v", err)
	case <-stopping(t, a):
	}
	end()
	if r := <-got; r.err != nil || r.answer.State != client.BindingStateProcessing {
		t.Errorf("%+v, %v", r.answer, r.err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// stopping is closed when the balancer is told that no new work is taken. The
// listener stays open until the last request is answered.
func stopping(t *testing.T, a *App) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/readyz", nil)
			if err != nil {
				return
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return
			}
		}
	}()
	return out
}

func TestNobodyThereIsNotSent(t *testing.T) {
	c := config(t)
	c.Endpoints = map[string]string{"nucc": "http://" + unused(t) + "/preSvr"}
	a, _ := start(t, c)
	_, err := caller(t, a, c).Create(t.Context(), request(), "")
	var p *client.Problem
	if !errors.As(err, &p) || p.Outcome != client.OutcomeNotSent || p.Category != client.ProblemCategoryBank {
		t.Fatalf("%v", err)
	}
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestOperationsOverHTTP(t *testing.T) {
	c := config(t)
	a, stop := start(t, c)
	for path, want := range map[string]string{"/healthz": `"ok"`, "/readyz": `"ok"`, "/openapi.yaml": "openapi: 3.0.3", "/metrics": "kaqiao_http_requests_in_flight 0"} {
		status, body := get(t, a.URL()+path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d", path, status)
		}
	}
	banks, err := caller(t, a, c).Banks(t.Context())
	if err != nil || len(banks) != 1 || banks[0].Health.InFlightLimit == 0 {
		t.Errorf("%+v, %v", banks, err)
	}
	url := a.URL()
	stop()
	if resp, err := http.Get(url + "/healthz"); err == nil {
		_ = resp.Body.Close()
		t.Error("it answers after its end")
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestCallbacksTakeNoNonsense(t *testing.T) {
	a, _ := start(t, config(t))
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/callbacks/nucc", "<nonsense", 400},
		{"POST", "/callbacks/nucc", "", 400},
		{"POST", "/callbacks/nucc", strings.Repeat("x", 257<<10), 400},
		{"POST", "/callbacks/nobody", "x", 404},
		{"GET", "/callbacks/nucc", "", 405},
		{"GET", "/v1/banks", "", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, a.CallbackURL()+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tc.status || strings.Contains(string(body), "nonsense") {
			t.Errorf("%s %s with %d bytes: %d %s", tc.method, tc.path, len(tc.body), resp.StatusCode, body)
		}
	}
}

// TestHalfStartedUndoesItself: what could not start leaves nothing behind.
func TestHalfStartedUndoesItself(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	c := config(t)
	c.Callbacks = taken.Addr().String()
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "listen for banks") {
		t.Fatalf("error %v", err)
	}
	c.Callbacks = "127.0.0.1:0"
	a, err := New(c)
	if err != nil {
		t.Fatalf("the second start found something in its way: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewSaysWhatToDo(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no vault key": {func(c *Config) { c.Dev = false }, "gateway keys init"},
		"no bank keys": {func(c *Config) { c.Keys = c.Data }, "gs.pub"},
		"bad figures":  {func(c *Config) { c.Node = 100; c.InFlight = 0 }, "node must be 0 to 99\nconfiguration: in-flight"},
		"bad profiles": {func(c *Config) { c.Set, c.Profiles = nil, t.TempDir() }, "profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			tc.change(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDevKeyStays(t *testing.T) {
	c := config(t)
	read := func() string {
		a, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(c.DevCallerKey)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := read()
	if strings.Count(first, "\n") != 1 || len(first) < 40 {
		t.Errorf("the file has %d bytes, want one line", len(first))
	}
	if info, err := os.Stat(c.DevCallerKey); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if read() != first {
		t.Error("a second start made another key")
	}
	if err := os.Remove(filepath.Join(c.Data, "callers.yaml")); err != nil {
		t.Fatal(err)
	}
	if read() == first {
		t.Error("a key that nobody knows any more was kept")
	}
}

func TestReadyNeedsTheJournal(t *testing.T) {
	broken := errors.New("disk full")
	release := make(chan struct{})
	ready := writable(probe(func() error { <-release; return broken }))
	results := make(chan error, 3)
	for range cap(results) {
		go func() { results <- ready() }()
	}
	close(release)
	for range cap(results) {
		if err := <-results; !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
	if err := writable(probe(func() error { return nil }))(); err != nil {
		t.Error(err)
	}
}

type probe func() error

func (p probe) Probe(context.Context) error { return p() }
