package app

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kaqiao/gateway/client"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// The gateway's signing key before the rotation, after it, and in the overlap.
const (
	oldKey     = `  - {serial: "4000000001", owner: gateway, use: sign, algorithm: sm2, private: "file:gs.key", public: "file:gs.pub"}` + "\n"
	retiredKey = `  - {serial: "4000000001", owner: gateway, use: sign, algorithm: sm2, state: retiring, private: "file:gs.key", public: "file:gs.pub"}` + "\n"
	newKey     = `  - {serial: "4000000777", owner: gateway, use: sign, algorithm: sm2, private: "file:new.key", public: "file:new.pub"}` + "\n"
)

// rotation is a gateway whose profiles lie in a folder, and a hub that knows both keys.
type rotation struct {
	*testing.T
	folder, keys string
	app          *App
	stop         func()
	caller       *client.Client
	log          *told

	mu   sync.Mutex
	hold chan struct{} // where set, the next request waits for it, once it has said so on came
	came chan struct{}
	by   map[string]int // requests by the key that they were signed with
}

func newRotation(t *testing.T) *rotation {
	c := config(t)
	r := &rotation{T: t, folder: t.TempDir(), keys: c.Keys, by: map[string]int{}, came: make(chan struct{}, 1), log: &told{want: "\x00", came: make(chan struct{})}}
	pair := writeKeys(t)
	for from, to := range map[string]string{"gs.key": "new.key", "gs.pub": "new.pub"} {
		raw, err := os.ReadFile(filepath.Join(pair, from)) //nolint:gosec // the test's own file
		if err != nil {
			t.Fatal(err)
		}
		r.write(filepath.Join(c.Keys, to), string(raw))
	}
	for _, name := range []string{"banks/abc.yaml", "platforms/wechat.yaml"} {
		raw, err := fs.ReadFile(profiles.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		r.write(filepath.Join(r.folder, name), string(raw))
	}
	r.profile(retiredKey + newKey) // as the hub has it from the beginning
	set, err := profiles.Load(os.DirFS(r.folder), profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Set = set
	h, _ := newHub(t, &c)
	h.spoil = func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) { write(w, f) }
	server := httptest.NewServer(r.watch(h))
	t.Cleanup(server.Close)

	r.profile(oldKey)
	c.Set, c.Profiles, c.Endpoints = nil, r.folder, map[string]string{"nucc": server.URL}
	c.Log = slog.New(slog.NewTextHandler(r.log, nil))
	r.app, r.stop = start(t, c)
	r.caller = caller(t, r.app, c)
	return r
}

func (r *rotation) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		r.mu.Lock()
		for _, serial := range []string{"4000000001", "4000000777"} {
			if bytes.Contains(body, []byte(serial)) {
				r.by[serial]++
			}
		}
		hold := r.hold
		r.hold = nil
		r.mu.Unlock()
		if hold != nil {
			r.came <- struct{}{}
			<-hold
		}
		h.ServeHTTP(w, req)
	})
}

func (r *rotation) write(path, text string) {
	r.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// profile writes the channel's file with these signing keys of the gateway.
func (r *rotation) profile(signing string) {
	r.Helper()
	r.write(filepath.Join(r.folder, "channels", "nucc.yaml"), strings.Replace(channel, oldKey, signing, 1))
}

func (r *rotation) bind(user string) {
	in := request()
	in.UserID = user
	created, err := r.caller.Create(r.Context(), in, "")
	if err != nil {
		r.Errorf("create: %v", err)
		return
	}
	if b, err := r.caller.Confirm(r.Context(), created.ID, client.ConfirmRequest{Code: "123456"}, ""); err != nil || b.State != client.BindingStateActive {
		r.Errorf("confirm: %s, %v", b.State, err)
	}
}

func (r *rotation) signedBy(serial string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[serial]
}

// A channel's keys change under a running gateway: what is under way ends on
// the old ones, what begins afterwards uses the new ones.
func TestReload(t *testing.T) {
	r := newRotation(t)
	r.bind("u_1")
	if r.signedBy("4000000001") != 2 || r.signedBy("4000000777") != 0 {
		t.Fatalf("before: %v", r.by)
	}
	if err := r.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.log.String(), "were changed") {
		t.Error("nothing was changed, and a channel was made anew")
	}

	hold := make(chan struct{})
	r.mu.Lock()
	r.hold = hold
	r.mu.Unlock()
	var held sync.WaitGroup
	held.Go(func() { r.bind("u_2") }) // its apply is under way while keys change
	<-r.came
	r.profile(retiredKey + newKey)
	if err := r.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.bind("u_3")
	if r.signedBy("4000000001") != 3 || r.signedBy("4000000777") != 2 {
		t.Errorf("after: %v", r.by)
	}
	close(hold)
	held.Wait()

	revoked := strings.Replace(retiredKey, "retiring", "revoked", 1)
	r.profile(revoked + newKey)
	if err := r.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.bind("u_4")
	r.stop()
	if err := r.app.Reload(t.Context()); err == nil {
		t.Error("keys were changed after the end")
	}
}

// Keys that are wrong in any way change nothing, and the log says why.
func TestReloadRefuses(t *testing.T) {
	r := newRotation(t)
	key := filepath.Join(r.keys, "new.key")
	good, err := os.ReadFile(key) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		damage  func()
		says    string
		signing string
	}{
		{"no active key", func() {}, "key", retiredKey},
		{"unreadable profile", func() {}, "nucc.yaml", "  - {serial: [\n"},
		{"gone", func() { _ = os.Remove(key) }, "new.key", retiredKey + newKey},
		{"cut short", func() { r.write(key, string(good[:len(good)/2])) }, "new.key", retiredKey + newKey},
		{"another's", func() {
			raw, _ := os.ReadFile(filepath.Join(r.keys, "bs.key")) //nolint:gosec // the test's own file
			r.write(key, string(raw))
		}, "belong", retiredKey + newKey},
		{"others may read it", func() { _ = os.Chmod(key, 0o644) }, "chmod 600", retiredKey + newKey}, //nolint:gosec // what is tried
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.damage()
			r.profile(tc.signing)
			err := r.app.Reload(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want something of %q", err, tc.says)
			}
			if !strings.Contains(r.log.String(), "those known before stay in use") {
				t.Error("the log says nothing")
			}
			before := r.signedBy("4000000001")
			r.bind("u_" + strings.ReplaceAll(tc.name, " ", "_"))
			if r.signedBy("4000000001") != before+2 || r.signedBy("4000000777") != 0 {
				t.Errorf("the keys are others: %v", r.by)
			}
			_ = os.Remove(key)
			r.write(key, string(good))
		})
	}
	r.profile(retiredKey + newKey)
	if err := r.app.Reload(t.Context()); err != nil {
		t.Errorf("put right: %v", err)
	}
}

// Keys rotate back and forth under load: no binding fails.
func TestReloadUnderLoad(t *testing.T) {
	r := newRotation(t)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					r.bind(fmt.Sprintf("u_%d_%d", worker, n))
				}
			}
		})
	}
	for n := range 12 {
		next := []string{retiredKey + newKey, strings.Replace(newKey, "use: sign", "use: sign, state: retiring", 1) + oldKey}[n%2]
		r.profile(next)
		if err := r.app.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		r.bind(fmt.Sprintf("u_between_%d", n))
	}
	close(stop)
	all.Wait()
	if r.signedBy("4000000001") == 0 || r.signedBy("4000000777") == 0 {
		t.Errorf("one of the keys was never used: %v", r.by)
	}
}
