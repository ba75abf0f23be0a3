package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// oneTune is a gateway that refuses everything for one reason, and a farm of one bank.
func oneTune(category, code string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/banks":
			_, _ = w.Write([]byte(`{"banks":[{"id":"abc","tier":"state"}]}`))
		case "/banks/abc/customers":
			_, _ = w.Write([]byte(`{"customers":[{"name":"张三","document":{"type":"resident_id","number":"11010519491231002X"},"mobile":"+8613800138000",
				"cards":[{"number":"6228480402564890018","type":"debit","class":"I","online_payment":true}]}]}`))
		default:
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(map[string]string{"category": category, "code": code})
		}
	})
}

func TestAttackExitsWithThreeWhereAFailureIsClassifiedWrong(t *testing.T) {
	for _, c := range []struct {
		category, code string
		want           int
		says           string
	}{
		{"terminal", "os_too_old", exitOK, "classified right"},
		{"information", "os_too_old", exitBreaks, "classified wrong: 1"},
		{"terminal", "restricted_mode", exitBreaks, "classified wrong: 1"},
	} {
		both := httptest.NewServer(oneTune(c.category, c.code))
		code, stdout, stderr := call(t, "attack", "--key-file", keyFile(t), "--gateway", both.URL, "--farm", both.URL,
			"--rate", "10", "--for", "100ms", "--failures", "terminal", "--fail-on-missed")
		both.Close()
		if code != c.want || !strings.Contains(stdout, c.says) {
			t.Errorf("%s %s: exit code %d, want %d\n%s%s", c.category, c.code, code, c.want, stdout, stderr)
		}
	}
}

func TestFailuresThatCannotBeAskedForAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--failures", "weather"},
		{"--failures", "bank=0"},
		{"--failures", "document", "--failing", "0%"},
		{"--failures", "document", "--failing", "120%"},
		{"--failures", "document", "--failing", "some"},
	} {
		if code, _, stderr := call(t, append([]string{"attack", "--key-file", keyFile(t)}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}
