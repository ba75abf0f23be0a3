package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"kaqiao/profiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a command line to its end.
func run(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, env, &o, &e)
	return code, o.String(), e.String()
}

// freePorts lets every channel listen wherever there is room.
func freePorts(t *testing.T) string {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range set.Channels {
		all = append(all, c.ID+"=127.0.0.1:0")
	}
	return strings.Join(all, ",")
}

func TestServeRunsUntilItIsTold(t *testing.T) {
	dir := t.TempDir()
	keys, data := filepath.Join(dir, "keys"), filepath.Join(dir, "data")
	if code, _, errs := run(t, nil, "serve", "--keys", keys, "--data", data, "--control", "127.0.0.1:0"); code != exitUsage ||
		!strings.Contains(errs, "mockbanks keys --out "+keys) || !strings.Contains(errs, "gateway-sign-sm2.pub") {
		t.Fatalf("without keys: %d %s", code, errs)
	}
	if code, _, errs := run(t, nil, "keys", "--out", keys); code != exitOK {
		t.Fatalf("keys: %d %s", code, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said := &lines{arrived: make(chan string, 64)}
	var errs bytes.Buffer
	done := make(chan int, 1)
	env := []string{"KAQIAO_FARM_PEOPLE=3", "KAQIAO_FARM_LISTEN=" + freePorts(t), "OTHER=1"}
	go func() {
		done <- Run(ctx, []string{"serve", "--keys", keys, "--data", data, "--control", "127.0.0.1:0"}, env, said, &errs)
	}()
	var url string
	for url == "" {
		select {
		case line := <-said.arrived:
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "control" {
				url = fields[1]
			}
		case code := <-done:
			t.Fatalf("serve ended: %d %s", code, errs.String())
		}
	}
	answer, err := http.Get(url + "/banks/abc/customers")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	var page struct{ Customers []any }
	if err != nil || json.Unmarshal(text, &page) != nil || len(page.Customers) != 3 {
		t.Errorf("customers: %d of 3, %v", len(page.Customers), err)
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("serve ended with %d: %s", code, errs.String())
	}
	if !strings.Contains(errs.String(), "abc: inventing 3 people") {
		t.Errorf("no progress in %s", errs.String())
	}
}

// lines passes on each line as it is written.
type lines struct {
	mu      sync.Mutex
	rest    string
	arrived chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(p)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		l.arrived <- line
	}
}

func TestConfigurationIsLayered(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "farm.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("people: 1\nseed: 2\ncontrol: \"127.0.0.1:3\"\n")
	c := serve(nil)
	if err := c.ParseFlags([]string{"--config", file, "--control", "127.0.0.1:5"}); err != nil {
		t.Fatal(err)
	}
	if err := configure(c, []string{"KAQIAO_FARM_SEED=4", "KAQIAO_FARM_KEYS="}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"people": "1", "seed": "4", "control": "127.0.0.1:5", "keys": ".kaqiao/keys"} {
		if got := c.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for _, bad := range []struct {
		name, file string
		env        []string
		says       string
	}{
		{"a key of a file", "pepole: 1\n", nil, "pepole"},
		{"a variable", "", []string{"KAQIAO_FARM_PEPOLE=1"}, "KAQIAO_FARM_PEPOLE"},
		{"a value", "seed: many\n", nil, "seed"},
		{"no YAML", "seed: [", nil, "configuration"},
	} {
		write(bad.file)
		code, _, errs := run(t, bad.env, "serve", "--config", file)
		if code != exitUsage || !strings.Contains(errs, bad.says) {
			t.Errorf("%s: %d %s", bad.name, code, errs)
		}
	}
}

func TestMisuseIsExitCode2(t *testing.T) {
	for _, args := range [][]string{
		{"srve"},
		{"serve", "--nonsense"},
		{"serve", "extra"},
		{"serve", "--people", "-2"},
		{"serve", "--exchanges", "-1"},
		{"serve", "--listen", "nucc"},
		{"serve", "--callback", "=x"},
		{"serve", "--profiles", "no-such-folder"},
		{"people", "--bank", "nowhere"},
		{"people", "--kind", "nobody"},
		{"people", "--limit", "0"},
	} {
		if code, out, errs := run(t, nil, args...); code != exitUsage || errs == "" || out != "" {
			t.Errorf("%v: code %d, out %q, errs %q", args, code, out, errs)
		}
	}
}

func TestHostMovesAllChannels(t *testing.T) {
	f := serveFlags{host: "0.0.0.0", people: -1}
	cfg, err := f.config(nil, io.Discard)
	if err != nil || cfg.Listen["nucc"] != "0.0.0.0:9101" {
		t.Errorf("nucc listens on %q, %v", cfg.Listen["nucc"], err)
	}
}

func TestPeopleAreThoseOfTheFarm(t *testing.T) {
	code, out, errs := run(t, nil, "people", "--bank", "abc", "--kind", "credit", "--limit", "3", "--json")
	var page struct{ People []person }
	if code != exitOK || json.Unmarshal([]byte(out), &page) != nil || len(page.People) != 3 {
		t.Fatalf("code %d, %s%s", code, out, errs)
	}
	for _, p := range page.People {
		if p.Kind != "credit" || p.CVV == "" || p.Expiry == "" || p.Card == "" || p.Document.Number == "" {
			t.Errorf("a person lacks something: %s", out)
		}
	}
	_, again, _ := run(t, nil, "people", "--kind", "credit", "--limit", "3", "--json")
	_, other, _ := run(t, nil, "people", "--kind", "credit", "--limit", "3", "--json", "--seed", "2")
	if again != out || other == out {
		t.Error("the seed does not decide the people")
	}
	if _, table, _ := run(t, nil, "people", "--limit", "2"); strings.Count(table, "\n") != 3 || !strings.HasPrefix(table, "KIND") {
		t.Errorf("the table is %q", table)
	}
}

func TestVersion(t *testing.T) {
	if code, out, _ := run(t, nil, "version"); code != exitOK || !strings.HasPrefix(out, "mockbanks ") {
		t.Errorf("code %d, %q", code, out)
	}
}
