package e2e

import (
	"context"
	"crypto/tls"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kaqiao/gateway/client"
)

// Keys are replaced on the disk under the real gateway. SIGHUP takes a channel's
// new keys into use and leaves the old ones where the new ones are wrong; a
// caller's key is in use without one. Meanwhile a bank's notices come over TLS with its certificate.
func TestKeysAreReplacedUnderARunningGateway(t *testing.T) {
	files := quickProfiles(t, quickAnswer)
	nucc := files["channels/nucc.yaml"]
	nucc.Data = append(nucc.Data, `
notices:
  tls:
    ca: file:nucc/notices/ca.crt
    name: notices.nucc.example
    client_cert: file:nucc/notices/client.crt
    client_key: file:nucc/notices/client.key
    gateway_ca: file:gateway/ca.crt
`...)
	folder := onDisk(t, files)
	farm, gateway := newPrograms(t, folder)
	ours := copyOf(t, keys(t))
	makeKeys := func(out string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), farm.binary, "keys", "--out", out, "--profiles", folder) //nolint:gosec // our own program
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("keys: %v\n%s", err, out)
		}
	}
	makeKeys(ours)
	banks := copyOf(t, ours)
	gateway.args = append(gateway.args, "--keys", ours,
		"--callbacks-cert", filepath.Join(ours, "gateway", "callbacks.crt"), "--callbacks-key", filepath.Join(ours, "gateway", "callbacks.key"))
	farm.args = append(farm.args, "--keys", banks, "--callback", strings.ReplaceAll(farm.flag("--callback"), "http://", "https://"))
	farm.start(t)
	gateway.start(t)
	p := overPrograms(t, farm, gateway)
	p.noticeOverTLS(t, gateway)

	who := p.customers(t, "bob", "debit", 4)
	p.bind(t, "bob", who[0])
	hangUp := func(says string) {
		t.Helper()
		before := strings.Count(string(gateway.out.bytes()), says)
		if err := gateway.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the log says: "+says, func(context.Context) bool { return strings.Count(string(gateway.out.bytes()), says) > before })
	}

	master := filepath.Join("bob", "master.key")
	replace(t, filepath.Join(ours, master), []byte("no key\n"))
	hangUp("those known before stay in use")
	if log := string(gateway.out.bytes()); !strings.Contains(log, "master.key") || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log does not say which key is wrong\n%s", log)
	}
	p.bind(t, "bob", who[1])

	for _, name := range []string{master, filepath.Join("bob", "mac.key")} { // the bank has fresh ones made
		if err := os.Remove(filepath.Join(banks, name)); err != nil {
			t.Fatal(err)
		}
	}
	makeKeys(banks)
	farm.stop(t)
	farm.start(t)
	if a, err := p.client.Create(t.Context(), request(who[2]), client.NewKey()); err == nil && a.State == "awaiting_code" {
		t.Fatal("the bank still takes the old keys: nothing is tried here")
	}
	for _, name := range []string{master, filepath.Join("bob", "mac.key")} {
		text, err := os.ReadFile(filepath.Join(banks, name)) //nolint:gosec // the test's own file
		if err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(ours, name), text)
	}
	hangUp("the keys of a channel were changed")
	eventually(t, "the bank's breaker closes", func(ctx context.Context) bool {
		b, err := p.client.BankByID(ctx, "bob")
		return err == nil && b.Health.State == "healthy"
	})
	p.bind(t, "bob", who[3])

	more := exec.CommandContext(t.Context(), gateway.binary, "keys", "caller", "--id", "dev", "--data", filepath.Join(gateway.dir, "data")) //nolint:gosec // our own program
	key, err := more.Output()
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(key))}}
	eventually(t, "the caller's new key is in use", func(context.Context) bool {
		_, status := p.raw(t, http.MethodGet, gateway.url+"/v1/banks", "", header)
		return status == http.StatusOK
	})
	gateway.stop(t)
	farm.stop(t)
}

// noticeOverTLS has a bank end an agreement, and a stranger say that it has.
func (p *pair) noticeOverTLS(t *testing.T, gateway *process) {
	t.Helper()
	bound := p.bind(t, "abc", p.customers(t, "abc", "debit", 1)[0])
	if text, status := p.raw(t, http.MethodPost, p.farmURL+"/banks/abc/agreements/"+bound.Agreement.Number+"/revoke", "", nil); status >= 300 {
		t.Fatalf("status %d %s", status, text)
	}
	eventually(t, "the gateway has heard of it", func(ctx context.Context) bool {
		got, err := p.client.Get(ctx, bound.ID)
		return err == nil && got.State == "revoked"
	})
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // whom it meets is not the question
	defer stranger.CloseIdleConnections()
	res, err := stranger.Post("https://"+gateway.flag("--callbacks")+"/callbacks/nucc", "application/xml", strings.NewReader("<root/>"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger's notice was answered %d", res.StatusCode)
	}
}

// copyOf copies a folder of keys, readable by nobody else.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rest), 0o700)
		}
		text, err := os.ReadFile(name) //nolint:gosec // below the folder
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rest), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// replace puts a file in the place of another in one step.
func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
