package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/loadtest/load"
	"kaqiao/loadtest/report"
)

func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, wrong bytes.Buffer
	code = run(t.Context(), args, &out, &wrong)
	return code, out.String(), wrong.String()
}

func TestMistakesOnTheCommandLineExitWithTwo(t *testing.T) {
	for _, args := range [][]string{
		{"atack"},
		{"attack", "--rat", "5"},
		{"attack", "--rate", "fast"},
		{"attack", "--rate", "-1"},
		{"attack", "--for", "0s"},
		{"attack", "--stages", "nonsense"},
		{"attack", "--mix", "debit=-1"},
		{"attack", "--banks", "abc,abc"},
		{"attack", "--platform", "cash"},
		{"attack", "--lang", "fr"},
		{"attack", "--in-flight", "0"},
		{"attack", "--timeout", "0s"},
		{"attack", "--connections", "0"},
		{"verify", "--connections", "100001"},
		{"verify", "--wait", "61m"},
		{"attack", "--scenario", "none"},
		{"attack", "now"},
		{"report"},
		{"verify", "--lang", "fr"},
	} {
		if code, _, stderr := call(t, args...); code != exitUsage || !strings.Contains(stderr, "--help") {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}

func TestHelpAndVersionExitWithZero(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"attack", "--help"}, {"version"}, {}} {
		if code, stdout, _ := call(t, args...); code != exitOK || stdout == "" {
			t.Errorf("%v: exit code %d, %q", args, code, stdout)
		}
	}
}

func TestWhatCannotBeReachedExitsWithOne(t *testing.T) {
	key := keyFile(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	for _, args := range [][]string{
		{"attack", "--key-file", filepath.Join(t.TempDir(), "none")},
		{"attack", "--key-file", key, "--farm", dead.URL},
		{"verify", "--key-file", key, "--gateway", dead.URL, "--farm", dead.URL},
		{"report", filepath.Join(t.TempDir(), "none.json")},
		{"report", key},
	} {
		if code, _, stderr := call(t, args...); code != exitFailed || stderr == "" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}

func TestReportIsShownAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	r := report.Make(report.Run{Pace: load.Constant(1, time.Second), Starts: load.Starts{Began: time.Now(), Asked: 1}})
	if err := writeFile(path, r.JSON); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := call(t, "report", "--lang", "zh", path); code != exitOK || !strings.Contains(stdout, "卡桥压测") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, stdout, _ := call(t, "report", "--json", "-", path); code != exitOK || !strings.HasPrefix(stdout, "{") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

func TestVerifyExitsWithThreeWhereBooksDiffer(t *testing.T) {
	agreements := `{"agreements":[{"number":"A1","state":"signed","card_last4":"0012","at":"2026-11-23T10:00:00+08:00"}]}`
	both := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"/banks":                `{"banks":[{"id":"abc"}]}`,
			"/banks/abc/agreements": agreements,
			"/v1/bindings": `{"bindings":[{"id":"bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX","state":"active","bank":{"id":"abc","tier":"state"},
				"agreement":{"number":"A1"},"card":{"last4":"0012"}}]}`,
		}[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	defer both.Close()
	args := []string{"verify", "--key-file", keyFile(t), "--gateway", both.URL, "--farm", both.URL}
	if code, stdout, stderr := call(t, args...); code != exitOK || !strings.Contains(stdout, "one truth") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	agreements = `{"agreements":[]}`
	if code, stdout, stderr := call(t, args...); code != exitBreaks || !strings.Contains(stdout, "gateway only") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "caller.key")
	if err := os.WriteFile(path, []byte("test-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
