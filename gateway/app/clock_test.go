package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
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
