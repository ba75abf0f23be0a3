package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kaqiao/loadtest/report"
)

// Every failure that can be planned is run into, and the caller is told what it
// is. Then no bank misbehaves any more, and both sides' books agree.
func TestEveryPlannedFailureIsClassifiedRight(t *testing.T) {
	p := startPair(t)
	path := filepath.Join(t.TempDir(), "run.json")
	cmd := p.attack(t, "--rate", "30", "--for", "4s", "--failing", "90%", "--fail-on-missed", "--json", path,
		"--failures", "information=42,bank=35,terminal=23,account=20", "--mix", "debit=3,credit=1,class_ii=1,hk_macao_taiwan=1,foreign=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the attack ended with %v\n%s", err, out)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the test's own folder
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil || r.Classified == nil {
		t.Fatalf("no report of failures: %v", err)
	}
	c := r.Classified
	if c.Planned != 108 || c.Healthy != 12 || c.Right != 120 || c.Wrong != 0 || c.NotJudged != 0 {
		t.Errorf("%+v", c)
	}
	codes := map[string]bool{}
	for _, k := range c.Kinds {
		codes[k.Code] = true
	}
	for _, code := range []string{
		"name_mismatch", "name_format", "document_mismatch", "mobile_mismatch", "card_invalid", "cvv_mismatch", "card_expired", "code_wrong", "code_locked",
		"bank_busy", "bank_timeout", "bank_refused", "processing", "os_too_old", "restricted_mode",
		"class_restricted", "virtual_card_no_permission", "online_payment_not_opened", "account_frozen", "account_closed", "card_lost",
	} {
		if !codes[code] {
			t.Errorf("no binding ran into %s", code)
		}
	}
	if len(r.Asked.Failures.Aside) == 0 || len(r.Asked.Failures.Aside) == len(p.set.Banks) {
		t.Errorf("%d banks are set aside", len(r.Asked.Failures.Aside))
	}
	if n := p.misbehaving(t); n != 0 {
		t.Errorf("%d banks still misbehave", n)
	}
	p.mustAgree(t)
}

// Ctrl-C in the middle of an attack leaves no bank in trouble.
func TestInterruptedAttackLeavesNoBankInTrouble(t *testing.T) {
	p := startPair(t)
	cmd := p.attack(t, "--rate", "10", "--for", "1m", "--failures", "document")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "banks misbehave", func(context.Context) bool { return p.misbehaving(t) == 6 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the attack ended with %v", err)
	}
	if n := p.misbehaving(t); n != 0 {
		t.Errorf("%d banks still misbehave", n)
	}
}

// A farm that somebody else has ordered trouble from is left as it is.
func TestAttackTouchesNobodyElsesTrouble(t *testing.T) {
	p := startPair(t)
	for _, b := range p.set.Banks {
		if err := p.control.Behave(t.Context(), b.ID, map[string]any{"faults": []any{}}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := p.attack(t, "--rate", "10", "--for", "1s", "--failures", "document").CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 || !strings.Contains(string(out), "behave otherwise already") {
		t.Errorf("the attack ended with %v\n%s", err, out)
	}
	if n := p.misbehaving(t); n != len(p.set.Banks) {
		t.Errorf("%d banks are left as they were", n)
	}
}

// attack is the command against this pair.
func (p *pair) attack(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	key := filepath.Join(t.TempDir(), "caller.key")
	if err := os.WriteFile(key, []byte(p.key), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"attack", "--gateway", p.url, "--farm", p.farmURL, "--key-file", key}, args...)
	return exec.CommandContext(t.Context(), filepath.Join(programs(t), "loadtest"), args...) //nolint:gosec // our own program
}

// misbehaving is how many banks have been told to behave otherwise than their profiles say.
func (p *pair) misbehaving(t *testing.T) (n int) {
	t.Helper()
	for _, b := range p.set.Banks {
		layered, err := p.control.Layered(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		if layered {
			n++
		}
	}
	return n
}
