package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// room says whether the running program's files may grow: without it every
// write of a file fails, for root as well, as on a disk that is full.
func (p *process) room(t *testing.T, room bool) {
	t.Helper()
	limit := unix.Rlimit{Cur: 0, Max: unix.RLIM_INFINITY}
	if room {
		limit.Cur = unix.RLIM_INFINITY
	}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

// status asks for a path without a key.
func status(ctx context.Context, t *testing.T, c *http.Client, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// The real gateway on a disk that is full: it lives, says so, asks no bank, and
// loses nothing, neither when there is room again nor when it is killed meanwhile.
func TestDiskIsFull(t *testing.T) {
	farm, gateway := startPrograms(t)
	c, books, wallet := visit(t, farm, gateway)
	who, _, err := books.Customers(t.Context(), "abc", "debit", "", 3)
	if err != nil || len(who) != 3 {
		t.Fatalf("%d customers, %v", len(who), err)
	}
	code := func(n int) string {
		inbox, err := books.Inbox(t.Context(), "abc", who[n].Mobile.Reveal(), "", patience)
		if err != nil || len(inbox) == 0 {
			t.Fatalf("%d messages, %v", len(inbox), err)
		}
		return inbox[len(inbox)-1].Code.Reveal()
	}
	exchanges := func() int {
		list, _, err := books.Exchanges(t.Context(), "abc", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	state := func(id string) string {
		b, err := wallet.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return string(b.State)
	}
	begin := func(n int, key string) (client.Answer, error) {
		return wallet.Create(t.Context(), request(who[n]), key)
	}
	confirm := func(id string, n int) (client.Answer, error) {
		return wallet.Confirm(t.Context(), id, client.ConfirmRequest{Code: code(n)}, "confirm-"+id)
	}

	active, err := begin(0, "")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := confirm(active.ID, 0); err != nil || a.State != "active" {
		t.Fatalf("%s, %v", a.State, err)
	} else {
		active = a
	}
	waiting, err := begin(1, "")
	if err != nil {
		t.Fatal(err)
	}
	before := exchanges()

	gateway.room(t, false)
	refused := func(what string, err error) {
		t.Helper()
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != client.ProblemCodeStorageUnavailable || p.Outcome != client.OutcomeNotSent || p.Meta.RetryAfter <= 0 {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	for range 5 {
		_, err := begin(2, "new")
		refused("create", err)
		_, err = confirm(waiting.ID, 1)
		refused("confirm", err)
		_, err = wallet.Revoke(t.Context(), active.ID, "")
		refused("revoke", err)
	}
	if code, text := status(t.Context(), t, c, http.MethodGet, gateway.url+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %s", code, text)
	}
	// The bank ends an agreement, and says it until somebody has written it down.
	if code, text := status(t.Context(), t, c, http.MethodPost, farm.url+"/banks/abc/agreements/"+active.Agreement.Number+"/revoke"); code >= 300 {
		t.Fatalf("%d %s", code, text)
	}
	eventually(t, "the gateway turns the notice away", func(context.Context) bool {
		return bytes.Contains(gateway.out.bytes(), []byte("a notice was not taken"))
	})
	if now := exchanges(); now != before {
		t.Errorf("the bank was asked %d times", now-before)
	}
	if s := state(waiting.ID) + " " + state(active.ID); s != "awaiting_code active" {
		t.Errorf("the states are shown as %s", s)
	}

	gateway.room(t, true)
	eventually(t, "it is ready again", func(ctx context.Context) bool {
		code, _ := status(ctx, t, c, http.MethodGet, gateway.url+"/readyz")
		return code == http.StatusOK
	})
	if a, err := confirm(waiting.ID, 1); err != nil || a.State != "active" {
		t.Errorf("once there is room: %s, %v", a.State, err)
	}
	eventually(t, "the notice is heard", func(context.Context) bool { return state(active.ID) == "revoked" })
	fresh, err := begin(2, "new")
	if err != nil {
		t.Fatalf("the same key, once there is room: %v", err)
	}

	gateway.room(t, false)
	_, err = confirm(fresh.ID, 2)
	refused("confirm", err)
	gateway.kill()
	gateway.start(t)
	if s := state(waiting.ID) + " " + state(active.ID) + " " + state(fresh.ID); s != "active revoked awaiting_code" {
		t.Errorf("after it was killed on a full disk: %s", s)
	}
	if a, err := confirm(fresh.ID, 2); err != nil || a.State != "active" {
		t.Errorf("%s, %v", a.State, err)
	}
	mustAgree(t, wallet, books)
	if n := bytes.Count(gateway.out.bytes(), []byte("the journal can't be written")); n != 2 {
		t.Errorf("the log says %d times that the disk fails, want once each time", n)
	}
	gateway.stop(t)
	farm.stop(t)
}

// The banks' disk is full: a bank says that it is busy, never yes, and holds
// nothing that it has not said. Whether a confirm has left something is found out.
func TestBanksDiskIsFull(t *testing.T) {
	farm, gateway := startPrograms(t)
	gateway.stop(t)
	gateway.env = append(gateway.env, "KAQIAO_CHANNELS_NUCC_RESOLVE_VISIBLE_AFTER=1s", "KAQIAO_CHANNELS_NUCC_RESOLVE_NOT_FOUND_TIMES=1")
	gateway.start(t)
	_, books, wallet := visit(t, farm, gateway)
	type session struct {
		id, bank string
		code     client.ConfirmRequest
		next     control.Customer
	}
	var all []session
	for _, bank := range []string{"abc", "bob"} { // behind a hub, and over a line of its own
		who, _, err := books.Customers(t.Context(), bank, "debit", "", 2)
		if err != nil || len(who) != 2 {
			t.Fatalf("%d customers, %v", len(who), err)
		}
		begun, err := wallet.Create(t.Context(), request(who[0]), "")
		if err != nil {
			t.Fatal(err)
		}
		inbox, err := books.Inbox(t.Context(), bank, who[0].Mobile.Reveal(), "", patience)
		if err != nil || len(inbox) == 0 {
			t.Fatalf("%d messages, %v", len(inbox), err)
		}
		all = append(all, session{begun.ID, bank, client.ConfirmRequest{Code: inbox[len(inbox)-1].Code.Reveal()}, who[1]})
	}
	farm.room(t, false)
	for _, s := range all {
		if b, err := wallet.Confirm(t.Context(), s.id, s.code, ""); err != nil || b.State != "processing" {
			t.Errorf("%s: confirm: %s, %v", s.bank, b.State, err)
		}
		_, err := wallet.Create(t.Context(), request(s.next), "")
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != client.ProblemCodeBankBusy || p.Outcome != client.OutcomeRefused {
			t.Errorf("%s: create: %+v, %v", s.bank, p, err)
		}
	}
	farm.room(t, true)
	for _, s := range all {
		var b client.Answer
		var err error
		eventually(t, s.bank+": it is found out", func(ctx context.Context) bool {
			b, err = wallet.Get(ctx, s.id)
			return err == nil && b.State != "processing"
		})
		if list, _, err := books.Agreements(t.Context(), s.bank, "", 10); err != nil || len(list) != 0 || b.State == "active" {
			t.Errorf("%s: the binding is %s, the bank holds %+v, %v", s.bank, b.State, list, err)
		}
		if b.State == "awaiting_code" { // where the bank could be asked, the code is still good
			if b, err = wallet.Confirm(t.Context(), s.id, s.code, ""); err != nil || b.State != "active" {
				t.Errorf("%s: once there is room: %s, %v", s.bank, b.State, err)
			}
		}
		if _, err := wallet.Create(t.Context(), request(s.next), ""); err != nil {
			t.Errorf("%s: create, once there is room: %v", s.bank, err)
		}
	}
	mustAgree(t, wallet, books)
	gateway.stop(t)
	farm.stop(t)
}

// begunBinding begins a binding at the gateway.
func begunBinding(t *testing.T, farm, gateway *process) {
	t.Helper()
	_, books, wallet := visit(t, farm, gateway)
	who, _, err := books.Customers(t.Context(), "abc", "debit", "", 1)
	if err != nil || len(who) != 1 {
		t.Fatalf("%d customers, %v", len(who), err)
	}
	if _, err := wallet.Create(t.Context(), request(who[0]), ""); err != nil {
		t.Fatal(err)
	}
}

// What the program says of a journal that it can't use, and that it leaves it as it is.
func TestJournalThatCantBeUsed(t *testing.T) {
	farm, gateway := startPrograms(t)
	data := filepath.Join(gateway.dir, "data", "journal.db")
	under := "" // what a shell does before it becomes the gateway
	refuses := func(what, says string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		args := append([]string{"-c", under + ` exec "$0" "$@"`, gateway.binary}, gateway.args...)
		cmd := exec.CommandContext(ctx, "sh", append(args, "--listen", "127.0.0.1:0", "--callbacks", "127.0.0.1:0")...) //nolint:gosec // our own program
		cmd.Env = gateway.env
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !exit.Exited() || !strings.Contains(string(out), says) || !strings.Contains(string(out), data) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
	refuses("a second gateway", "in use by another gateway")
	begunBinding(t, farm, gateway) // so that there is a log of what was acknowledged
	gateway.kill()
	sound := map[string][]byte{}
	for _, end := range []string{"", "-wal", "-shm"} {
		text, err := os.ReadFile(data + end) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		sound[end] = text
	}
	put := func(end string, text []byte) {
		t.Helper()
		if err := os.WriteFile(data+end, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const header = 32 + 24 // of the log and of its first frame
	put("-wal", sound["-wal"][:header+100])
	refuses("a stump of its log", "sqlite3 journal.db .recover")
	if err := os.Remove(data + "-wal"); err != nil {
		t.Fatal(err)
	}
	refuses("no log", "sqlite3 journal.db .recover")
	for end, text := range sound {
		put(end, text)
	}
	gateway.start(t)
	gateway.stop(t)

	under = "ulimit -f 0;"
	refuses("a full disk", "journal can't be read or written")
	under = ""

	whole, err := os.ReadFile(data) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	copy(damaged[len(damaged)/3:], bytes.Repeat([]byte{0xA5, 0x5A}, len(damaged)/6))
	put("", damaged)
	refuses("damaged pages", "sqlite3 journal.db .recover")
	if now, err := os.ReadFile(data); err != nil || !bytes.Equal(now, damaged) { //nolint:gosec // the test's own
		t.Errorf("the damaged journal was changed: %v", err)
	}
	put("", whole)
	gateway.start(t)
	gateway.stop(t)
}
