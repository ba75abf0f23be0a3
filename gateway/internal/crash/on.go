//go:build crashpoints

package crash

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Enabled reports whether this program can be told to end at a point.
const Enabled = true

// Folder is the environment variable with the folder that a test and the
// program share. In its file passed the program writes each point that it
// passes, a line each: the point's name and what it was passed for. A line of
// the same kind with a number before it in the file at, such as
// `1 bank.sent confirm`, ends the process when passed holds as many of it. A
// test begins anew by emptying passed; a file rather than the variable itself
// says where to end, so that one start serves for recovering from one crash
// and running into the next.
const Folder = "KAQIAO_CRASH_FOLDER"

// one passes at a time, so that no number is passed over.
var one sync.Mutex

// Here is passed at a point. Where the test wants it the process ends here as
// if its power were cut: nothing that is deferred runs.
func Here(p Point, what string) {
	folder := os.Getenv(Folder)
	if folder == "" {
		return
	}
	one.Lock()
	defer one.Unlock()
	line := strings.TrimSpace(p.String() + " " + what)
	n, err := note(filepath.Join(folder, "passed"), line)
	if err != nil {
		panic(err)
	}
	at, err := os.ReadFile(filepath.Join(folder, "at")) //nolint:gosec // a test names it
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		panic(err)
	}
	if strings.TrimSpace(string(at)) == fmt.Sprintf("%d %s", n, line) {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// note appends a line and returns how many of it there are.
func note(path, line string) (n int, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // a test names it
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := fmt.Fprintln(f, line); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // as above
	for l := range bytes.Lines(text) {
		if strings.TrimSpace(string(l)) == line {
			n++
		}
	}
	return n, err
}
