package command

import (
	"path/filepath"
	"strings"
	"testing"
)

// The vault's keys and callers' keys rotate by command, and the lists show it.
func TestRotationCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	do := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := run(t, "", append(append([]string{"keys"}, args...), "--data", data)...)
		if code != want || !strings.Contains(out+errs, says) {
			t.Fatalf("%v: exit %d, want %d and %q: %s%s", args, code, want, says, out, errs)
		}
		return strings.TrimSpace(out)
	}
	do(exitFailed, "vault.key", "vault", "list")
	do(exitFailed, "vault.key", "vault", "add")
	do(exitOK, "made", "init")
	do(exitOK, "first\tactive\tsince the beginning\tkeys of 0 days", "vault", "list")
	do(exitFailed, "add another first", "vault", "destroy", "--id", "first")
	do(exitUsage, "--id", "vault", "destroy")
	next := do(exitOK, "kek-", "vault", "add")
	do(exitOK, "0 days", "vault", "rewrap")
	do(exitOK, "Destroy its copies", "vault", "destroy", "--id", "first")
	do(exitOK, next+"\tactive", "vault", "list")
	do(exitOK, "first\tdestroyed", "vault", "list")

	do(exitOK, "kq_", "caller", "--id", "wallet-a")
	do(exitOK, "kq_", "caller", "--id", "wallet-a", "--overlap", "1h")
	list := do(exitOK, "until it is retired", "caller", "list")
	lines := strings.Split(list, "\n")
	if len(lines) != 2 || strings.Contains(lines[1], "retired") || strings.Contains(list, "kq_") {
		t.Fatal(list)
	}
	id := func(line string) string { return strings.Fields(line)[1] }
	do(exitOK, "is revoked", "caller", "revoke", "--key", id(lines[1]))
	do(exitOK, "retires", "caller", "retire", "--key", id(lines[0]), "--overlap", "1m")
	do(exitFailed, "no such key", "caller", "revoke", "--key", id(lines[1]))
	do(exitUsage, "--key", "caller", "revoke")
	do(exitUsage, "--key", "caller", "retire")
	do(exitUsage, "--overlap", "caller", "retire", "--key", "x", "--overlap", "9000h")
	do(exitUsage, "--overlap", "caller", "--id", "x", "--overlap", "-1s")
	do(exitOK, "revoked", "caller", "revoke", "--key", id(lines[0]))
	do(exitOK, "wallet-a\tno key", "caller", "list")
}
