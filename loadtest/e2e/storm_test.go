package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/loadtest/verify"
	"kaqiao/profiles/secret"
)

// The real gateway is killed in the middle of a load, again and again. When it
// stands again, everything is found out and both sides tell one truth.
func TestKilledGatewayForgetsNothing(t *testing.T) {
	w := startFarm(t)
	g := gatewayProgram(t, w)
	g.start(t)
	banks, err := w.control.Banks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const rate, long, kills = 25, 8 * time.Second, 3
	pace := load.Constant(rate, long)
	choice := load.Choice{Seed: 1}
	banks, weights, err := choice.Select(banks)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := choice.Plan(t.Context(), w.control, banks, weights, pace.Count())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range banks { // so that a kill finds something in the middle
		if err := w.control.Behave(t.Context(), b.ID, map[string]any{"latency": map[string]any{
			"apply": map[string]any{"fixed": "100ms"}, "confirm": map[string]any{"fixed": "300ms"}}}); err != nil {
			t.Fatal(err)
		}
	}
	gateway, err := load.NewGateway(g.url, secret.NewKey(g.key(t)), &http.Client{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	record := load.NewRecorder(len(banks))
	bind := &load.Bind{Gateway: gateway, Inbox: w.control, Plan: plan, Record: record, Platform: "wechat", Run: "storm", Settle: 20 * time.Second}
	var ended atomic.Int64
	bind.Done = func() { ended.Add(1) }
	storm := make(chan error, 1)
	go func() { storm <- g.storm(t.Context(), &ended, kills, pace.Count()) }()
	starts := load.Attack{Pace: pace, Drain: 30 * time.Second}.Run(t.Context(), bind.Shoot)
	if err := <-storm; err != nil {
		t.Fatal(err)
	}

	var sum load.Tally
	for _, tally := range record.Tallies() {
		sum.Add(tally)
	}
	t.Logf("%d started, ended %v", starts.Started, sum.Ends)
	if sum.Ends[load.EndUnanswered] == 0 || sum.Ends[load.EndActive] < int64(starts.Started)/4 {
		t.Errorf("the storm has missed or destroyed the load: %v", sum.Ends)
	}
	c, err := client.New(g.url, g.key(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mustAgree(t, c, w.control)
	g.stop(t)
}

// process is the gateway as a program of its own.
type process struct {
	binary, dir, url string
	args, env        []string
	mu               sync.Mutex
	cmd              *exec.Cmd
	gone             chan struct{}
	err              error
	out              logBuffer
}

// gatewayProgram is the gateway's program, pointed at the farm.
func gatewayProgram(t *testing.T, w *world) *process {
	t.Helper()
	dir := t.TempDir()
	g := &process{binary: filepath.Join(programs(t), "gateway"), dir: dir}
	listen := freeAddress(t)
	g.url = "http://" + listen
	g.args = []string{"serve", "--dev", "--keys", w.keys, "--data", filepath.Join(dir, "data"), "--listen", listen, "--callbacks", w.callbacks,
		"--profiles", w.profilesOnDisk(t), "--dev-caller-key", filepath.Join(dir, "caller.key")}
	g.env = append(os.Environ(), "KAQIAO_CHANNELS_NUCC_ENDPOINT_URL=https://"+w.farm.Address("nucc")+"/preSvr")
	t.Cleanup(func() { g.kill() })
	return g
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (g *process) key(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "caller.key"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (g *process) start(t *testing.T) {
	t.Helper()
	if err := g.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// run starts the program and waits until it is ready.
func (g *process) run(ctx context.Context) error {
	cmd := exec.Command(g.binary, g.args...) //nolint:gosec // our own program; the test ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = g.env, &g.out, &g.out
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	g.mu.Lock()
	g.cmd, g.gone = cmd, gone
	g.mu.Unlock()
	go func() { g.err = cmd.Wait(); close(gone) }()

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-gone:
			return fmt.Errorf("the gateway ended: %w\n%s", g.err, g.out.bytes())
		case <-ctx.Done():
			return errors.New("the gateway is not ready")
		case <-tick.C:
		}
	}
}

// storm kills and starts the gateway while bindings are under way.
func (g *process) storm(ctx context.Context, ended *atomic.Int64, kills, bindings int) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for k := range kills {
		for ended.Load() < int64((k+1)*bindings/(kills+2)) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		g.kill()
		if err := g.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// kill ends the program as a power failure would.
func (g *process) kill() {
	g.mu.Lock()
	cmd, gone := g.cmd, g.gone
	g.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-gone
}

// stop ends it as Ctrl-C does; it must end by itself and well.
func (g *process) stop(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-g.gone:
		if g.err != nil {
			t.Errorf("the gateway ended with %v\n%s", g.err, g.out.bytes())
		}
	case <-limit.C:
		t.Errorf("the gateway did not stop within %v", patience)
	}
}

// mustAgree waits until nothing is undecided and wants no break then.
func mustAgree(t testing.TB, g verify.Gateway, f *control.Farm) {
	t.Helper()
	var r verify.Result
	eventually(t, "nothing is undecided", func(ctx context.Context) bool {
		var err error
		if r, err = verify.Read(ctx, g, f); err != nil {
			t.Logf("verify: %v", err)
			return false
		}
		return r.Counts[verify.Undecided] == 0
	})
	if r.Breaks() > 0 {
		t.Errorf("%d breaks: %+v", r.Breaks(), r.Rows)
	}
}
