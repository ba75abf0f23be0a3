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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// process is one of the programs, in a process of its own.
type process struct {
	binary, dir, url string
	ready            string // answers 200 once the program serves
	args, env        []string
	mu               sync.Mutex
	cmd              *exec.Cmd
	gone             chan struct{}
	err              error
	out              logBuffer
}

// newProcess prepares a program that will serve on a free address. It is killed when the test ends.
func newProcess(t testing.TB, name, ready string, env []string) *process {
	t.Helper()
	p := &process{binary: filepath.Join(programs(t), name), dir: t.TempDir(), env: env, url: "http://" + freeAddress(t)}
	p.ready = p.url + ready
	t.Cleanup(p.kill)
	return p
}

// address is where the program serves.
func (p *process) address() string { return strings.TrimPrefix(p.url, "http://") }

// Ports that programs serve on, one after the other: below those that the
// system gives to outgoing connections (from 32768, or as net.ipv4.ip_local_port_range
// says), or one of these could have taken it when a program that was killed comes back.
const (
	firstPort = 12_000
	manyPorts = 20_000
)

var portsGiven atomic.Uint32

// freeAddress is one that nobody listened on a moment ago, and that nobody else here gets.
func freeAddress(t testing.TB) string {
	t.Helper()
	begin := os.Getpid() * 97 // another test's process begins elsewhere
	for range manyPorts {
		port := firstPort + (begin+int(portsGiven.Add(1)))%manyPorts
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatalf("no port from %d to %d is free", firstPort, firstPort+manyPorts-1)
	return ""
}

func (p *process) key(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "caller.key"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (p *process) start(t testing.TB) {
	t.Helper()
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// run starts the program and waits until it is ready.
func (p *process) run(ctx context.Context) error {
	cmd := exec.Command(p.binary, p.args...) //nolint:gosec // our own program; the test ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &p.out, &p.out
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.gone = cmd, gone
	p.mu.Unlock()
	go func() { p.err = cmd.Wait(); close(gone) }()

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.ready, nil)
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
			return fmt.Errorf("the program ended: %w\n%s", p.err, p.out.bytes())
		case <-ctx.Done():
			return errors.New("the program is not ready")
		case <-tick.C:
		}
	}
}

// kill ends the program as a power failure would.
func (p *process) kill() {
	p.mu.Lock()
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-gone
}

// stop ends it as Ctrl-C does; it must end by itself and well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.gone:
		if p.err != nil {
			t.Errorf("the program ended with %v\n%s", p.err, p.out.bytes())
		}
	case <-limit.C:
		t.Errorf("the program did not stop within %v", patience)
	}
}

// visit gives a test what it asks both programs with, until it ends: plain HTTP, the banks' books, and a wallet that
// repeats nothing by itself.
func visit(t *testing.T, farm, gateway *process) (*http.Client, *control.Farm, *client.Client) {
	t.Helper()
	c := &http.Client{Timeout: patience}
	t.Cleanup(c.CloseIdleConnections)
	wallet, err := client.New(gateway.url, gateway.key(t), client.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wallet.Close)
	return c, control.New(farm.url, c), wallet
}
