package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/journal/journaltest"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// cameSoFar is how many requests the hub has got.
func (h *hub) cameSoFar() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, times := range h.came {
		n += times
	}
	return n
}

// safeLog is a log that may be read while it is written.
type safeLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// A gateway whose disk may not be written says so to its balancer, its callers
// and its operators, asks no bank anything, shows what is there, and goes on
// by itself once the disk takes writes again.
func TestDiskFailsUnderTheGateway(t *testing.T) {
	var log safeLog
	c := config(t)
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	h, url := newHub(t, &c)
	h.spoil = func(w http.ResponseWriter, _ *epcc.Sign, answer wire.Frame) { write(w, answer) }
	c.Endpoints = map[string]string{"nucc": url}
	a, _ := start(t, c)
	cl := caller(t, a, c)
	waiting, err := cl.Create(t.Context(), request(), "")
	if err != nil {
		t.Fatal(err)
	}
	came := h.cameSoFar()
	ready := func() (int, string) { return get(t, a.URL()+"/readyz") }
	figure := func(line string) bool {
		_, text := get(t, a.URL()+"/metrics")
		return strings.Contains(text, line+"\n")
	}
	if status, _ := ready(); status != http.StatusOK || !figure("kaqiao_journal_failing 0") {
		t.Errorf("it is not ready from the beginning: %d", status)
	}

	mend := journaltest.ReadOnly(t, a.store)
	other := request()
	other.UserID = "u_2"
	for range 20 {
		_, created := cl.Create(t.Context(), other, "key-2")
		_, confirmed := cl.Confirm(t.Context(), waiting.ID, client.ConfirmRequest{Code: "123456"}, "")
		_, cancelled := cl.Cancel(t.Context(), waiting.ID, "")
		for what, err := range map[string]error{"create": created, "confirm": confirmed, "cancel": cancelled} {
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != client.ProblemCodeStorageUnavailable || p.Outcome != client.OutcomeNotSent || p.Remedy.En == "" || p.Remedy.Zh == "" {
				t.Fatalf("%s: %+v, %v", what, p, err)
			}
		}
		if status, body := ready(); status != http.StatusServiceUnavailable || !strings.Contains(body, "storage_unavailable") {
			t.Errorf("readyz: %d %s", status, body)
		}
	}
	if now := h.cameSoFar(); now != came {
		t.Errorf("the hub was asked %d times", now-came)
	}
	if b, err := cl.Get(t.Context(), waiting.ID); err != nil || b.State != client.BindingStateAwaitingCode {
		t.Errorf("what is there can't be seen: %s, %v", b.State, err)
	}
	if _, text := get(t, a.URL()+"/metrics"); !figure("kaqiao_journal_failing 1") || !strings.Contains(text, "\nkaqiao_journal_failed_changes_total ") || figure("kaqiao_journal_failed_changes_total 0") {
		t.Error("the figures say that all is well")
	}
	if fails, not := log.count("the journal can't be written"), log.count(`msg="not ready"`); fails != 1 || not != 1 || log.count("level=ERROR") != 2 {
		t.Errorf("said %d times that the disk fails, %d times that it is not ready, %d errors in all", fails, not, log.count("level=ERROR"))
	}

	mend()
	if status, body := ready(); status != http.StatusOK || !figure("kaqiao_journal_failing 0") {
		t.Errorf("readyz, once it was mended: %d %s", status, body)
	}
	if _, err := cl.Create(t.Context(), other, "key-2"); err != nil {
		t.Errorf("the same key, once it was mended: %v", err)
	}
	if b, err := cl.Confirm(t.Context(), waiting.ID, client.ConfirmRequest{Code: "123456"}, ""); err != nil || b.State != client.BindingStateActive {
		t.Errorf("the same binding, once it was mended: %s, %v", b.State, err)
	}
	if log.count("the journal is written again") != 1 || log.count("ready again") != 1 {
		t.Error("nobody was told that it is over")
	}
	h.nothingCameTwice(t, 3)
}

// The disk fails while a bank signs: its answer can't be written down. It is
// found out once the disk takes writes again, by the same process.
func TestDiskFailsWhileTheBankSigns(t *testing.T) {
	var ahead atomic.Int64
	var log safeLog
	c := config(t)
	c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	h, url := newHub(t, &c)
	c.Endpoints = map[string]string{"nucc": url}
	a, _ := start(t, c)
	cl := caller(t, a, c)
	var mend func()
	h.spoil = func(w http.ResponseWriter, _ *epcc.Sign, answer wire.Frame) {
		mend = journaltest.ReadOnly(t, a.store)
		write(w, answer)
	}
	created, err := cl.Create(t.Context(), request(), "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := cl.Confirm(t.Context(), created.ID, client.ConfirmRequest{Code: "123456"}, "key")
	if err != nil || b.Meta.Status != http.StatusAccepted || b.State != client.BindingStateProcessing || b.Next.Action != client.NextActionPoll {
		t.Fatalf("the caller was told %d %s, %v", b.Meta.Status, b.State, err)
	}
	// Its time is over, and still nothing can be written: the bank is not asked for nothing.
	ahead.Store(int64(time.Minute))
	refused := a.store.Failures()
	waitFor(t, "the resolver tries", func() bool { return a.store.Failures() > refused })
	if b, err := cl.Get(t.Context(), created.ID); err != nil || b.State != client.BindingStateProcessing {
		t.Errorf("%s, %v", b.State, err)
	}
	mend()
	waitFor(t, "the truth is found out", func() bool {
		b, err := cl.Get(t.Context(), created.ID)
		return err == nil && b.State == client.BindingStateActive
	})
	h.nothingCameTwice(t, 2)
	if n := log.count("a bank's answer was not written"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if n := log.count("finding out unknown outcomes"); n != 0 {
		t.Errorf("the resolver complained %d times of what the journal has said", n)
	}
}

// waitFor looks until something is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// Two gateways on one folder: the second refuses, and the first is not disturbed.
func TestSecondGatewayRefuses(t *testing.T) {
	c := config(t)
	a, _ := start(t, c)
	if second, err := New(c); !errors.Is(err, journal.ErrInUse) {
		if err == nil {
			_ = second.Close()
		}
		t.Errorf("the second was told %v", err)
	}
	if status, _ := get(t, a.URL()+"/readyz"); status != http.StatusOK {
		t.Errorf("the first says %d", status)
	}
}
