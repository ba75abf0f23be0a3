package command

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWebhookCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	do := func(want int, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := run(t, "", append(args, "--data", data)...)
		if code != want {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		return strings.TrimSpace(out), errs
	}
	do(exitOK, "keys", "init")
	do(exitOK, "keys", "caller", "--id", "wallet")
	first, _ := do(exitOK, "keys", "webhook", "add", "wallet", "--url", "https://wallet.example/events")
	second, _ := do(exitOK, "keys", "webhook", "rotate", "wallet", "--overlap", "1h")
	if !strings.HasPrefix(first, "whsec_") || !strings.HasPrefix(second, "whsec_") || first == second {
		t.Error("secrets are not what they should be")
	}
	if out, errs := do(exitOK, "keys", "webhook", "add", "wallet", "--url", "https://wallet.example/other"); out != "" || !strings.Contains(errs, "as they were") {
		t.Errorf("%s, %s", out, errs)
	}
	for _, bad := range []string{"http://127.0.0.1:9000/", "https://10.0.0.1/", "https://169.254.169.254/"} {
		do(exitFailed, "keys", "webhook", "add", "wallet", "--url", bad)
	}
	do(exitOK, "keys", "webhook", "add", "wallet", "--url", "http://127.0.0.1:9000/", "--dev")
	do(exitOK, "keys", "webhook", "add", "wallet", "--url", "https://10.1.2.3:9000/", "--allow", "10.1.0.0/16")
	do(exitFailed, "keys", "webhook", "add", "wallet", "--url", "https://10.1.2.3:9000/", "--allow", "nonsense")
	list, _ := do(exitOK, "keys", "webhook", "list")
	if strings.Count(list, "sec-") != 2 || strings.Contains(list, "whsec_") || !strings.Contains(list, "https://10.1.2.3:9000/") {
		t.Error(list)
	}
	old := strings.Fields(list[strings.LastIndex(list, "sec-"):])[0]
	do(exitOK, "keys", "webhook", "revoke", "wallet", "--secret", old)
	raw, err := os.ReadFile(filepath.Join(data, "webhooks.yaml"))
	if err != nil || strings.Contains(string(raw), first) || !strings.Contains(string(raw), second) {
		t.Errorf("the wrong secret is there: %v", err)
	}
	do(exitOK, "keys", "webhook", "revoke", "wallet")
	if list, _ := do(exitOK, "keys", "webhook", "list"); list != "" {
		t.Error(list)
	}
}

func TestEventsCommands(t *testing.T) {
	const id = "evt_01JB2N5Q0W8R7C5ZK3M4P6T9VX"
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("caller")+r.URL.Query().Get("cursor")+string(body))
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"replayed": 1000}
		if r.Method == http.MethodGet {
			answer = map[string]any{"events": []any{map[string]any{"id": id, "subject": "bnd_1", "state": "dead", "tries": 15, "note": "answered 500",
				"event": map[string]any{"type": "binding.active", "timestamp": "2026-11-23T12:00:00+08:00"}}}}
		}
		if len(asked)%2 == 1 {
			answer["next_cursor"] = id
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer s.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("kq_1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "", "events", "list", "wallet", "--state", "dead", "--gateway", s.URL, "--key-file", key)
	if code != exitOK || strings.Count(out, "binding.active\tbnd_1\tdead\ttries 15\tanswered 500\n") != 2 || !strings.HasPrefix(out, id) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, errs = run(t, "", "events", "replay", "wallet", "--dead", "--gateway", s.URL, "--key-file", key)
	if code != exitOK || out != "2000 events wait to be delivered\n" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	want := []string{
		"GET /v1/events wallet", "GET /v1/events wallet" + id,
		`POST /v1/events/replay {"caller":"wallet","state":"dead"}`, `POST /v1/events/replay {"caller":"wallet","cursor":"` + id + `","state":"dead"}`,
	}
	if got := strings.Join(asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked\n%s", got)
	}
}
