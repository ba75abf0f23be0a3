package adaptertest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// farm is the program of the mock banks, in a process of its own: a gateway's test may not hold the judge in its hands.
type farm struct {
	*control
	keys      string
	profiles  fstest.MapFS
	addresses map[string]string // host:port of each channel
}

// startFarm builds the program, has it make keys, and runs it until the test ends. Its unasked words go to callbacks.
func startFarm(t testing.TB, files fstest.MapFS, channels []string, callbacks string) *farm {
	t.Helper()
	dir := t.TempDir()
	program, set := filepath.Join(dir, "mockbanks"), filepath.Join(dir, "profiles")
	f := &farm{keys: filepath.Join(dir, "keys"), profiles: files, addresses: map[string]string{}}
	if err := os.CopyFS(set, files); err != nil {
		t.Fatal(err)
	}
	command(t, "go", "build", "-o", program, "kaqiao/mockbanks")
	command(t, program, "keys", "--profiles", set, "--out", f.keys)

	listen, call := make([]string, len(channels)), make([]string, len(channels))
	for i, c := range channels {
		listen[i], call[i] = c+"=127.0.0.1:0", c+"="+callbacks+c
	}
	cmd := exec.Command(program, "serve", "--profiles", set, "--keys", f.keys, "--data", filepath.Join(dir, "books"), //nolint:gosec,noctx // our own program, which the test ends
		"--control", "127.0.0.1:0", "--host", "127.0.0.1", "--listen", strings.Join(listen, ","), "--callback", strings.Join(call, ","))
	log := &tail{}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
	})
	ready := make(chan error, 1)
	go func() {
		defer close(gone)
		ready <- f.hear(out)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	select {
	case err := <-ready:
		if err != nil {
			t.Fatalf("the banks did not start: %v\n%s", err, log)
		}
	case <-time.After(patience):
		t.Fatalf("the banks did not start within %v\n%s", patience, log)
	}
	return f
}

// hear reads where everything listens, which is said when it does.
func (f *farm) hear(out io.Reader) error {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		if words[0] == "control" {
			f.control = newControl(words[1])
			return nil
		}
		f.addresses[words[0]] = words[1]
	}
	return errors.New("they ended")
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil { //nolint:gosec // our own programs
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), args[0], err, out)
	}
}

// tail keeps the last that a program logs.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-8<<10):]
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
