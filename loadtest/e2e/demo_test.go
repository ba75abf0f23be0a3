package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kaqiao/loadtest/control"
)

// A terminal's Ctrl-C reaches all of a group at once. In the middle of the demo's
// attack, the attack still reports what it has, and the banks still close their books.
func TestCtrlCInTheMiddleOfTheDemo(t *testing.T) {
	u := prepareUp(t)
	cmd := exec.Command(u.binary, append(u.args, "--then", "demo")...) //nolint:gosec // our own program; the test ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = u.env, &u.out, &u.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.cmd, u.gone = cmd, make(chan struct{})
	go func() { u.err = cmd.Wait(); close(u.gone) }()
	farm := control.New(u.farm, http.DefaultClient)
	eventually(t, "a binding of the attack", func(ctx context.Context) bool {
		select {
		case <-u.gone:
			t.Fatalf("the demo ended: %v\n%s", u.err, u.out.bytes())
		default:
		}
		// The demo itself binds at the first bank of each tier, which icbc is not.
		messages, err := farm.Inbox(ctx, "icbc", "", "", 0)
		return err == nil && len(messages) > 0
	})
	group := -cmd.Process.Pid
	if err := syscall.Kill(group, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-u.gone
	var ended *exec.ExitError
	if !errors.As(u.err, &ended) || ended.ExitCode() != 130 {
		t.Errorf("it ended with %v, want exit code 130", u.err)
	}
	said := string(u.out.bytes())
	for _, want := range []string{
		"tier state", "tier city", "tier foreign", "the bank receives epcc.101.001.01", "somebody says yes", "approved in the bank's app", "a text message arrives", `"state": "signed"`, // the demo
		"Kaqiao load test", "stopped\nloadtest: interrupted\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	u.mustBeGone(t)
	open, err := filepath.Glob(filepath.Join(u.dir, "farm", "*-wal"))
	if _, lost := os.Stat(filepath.Join(u.dir, "farm", "abc.db")); err != nil || lost != nil || len(open) > 0 {
		t.Errorf("books were not closed: %v %v %v", open, err, lost)
	}
}
