package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"kaqiao/profiles/secret"
)

func load(t *testing.T, file string, env []string, args ...string) (Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	Flags(flags)
	flags.String("config", "", "a flag of the command that is no setting")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "gateway.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(path, env, flags)
}

func TestNothingSaidMeansDefaults(t *testing.T) {
	c, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := Defaults()
	if c.Listen != d.Listen || c.SessionTTL != d.SessionTTL || c.InFlight != d.InFlight || c.Data != d.Data || c.Drain != d.Drain || c.DevCallerKey != d.DevCallerKey || c.LogLevel != d.LogLevel {
		t.Errorf("%+v", c)
	}
}

// Only a gateway for development has no balancer to tell.
func TestDrainNotice(t *testing.T) {
	for file, want := range map[string]time.Duration{
		"": 5 * time.Second, "dev: true\n": 0, "dev: true\ndrain-notice: 2s\n": 2 * time.Second, "drain-notice: 0s\n": 0,
	} {
		if c, err := load(t, file, nil); err != nil || c.DrainNotice != want {
			t.Errorf("%q: %v, %v; want %v", file, c.DrainNotice, err, want)
		}
	}
	if c, err := load(t, "dev: true\n", []string{"KAQIAO_GATEWAY_DRAIN_NOTICE=3s"}); err != nil || c.DrainNotice != 3*time.Second {
		t.Errorf("the environment: %v, %v", c.DrainNotice, err)
	}
}

func TestLaterSettingsWin(t *testing.T) {
	file := "listen: 127.0.0.1:1\nsession-ttl: 1m\nnode: 1\ndev: true\n"
	env := []string{"PATH=/bin", "KAQIAO_GATEWAY_SESSION_TTL=2m", "KAQIAO_GATEWAY_NODE=2"}
	c, err := load(t, file, env, "--node", "3")
	if err != nil || c.Listen != "127.0.0.1:1" || c.SessionTTL != 2*time.Minute || c.Node != 3 || !c.Dev {
		t.Errorf("%+v, %v", c, err)
	}
	if len(c.Env) != len(env) {
		t.Error("the profiles do not get the environment")
	}
}

func TestEveryFaultIsTold(t *testing.T) {
	_, err := load(t, "listne: x\nnode: 1\n", []string{"KAQIAO_GATEWAY_SESION_TTL=2m"})
	for _, want := range []string{"listne", "KAQIAO_GATEWAY_SESION_TTL"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	_, err = load(t, "node: 100\nsession-ttl: 1s\nbody-bytes: 1\nmax-connections: 15\ncallback-connections: 0\nheader-timeout: 1ms\nbody-timeout: 2m\nidle-timeout: 2h\njournal-queue: 0\nidempotency-days: 3651\nevent-days: 0\ndrain: 1h\ndrain-notice: 6m\nlog-level: loud\nlisten: ''\ndata: ''\n", nil)
	for _, want := range []string{"node", "session-ttl", "body-bytes", "max-connections", "callback-connections", "header-timeout", "body-timeout", "idle-timeout", "journal-queue", "idempotency-days", "event-days", "drain", "drain-notice", "log-level", "listen", "data"} {
		if err == nil || !strings.Contains(err.Error(), want+" must be") {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if _, err = load(t, "session-ttl: soon\n", nil); err == nil {
		t.Error("soon is no duration")
	}
	if _, err = load(t, "config: x\n", nil); err == nil {
		t.Error("config is no setting")
	}
	if _, err := load(t, "listen: [\n", nil); err == nil {
		t.Error("took a broken file")
	}
}

func TestCallers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "callers.yaml")
	hash := func(k secret.Key) []byte { return []byte("0123456789abcdef" + k.Reveal()) }
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	one, err1 := addCaller(path, Caller{ID: "wallet-a", Envelope: "required"}, 0, hash, now)
	two, err2 := addCaller(path, Caller{ID: "wallet-b", Operator: true}, 0, hash, now)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	newer, err := addCaller(path, Caller{ID: "wallet-a"}, 0, hash, now)
	if err != nil {
		t.Fatal(err)
	}
	known, err := openCallers(path, hash, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key  secret.Key
		want string
	}{{newer, "wallet-a"}, {two, "wallet-b"}, {one, ""}, {secret.NewKey("x"), ""}, {secret.Key{}, ""}} {
		if id, ok := known.Find(tc.key); id != tc.want || ok != (tc.want != "") {
			t.Errorf("found %q, want %q", id, tc.want)
		}
	}
	if known.Operator("wallet-a") || !known.Operator("wallet-b") || known.Operator("") {
		t.Error("the wrong caller is an operator")
	}
	if !known.EnvelopeRequired("wallet-a") || known.EnvelopeRequired("wallet-b") || known.EnvelopeRequired("") {
		t.Error("the wrong caller must seal; a new key leaves that as it was")
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the test's own file
	if err != nil || strings.Contains(string(raw), two.Reveal()) {
		t.Errorf("the file holds a key, or %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, id := range []string{"", "Wallet", "a b", strings.Repeat("a", 33), "../x"} {
		if _, err := addCaller(path, Caller{ID: id}, 0, hash, now); err == nil {
			t.Errorf("took the id %q", id)
		}
	}
	for _, damage := range []string{"- {id: x, key_hash: zz}", "- {id: x, key_hash: '00'}", "- {id: x, key_hash: '" + strings.Repeat("00", 16) + "', envelope: yes}", "{"} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openCallers(path, hash, func() time.Time { return now }, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("took %s", damage)
		}
	}
}

// A key may not be forgotten while its request may still be unknown: the gateway does not start.
func TestKeysAreKeptLongEnough(t *testing.T) {
	c := Defaults()
	c.Data, c.IdempotencyDays = t.TempDir(), 1
	a, err := New(c)
	if err == nil {
		_ = a.Close()
		t.Fatal("it started")
	}
	if text := err.Error(); !strings.Contains(text, "idempotency-days must be at least") || !strings.Contains(text, "resolve.after") {
		t.Errorf("got %v", err)
	}
	if files, err := os.ReadDir(c.Data); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
