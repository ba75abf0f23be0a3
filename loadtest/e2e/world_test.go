package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"kaqiao/loadtest/control"
	"kaqiao/mockbanks/farm"
	"kaqiao/profiles"
)

// Whatever was started must be gone at the end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range leftovers {
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

// leftovers are the folders that all tests share.
var leftovers []string

// world is a farm in this process, on free ports, with books of its own.
type world struct {
	files   fstest.MapFS
	set     *profiles.Set
	keys    string
	farm    *farm.Farm
	farmURL string
	control *control.Farm
	http    *http.Client
	// callbacks is where banks send what nobody asked for.
	callbacks string
}

// startFarm runs a farm of these profiles until the test ends.
func startFarm(t testing.TB, files fstest.MapFS) *world {
	t.Helper()
	w := &world{files: files, keys: keys(t), callbacks: freeAddress(t)}
	var err error
	if w.set, err = profiles.Load(w.files, profiles.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	listen, callbacks := map[string]string{}, map[string]string{}
	for _, c := range w.set.Channels {
		listen[c.ID], callbacks[c.ID] = "127.0.0.1:0", "http://"+w.callbacks+"/callbacks/"+c.ID
	}
	w.farm, err = farm.New(farm.Config{
		Set: w.set, KeyDir: w.keys, DataDir: t.TempDir(), Seed: 1, Control: "127.0.0.1:0",
		Listen: listen, Callbacks: callbacks,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	live(t, "farm", w.farm.Run, w.farm.Ready())
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	w.http = &http.Client{Transport: transport, Timeout: time.Minute}
	w.farmURL = w.farm.ControlURL()
	w.control = control.New(w.farmURL, w.http)
	return w
}

// endpoints are the channels' addresses, with these hosts and ports.
func endpoints(t testing.TB, set *profiles.Set, host func(channel string) string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, c := range set.Channels {
		u, err := url.Parse(c.Endpoint.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = host(c.ID)
		all[c.ID] = u.String()
	}
	return all
}

// elsewhere is the environment in which programs speak over free ports.
func elsewhere(t testing.TB) []string {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	env := os.Environ()
	for id, url := range endpoints(t, set, func(string) string { return freeAddress(t) }) {
		env = append(env, "KAQIAO_CHANNELS_"+strings.ToUpper(id)+"_ENDPOINT_URL="+url)
	}
	return env
}

// live runs a program until the test ends and waits until it is ready. What it
// returns ends the program before that; it must end well.
func live(t testing.TB, name string, run func(context.Context) error, ready <-chan struct{}) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the %s ended with %v", name, err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("the %s ended before it was ready: %v", name, err)
	}
	return stop
}

// makeKeys makes them once for all tests: it takes longer than most of them.
var makeKeys = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kaqiao-e2e-keys-")
	if err != nil {
		return "", err
	}
	leftovers = append(leftovers, dir)
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		return "", err
	}
	return dir, farm.MakeKeys(dir, set, time.Now)
})

// keys is the folder of both sides' keys.
func keys(t testing.TB) string {
	t.Helper()
	dir, err := makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// onDisk writes profiles where a program can read them.
func onDisk(t testing.TB, files fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// get asks the farm's control port for what control does not offer.
func (w *world) get(t testing.TB, path string, out any) {
	t.Helper()
	text, status := w.raw(t, http.MethodGet, w.farmURL+path, "", nil)
	if status != http.StatusOK {
		t.Fatalf("%s: status %d", path, status)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
}

// raw sends one request as it is and returns the answer's bytes.
func (w *world) raw(t testing.TB, method, url, body string, header http.Header) (text []byte, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := w.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if text, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return text, res.StatusCode
}

// logBuffer keeps what a program logs.
type logBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all.Bytes())
}
