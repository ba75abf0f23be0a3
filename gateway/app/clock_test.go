package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A start after the clock was set back looks after what is open before anything else.
func TestStartUnderAnEarlierClock(t *testing.T) {
	nonsense := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<nonsense") }))
	defer nonsense.Close()
	c := config(t)
	c.Endpoints = map[string]string{"nucc": nonsense.URL}
	c.Now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	a, stop := start(t, c)
	if _, err := caller(t, a, c).Create(t.Context(), request(), "key-1"); err != nil {
		t.Fatal(err)
	}
	stop()
	var log bytes.Buffer
	c.Now, c.Log = time.Now, slog.New(slog.NewTextHandler(&log, nil))
	_, stop = start(t, c)
	stop()
	if !strings.Contains(log.String(), "attempts=1") {
		t.Errorf("the log says\n%s", log.String())
	}
}

// A clock that is set back under a running gateway is noticed, and what is
// unknown is asked about by the new time; one that is set forward is told of.
func TestClockIsSetUnderARunningGateway(t *testing.T) {
	nonsense := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<nonsense") }))
	defer nonsense.Close()
	var ahead atomic.Int64
	var log safeLog
	c := config(t)
	c.Endpoints = map[string]string{"nucc": nonsense.URL}
	c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	ahead.Store(int64(365 * 24 * time.Hour))
	a, _ := start(t, c)
	b, err := caller(t, a, c).Create(t.Context(), request(), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	ahead.Store(0)
	waitFor(t, "the clock is noticed", func() bool { return log.count("the clock has been set back: open attempts wait anew") == 1 })
	attempts, err := a.store.Attempts(t.Context(), b.ID)
	if err != nil || len(attempts) == 0 {
		t.Fatal(err)
	}
	for _, at := range attempts {
		if at.AskAt.After(time.Now().Add(24*time.Hour)) || !at.Settled && at.Deadline.After(time.Now().Add(time.Hour)) {
			t.Errorf("%s is looked after at %v, and unsettled until %v", at.ID, at.AskAt, at.Deadline)
		}
	}
	ahead.Store(int64(time.Hour))
	waitFor(t, "the clock is noticed", func() bool { return log.count("set forward") == 1 })
	if n := log.count(`msg="the clock has been set back" by=`); n != 1 {
		t.Errorf("said %d times", n)
	}
}
