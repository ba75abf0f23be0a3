package e2e

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/gateway/app"
	"kaqiao/gateway/client"
)

// pair is a farm and a gateway in this process.
type pair struct {
	*world
	url, key    string
	client      *client.Client
	gatewayDir  string // everything that the gateway keeps
	logs        *logBuffer
	stopGateway func()
	used        map[string]int // cards that a test of faults has taken
}

// startPair runs both until the test ends.
func startPair(t testing.TB) *pair { return startPairOf(t, quickProfiles(t, quickAnswer)) }

// startPairOf is startPair with these profiles.
func startPairOf(t testing.TB, files fstest.MapFS) *pair {
	t.Helper()
	p := &pair{world: startFarm(t, files), gatewayDir: t.TempDir(), logs: &logBuffer{}}
	cfg := p.gatewayConfig(t)
	gateway, err := app.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.stopGateway = live(t, "gateway", gateway.Run, gateway.Ready())
	p.url = gateway.URL()
	key, err := os.ReadFile(cfg.DevCallerKey)
	if err != nil {
		t.Fatal(err)
	}
	p.key = strings.TrimSpace(string(key))
	p.http.Transport = newWitness(t, p.url, p.http.Transport)
	// A client of its own, that repeats nothing by itself.
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	p.client, err = client.New(p.url, p.key, client.WithRetries(0), client.WithHTTP(&http.Client{Transport: newWitness(t, p.url, transport), Timeout: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gatewayConfig is a gateway beside this farm, with a caller that is an operator.
func (p *pair) gatewayConfig(t testing.TB) app.Config {
	t.Helper()
	cfg := app.Defaults()
	cfg.Listen, cfg.Callbacks = "127.0.0.1:0", p.callbacks
	cfg.Set, cfg.Keys, cfg.Data = p.set, p.keys, p.gatewayDir
	cfg.Dev, cfg.DevCallerKey = true, filepath.Join(t.TempDir(), "caller.key")
	cfg.Endpoints = endpoints(t, p.set, p.farm.Address)
	cfg.Log = slog.New(slog.NewTextHandler(p.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return cfg
}

// mustAgree wants one truth on both sides.
func (p *pair) mustAgree(t testing.TB) {
	t.Helper()
	mustAgree(t, p.client, p.control)
}

// call sends one request with the caller's key, as it is.
func (p *pair) call(t testing.TB, method, path, body string) (text []byte, status int) {
	t.Helper()
	return p.raw(t, method, p.url+path, body, http.Header{"Authorization": {"Bearer " + p.key}})
}
