package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// programs is the folder of the built programs.
func programs(t testing.TB) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build makes them once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kaqiao-e2e-programs-")
	if err != nil {
		return "", err
	}
	leftovers = append(leftovers, dir)
	cmd := exec.Command("go", "build", "-o", dir, "kaqiao/gateway", "kaqiao/mockbanks", "kaqiao/loadtest")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = &buildError{err, out}
	}
	return dir, err
})

type buildError struct {
	error
	out []byte
}

func (e *buildError) Error() string { return e.error.Error() + "\n" + string(e.out) }

// The three programs as a stranger starts them: up, an attack, verify, Ctrl-C.
func TestTheProgramsServeAStranger(t *testing.T) {
	u := startUp(t)
	run := filepath.Join(t.TempDir(), "run.json")
	out := u.loadtest(t, "attack", "--rate", "20", "--for", "5s", "--deny", "0%", "--lang", "zh", "--json", run)
	if !strings.Contains(out, "国有大行") {
		t.Errorf("the report has no tiers:\n%s", out)
	}
	text, err := os.ReadFile(run) //nolint:gosec // the test's own folder
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Tiers []struct {
			ID    string
			Ends  map[string]int
			Steps []struct {
				Share struct{ Joined, Joinable int }
			}
		}
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.Tiers) < 2 {
		t.Fatalf("%d tiers, %v", len(report.Tiers), err)
	}
	for _, tier := range report.Tiers {
		if tier.Ends["active"] < 20 || len(tier.Ends) != 1 {
			t.Errorf("%s ended %v", tier.ID, tier.Ends)
		}
		for _, s := range tier.Steps {
			if s.Share.Joinable == 0 && tier.ID == "foreign" {
				continue // no code is brought, and an approval is no exchange of the gateway's
			}
			if s.Share.Joined != s.Share.Joinable || s.Share.Joined < 20 {
				t.Errorf("%s: %d of %d exchanges joined", tier.ID, s.Share.Joined, s.Share.Joinable)
			}
		}
	}
	if out := u.loadtest(t, "verify", "--wait", "10s"); !strings.Contains(out, "one truth") {
		t.Errorf("verify says\n%s", out)
	}
	if out := u.loadtest(t, "report", run); !strings.Contains(out, "whole binding") {
		t.Errorf("report says\n%s", out)
	}

	if err := u.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-u.gone
	if u.err != nil {
		t.Errorf("up ended with %v\n%s", u.err, u.out.bytes())
	}
	u.mustBeGone(t)
}

// Whoever kills up leaves nothing running.
func TestNothingOutlivesUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("left out: only Linux ends children with their parent")
		return
	}
	u := startUp(t)
	u.kill()
	u.mustBeGone(t)
}

// up is a farm and a gateway as loadtest up runs them.
type up struct {
	*process
	farm string // its control port
}

func startUp(t *testing.T) *up {
	t.Helper()
	u := prepareUp(t)
	u.start(t)
	return u
}

// prepareUp makes the keys and says how up is to be called.
func prepareUp(t *testing.T) *up {
	t.Helper()
	env := append(elsewhere(t), "KAQIAO_GATEWAY_CALLBACKS=127.0.0.1:0")
	u := &up{process: newProcess(t, "loadtest", "/readyz", env), farm: "http://" + freeAddress(t)}
	make := exec.CommandContext(t.Context(), filepath.Join(programs(t), "mockbanks"), "keys", "--out", filepath.Join(u.dir, "keys")) //nolint:gosec // our own program
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("keys: %v\n%s", err, out)
	}
	u.args = []string{"up", "--home", u.dir, "--gateway", u.address(), "--farm", strings.TrimPrefix(u.farm, "http://"),
		"--profiles", onDisk(t, quickProfiles(t, quickAnswer))}
	return u
}

// loadtest runs one of its commands against the pair and wants it to end well.
func (u *up) loadtest(t *testing.T, args ...string) string {
	t.Helper()
	if args[0] != "report" {
		args = append(args, "--gateway", u.url, "--farm", u.farm, "--key-file", filepath.Join(u.dir, "dev-caller.key"))
	}
	cmd := exec.CommandContext(t.Context(), u.binary, args...) //nolint:gosec // our own program
	cmd.Env = u.env
	var wrong bytes.Buffer
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("loadtest %s: %v\n%s%s", args[0], err, out, wrong.Bytes())
	}
	return string(out)
}

// mustBeGone wants nobody to answer any more.
func (u *up) mustBeGone(t *testing.T) {
	t.Helper()
	for _, url := range []string{u.url + "/healthz", u.farm + "/healthz"} {
		eventually(t, "nobody answers", func(ctx context.Context) bool {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return true
			}
			_ = res.Body.Close()
			return false
		})
	}
}
