// Package up keeps a farm and a gateway running as child processes: it starts
// them in order, waits until both are ready, and stops them in reverse. When it
// dies itself, however it dies, nothing is left running.
package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Config says what to start. The zero value of a field means its default.
type Config struct {
	Bin      string        // folder of the programs; default: that of this program
	Home     string        // folder of keys, data and logs; default .kaqiao
	Farm     string        // address of the farm's control port; default 127.0.0.1:9090
	Gateway  string        // address of the gateway's API; default 127.0.0.1:8080
	Profiles string        // folder of profiles for both; default: those in the programs
	Patience time.Duration // how long each may take to be ready, and to stop; default 60 s
	Out      io.Writer     // what people read
}

// Pair is a farm and a gateway under way: the farm first, then the gateway.
type Pair struct {
	cfg      Config
	programs []*program // in the order of their start
}

// Run starts the pair, calls then once both are ready, and stops the pair when
// then returns, when ctx ends, or when one of the two ends by itself. A nil
// then waits for ctx, whose end is then no error.
func Run(ctx context.Context, cfg Config, then func(context.Context) error) (err error) {
	// The death signal of a child is tied to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	p := &Pair{cfg: cfg.withDefaults()}
	defer func() {
		err = errors.Join(err, p.stop())
		if ctx.Err() != nil {
			fmt.Fprintln(p.cfg.Out, "stopped")
		}
	}()
	fmt.Fprintln(p.cfg.Out, "starting farm and gateway; the first time, the banks' customers are invented …")
	if err := p.start(ctx); err != nil {
		if ctx.Err() == nil {
			return err
		}
		if then == nil {
			return nil
		}
		return context.Cause(ctx)
	}
	fmt.Fprintf(p.cfg.Out, "gateway  http://%s   caller key: %s\nfarm     http://%s   logs: %s\n",
		p.cfg.Gateway, filepath.Join(p.cfg.Home, "dev-caller.key"), p.cfg.Farm, filepath.Join(p.cfg.Home, "logs"))

	return p.accompany(ctx, then)
}

// accompany runs then beside the programs, until it returns or one of them ends.
func (p *Pair) accompany(outer context.Context, then func(context.Context) error) error {
	if then == nil {
		fmt.Fprintln(p.cfg.Out, "ready; Ctrl-C stops both")
		then = func(ctx context.Context) error { <-ctx.Done(); return nil }
	}
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	var outcome error
	done := make(chan struct{})
	go func() {
		defer close(done)
		outcome = then(ctx)
	}()

	var fell *program
	select {
	case <-done:
		return outcome
	case <-p.programs[0].gone:
		fell = p.programs[0]
	case <-p.programs[1].gone:
		fell = p.programs[1]
	}
	cancel()
	<-done
	// Whoever stops us may stop the children too: one that ends with us has not failed.
	if outer.Err() != nil && fell.err == nil {
		return nil
	}
	return fell.fell()
}

func (c Config) withDefaults() Config {
	if c.Bin == "" {
		c.Bin = "bin"
		if self, err := os.Executable(); err == nil {
			c.Bin = filepath.Dir(self)
		}
	}
	if c.Home == "" {
		c.Home = ".kaqiao"
	}
	if c.Farm == "" {
		c.Farm = "127.0.0.1:9090"
	}
	if c.Gateway == "" {
		c.Gateway = "127.0.0.1:8080"
	}
	if c.Patience == 0 {
		c.Patience = time.Minute
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	return c
}

func (p *Pair) start(ctx context.Context) error {
	for _, one := range p.cfg.plan() {
		if taken(ctx, one.ready) {
			return fmt.Errorf("start %s: something answers at %s already: stop it first", one.name, one.ready)
		}
		prog, err := launch(p.cfg, one.name, one.args)
		if err != nil {
			return err
		}
		p.programs = append(p.programs, prog)
		if err := prog.awaitReady(ctx, one.ready, p.cfg.Patience); err != nil {
			return err
		}
	}
	return nil
}

// planned is one program to start, and the URL that tells that it is ready.
type planned struct {
	name, ready string
	args        []string
}

func (c Config) plan() []planned {
	keys := filepath.Join(c.Home, "keys")
	farm := []string{"serve", "--keys", keys, "--data", filepath.Join(c.Home, "farm"), "--control", c.Farm}
	gateway := []string{"serve", "--dev", "--keys", keys, "--data", filepath.Join(c.Home, "gateway"), "--listen", c.Gateway,
		"--dev-caller-key", filepath.Join(c.Home, "dev-caller.key")}
	if c.Profiles != "" {
		farm, gateway = append(farm, "--profiles", c.Profiles), append(gateway, "--profiles", c.Profiles)
	}
	return []planned{
		{"mockbanks", "http://" + c.Farm + "/healthz", farm},
		{"gateway", "http://" + c.Gateway + "/readyz", gateway},
	}
}

// stop ends the programs in reverse order, softly and, after the patience, hard.
func (p *Pair) stop() error {
	var errs []error
	for i := len(p.programs) - 1; i >= 0; i-- {
		errs = append(errs, p.programs[i].stop(p.cfg.Patience))
	}
	return errors.Join(errs...)
}

var errEndedWell = errors.New("ended")

// program is one child process.
type program struct {
	name string
	cmd  *exec.Cmd
	log  string
	gone chan struct{} // closed when it has ended; err is set before
	err  error
}

func launch(cfg Config, name string, args []string) (*program, error) {
	logs := filepath.Join(cfg.Home, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	path := filepath.Join(logs, name+".log")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	// Not CommandContext: it would kill where stop asks first.
	cmd := exec.Command(filepath.Join(cfg.Bin, name), args...) //nolint:noctx // stop decides how it ends
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = OwnGroup()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w (make build makes it)", name, err)
	}
	p := &program{name: name, cmd: cmd, log: path, gone: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.gone)
	}()
	return p, nil
}

// fell tells how a program ended that nobody had stopped.
func (p *program) fell() error {
	how := errEndedWell
	if p.err != nil {
		how = p.err
	}
	return fmt.Errorf("%s stopped by itself: %w\n%s", p.name, how, tail(p.log))
}

func (p *program) stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.gone:
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.gone
		return fmt.Errorf("%s did not stop within %s and was killed", p.name, patience)
	}
}

// tail returns the last lines of a log.
func tail(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-8):], []byte("\n"))
}
