package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/gateway/client"
	"kaqiao/gateway/internal/journal"
	"kaqiao/profiles/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var monday = time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)

// store is a real journal that tells what was marked, and may lose its power.
type store struct {
	*journal.SQLite
	marked chan journal.Event
	looked chan struct{} // a look has been taken; nil: nobody wants to know
	mu     sync.Mutex
	broken error
}

func (s *store) breakDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *store) LeaseEvents(ctx context.Context, l journal.Lease, limit int) ([]journal.Event, error) {
	due, err := s.SQLite.LeaseEvents(ctx, l, limit)
	if s.looked != nil {
		s.looked <- struct{}{}
	}
	return due, err
}

func (s *store) Apply(ctx context.Context, c journal.Change) error {
	s.mu.Lock()
	err := s.broken
	s.mu.Unlock()
	if err == nil {
		err = s.SQLite.Apply(ctx, c)
	}
	if err == nil {
		for _, e := range c.Events {
			s.marked <- e
		}
	}
	return err
}

// told is one request that an endpoint got.
type told struct {
	id     string
	header http.Header
	body   []byte
}

// house is a deliverer with its outbox, one clock and, for each caller, a real server.
type house struct {
	*Deliverer
	t         *testing.T
	store     *store
	file      string
	endpoints *Endpoints
	roots     *x509.CertPool
	log       *safeBuffer

	mu  sync.Mutex
	now time.Time
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	dir := t.TempDir()
	sqlite, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sqlite.Close() })
	h := &house{
		t: t, store: &store{SQLite: sqlite, marked: make(chan journal.Event, 10_000)}, file: filepath.Join(dir, "webhooks.yaml"),
		roots: x509.NewCertPool(), log: &safeBuffer{}, now: monday,
	}
	h.open(change...)
	return h
}

// open makes the deliverer, as a process does that begins.
func (h *house) open(change ...func(*Config)) {
	h.t.Helper()
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if h.endpoints, err = OpenEndpoints(h.file, log); err != nil {
		h.t.Fatal(err)
	}
	cfg := Config{
		Store: h.store, Endpoints: h.endpoints, Now: h.clock, Log: log, Every: 2 * time.Millisecond,
		TLS: &tls.Config{RootCAs: h.roots}, //nolint:gosec // the deliverer sets the least version
	}
	for _, c := range change {
		c(&cfg)
	}
	if h.Deliverer, err = New(cfg); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// run runs the deliverer; stop ends it and waits.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	h.t.Cleanup(stop)
	return stop
}

// receiver makes a caller's endpoint. answer may be nil: all is well.
func (h *house) receiver(caller string, answer http.HandlerFunc) (got chan told, key secret.Key, url string) {
	h.t.Helper()
	got = make(chan told, 10_000)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- told{r.Header.Get("Webhook-Id"), r.Header, body}
		if answer != nil {
			answer(w, r)
		}
	}))
	h.t.Cleanup(s.Close)
	h.roots.AddCert(s.Certificate())
	key = h.add(caller, s.URL)
	return got, key, s.URL
}

func (h *house) add(caller, url string) secret.Key {
	h.t.Helper()
	key, err := Add(h.file, Endpoint{Caller: caller, URL: url, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false, h.clock())
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

func eventID(subject string, seq int) string { return fmt.Sprintf("evt_%s-%03d", subject, seq) }

// happen writes events of one subject.
func (h *house) happen(caller, subject string, seqs ...int) {
	h.t.Helper()
	var all []journal.Event
	for _, seq := range seqs {
		all = append(all, journal.Event{
			ID: eventID(subject, seq), Caller: caller, Subject: subject, Seq: int64(seq), Type: "binding.active", At: h.clock(),
			Body: fmt.Appendf(nil, `{"type":"binding.active","n":"%s-%d"}`, subject, seq), State: journal.EventWaiting, NextAt: h.clock(),
		})
	}
	if err := h.store.SQLite.Apply(context.Background(), journal.Change{Events: all}); err != nil {
		h.t.Fatal(err)
	}
}

// marks waits for the next n events that were marked.
func (h *house) marks(n int) (out []journal.Event) {
	h.t.Helper()
	for range n {
		select {
		case e := <-h.store.marked:
			out = append(out, e)
		case <-time.After(20 * time.Second):
			h.t.Fatalf("only %d of %d events were marked\n%s", len(out), n, h.log)
		}
	}
	return out
}

func next(t *testing.T, got chan told) told {
	t.Helper()
	select {
	case x := <-got:
		return x
	case <-time.After(20 * time.Second):
		t.Fatal("the receiver was told nothing")
	}
	return told{}
}

// states are a caller's events with their states.
func (h *house) states(caller string) string {
	h.t.Helper()
	page, err := h.store.Events(context.Background(), journal.EventFilter{Caller: caller, Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for _, e := range page {
		all = append(all, fmt.Sprintf("%s %s", strings.TrimPrefix(e.ID, "evt_"), e.State))
	}
	return strings.Join(all, ", ")
}

func verify(x told, now time.Time, keys ...secret.Key) error {
	var texts []string
	for _, k := range keys {
		texts = append(texts, k.Reveal())
	}
	return client.VerifyWebhook(x.header, x.body, texts, now)
}
