package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/gateway/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run types one command line; in is what a person types.
func run(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	return runIn(t.Context(), t, in, args...)
}

func runIn(ctx context.Context, t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.WriteString(w, in); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	var stdout, stderr bytes.Buffer
	code = Run(ctx, args, []string{"PATH=/bin"}, r, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestExitCodes(t *testing.T) {
	empty, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "nowhere")
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"version", exitOK, "gateway "},
		{"--help", exitOK, "check-profiles"},
		{"serve --help", exitOK, "KAQIAO_GATEWAY_"},
		{"", exitOK, "Usage"},
		{"sevre", exitUsage, "sevre"},
		{"serve --nope", exitUsage, "--nope"},
		{"serve now", exitUsage, "now"},
		{"serve --config " + nowhere, exitUsage, "nowhere"},
		{"serve --node 100", exitUsage, "0 to 99"},
		{"serve --data " + empty, exitFailed, "gateway keys init"},
		{"check-profiles", exitUsage, "one folder"},
		{"check-profiles " + nowhere, exitUsage, "not a folder"},
		{"check-profiles " + empty, exitFailed, "profiles"},
		{"check-profiles ../../../profiles", exitOK, "all well"},
		{"profile-schema", exitUsage, "one of banks"},
		{"profile-schema bank", exitUsage, "there are banks, channels and platforms"},
		{"profile-schema banks", exitOK, `"title": "A file of banks/"`},
		{"keys caller --data " + empty, exitUsage, "--id"},
		{"keys caller --id a --data " + empty, exitFailed, "gateway keys init"},
		{"force bank abc ajar --reason x", exitUsage, "open, closed or auto"},
		{"force bank abc open", exitUsage, "--reason is required"},
		{"force bank abc open --reason x --for 25h", exitUsage, "1s to 24h"},
		{"force channel nucc auto --reason x --key-file " + nowhere, exitUsage, "--operator"},
		{"decide bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX accepted --reason x", exitUsage, "att_"},
		{"decide att_1 maybe --reason x", exitUsage, "accepted, refused or never-arrived"},
		{"decide att_1 refused", exitUsage, "--reason is required"},
		{"decide att_1 refused --agreement 7", exitUsage, "--agreement belongs to accepted"},
		{"undecided --lang fr", exitUsage, "en or zh"},
		{"undecided --key-file " + nowhere, exitUsage, "--operator"},
		{"keys envelope --help", exitOK, "rotation"},
		{"keys envelope add --overlap 9999h --data " + empty, exitUsage, "0s to 2160h"},
		{"keys envelope add --lives -1h --data " + empty, exitUsage, "--lives"},
		{"keys envelope retire --data " + empty, exitUsage, "--id"},
		{"keys envelope revoke --data " + empty, exitUsage, "--id"},
		{"keys envelope revoke --id env-1 --data " + empty, exitFailed, "list"},
		{"keys envelope list --data " + empty, exitOK, ""},
		{"keys caller --id a --envelope maybe --data " + empty, exitFailed, "required or optional"},
		{"keys webhook add --data " + empty, exitUsage, "which caller"},
		{"keys webhook add a --data " + empty, exitUsage, "--url"},
		{"keys webhook add a --url https://a.example/ --data " + empty, exitFailed, "gateway keys caller"},
		{"keys webhook rotate a --overlap 9999h --data " + empty, exitUsage, "2160h"},
		{"keys webhook rotate a --data " + empty, exitFailed, "gateway keys webhook add"},
		{"keys webhook revoke a --data " + empty, exitFailed, "gateway keys webhook add"},
		{"keys webhook list --data " + empty, exitOK, ""},
		{"events list", exitUsage, "which caller"},
		{"events list a --limit 0", exitUsage, "1 to 100,000"},
		{"events list a --since yesterday", exitUsage, "--since"},
		{"events list a --key-file " + nowhere, exitUsage, "--operator"},
		{"events replay a", exitUsage, "--dead"},
		{"events replay a --dead --id evt_1", exitUsage, "stands alone"},
		{"bind --key-file " + nowhere, exitUsage, "make up"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			code, out, errs := run(t, "", strings.Fields(tc.args)...)
			if code != tc.code || !strings.Contains(out+errs, tc.says) {
				t.Errorf("exit %d, want %d; said %s%s", code, tc.code, out, errs)
			}
		})
	}
}

func TestCheckProfilesNamesEveryFault(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"banks/x.yaml": "id: x\ntier: stately\ncolour: {}\n", "channels/y.yaml": "id: z\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wrong := "id: w\ncodes: [{code: PB519999, reason: account_forzen}]\n"
	if err := os.WriteFile(filepath.Join(dir, "banks", "w.yaml"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := run(t, "", "check-profiles", dir)
	for _, want := range []string{
		`banks/w.yaml:2:34: codes[0].reason: "account_forzen" is no code of the problem table (did you mean account_frozen?)`,
		"banks/w.yaml:1:1: routes: required", "banks/x.yaml:2:", "banks/x.yaml:3:", "channels/y.yaml:1:"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not named in\n%s", want, errs)
		}
	}
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
}

func TestKeys(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if code, _, errs := run(t, "", "keys", "init", "--data", data); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, _, errs := run(t, "", "keys", "init", "--data", data); code != exitFailed || !strings.Contains(errs, "stays") {
		t.Errorf("a second key: exit %d, %s", code, errs)
	}
	code, out, errs := run(t, "", "keys", "caller", "--id", "wallet-a", "--data", data)
	key := strings.TrimSpace(out)
	if code != exitOK || len(key) < 40 || strings.Contains(out, " ") {
		t.Fatalf("exit %d, %d characters: %s", code, len(key), errs)
	}
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path) //nolint:gosec // the test's own folder
		if bytes.Contains(raw, []byte(key)) {
			t.Errorf("%s holds the key itself", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// One key follows another, and the last word stands in the list.
func TestEnvelopeKeys(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	must := func(args ...string) string {
		t.Helper()
		code, out, errs := run(t, "", append(append([]string{"keys", "envelope"}, args...), "--data", data)...)
		if code != exitOK {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		return strings.TrimSpace(out)
	}
	first := must("add")
	second := must("add", "--overlap", "1h")
	must("retire", "--id", first)
	third := must("add", "--lives", "24h")
	must("revoke", "--id", second)
	lines := strings.Split(must("list"), "\n")
	for i, want := range []string{third + "\tactive", second + "\trevoked", first + "\tretiring"} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of %q, want %s", i, lines, want)
		}
	}
	if code, _, errs := run(t, "", "keys", "envelope", "retire", "--id", third, "--data", data); code != exitFailed || !strings.Contains(errs, "only active") {
		t.Errorf("the only active key was retired: exit %d, %s", code, errs)
	}
}

// fakeGateway binds one credit card: the first code is wrong.
func fakeGateway(t *testing.T, end string) (url, keyFile string, bodies *[]map[string]any) {
	t.Helper()
	const id = "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX"
	published, err := app.AddEnvelopeKey(t.TempDir(), time.Now(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen []map[string]any
	confirms := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			seen = append(seen, body)
		}
		w.Header().Set("Content-Type", "application/json")
		binding := func(state, action string) {
			_, _ = fmt.Fprintf(w, `{"id":%q,"state":%q,"bank":{"id":"abc"},"channel":"nucc","challenge":{"kind":"sms","to":"138****8000"},"next":{"action":%q,"requires":["code","card.cvv","card.expiry"]},
				"agreement":{"number":"AGR-1"},"problem":{"remedy":{"zh":"请重试。","en":"Try again."}}}`, id, state, action)
		}
		switch {
		case r.URL.Path == "/v1/keys":
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]any{{"id": published.ID, "state": "active", "algorithm": "SM2", "public_key": published.Public}}})
		case r.URL.Path == "/v1/cards/resolve":
			_, _ = io.WriteString(w, `{"result":"card","elements":["name","document","card","mobile","cvv","expiry"],"bank":{"name":{"zh":"农行","en":"ABC"}},"card":{"type":"credit","last4":"0018"}}`)
		case strings.HasSuffix(r.URL.Path, "/confirm") && confirms == 0:
			confirms++
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"code":"code_wrong","outcome":"refused"}`)
		case strings.HasSuffix(r.URL.Path, "/confirm"):
			binding(end, "none")
		case confirms > 0:
			_, _ = fmt.Fprintf(w, `{"id":%q,"state":"awaiting_code","challenge":{"kind":"sms"},"next":{"action":"confirm","requires":["code","card.cvv"]},
				"problem":{"code":"code_wrong","title":"The code is wrong","remedy":{"zh":"验证码不正确。","en":"Enter the code received last."}}}`, id)
		default:
			_, _ = fmt.Fprintf(w, `{"id":%q,"state":"awaiting_code","challenge":{"kind":"sms","to":"138****8000"},"next":{"action":"confirm","requires":["code","card.cvv"]}}`, id)
		}
	}))
	t.Cleanup(s.Close)
	keyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("k\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, keyFile, &seen
}

func TestBindAsksForWhatIsMissing(t *testing.T) {
	url, key, bodies := fakeGateway(t, "active")
	typed := "6228 4804 0256 4890 018\n2029-08\n123\n张三\n11010519491231002X\n13800138000\n654321\n"
	code, out, errs := run(t, typed, "bind", "--gateway", url, "--key-file", key, "--code", "111111")
	if code != exitOK || !strings.Contains(out, "active at abc over nucc, agreement AGR-1") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	seen := *bodies
	card := seen[1]["card"].(map[string]any)
	if card["number"] != "6228480402564890018" || card["cvv"] != "123" || card["expiry"] != "2029-08" {
		t.Errorf("sent %v", card)
	}
	if mobile := seen[1]["holder"].(map[string]any)["mobile"]; mobile != "+8613800138000" {
		t.Errorf("the mobile number went as %v", mobile)
	}
	if !strings.Contains(errs, "138****8000") || !strings.Contains(errs, "验证码不正确。") {
		t.Errorf("where the code went, and that it was wrong, is not told: %s", errs)
	}
	if seen[2]["code"] != "111111" || seen[3]["code"] != "654321" || seen[3]["card"].(map[string]any)["cvv"] != "123" {
		t.Errorf("codes %v, %v", seen[2], seen[3])
	}
	for _, secret := range []string{"654321", "123\n", "6228480402564890018", "11010519491231002X"} {
		if strings.Contains(out+errs, secret) {
			t.Errorf("it shows %q", secret)
		}
	}
}

// What is sealed leaves this machine in envelopes, whichever request carries it.
func TestBindSeals(t *testing.T) {
	url, key, bodies := fakeGateway(t, "active")
	code, out, errs := run(t, "222222\n", "bind", "--seal", "--gateway", url, "--key-file", key, "--card", "6228480402564890018", "--cvv", "123",
		"--expiry", "2029-08", "--name", "张三", "--document", "11010519491231002X", "--mobile", "+8613800138000", "--code", "111111")
	if code != exitOK {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	sent, err := json.Marshal(*bodies)
	if err != nil || strings.Count(string(sent), `"sm2:env-`) != 6 { // resolve, three of the request, a CVV with each code
		t.Errorf("%d envelopes, %v", strings.Count(string(sent), `"sm2:env-`), err)
	}
	for _, secret := range []string{"6228480402564890018", `"123"`, "11010519491231002X"} {
		if strings.Contains(string(sent), secret) {
			t.Errorf("%q went plain", secret)
		}
	}
}

// A person who is asked can still stop the program.
func TestBindStopsWhileItAsks(t *testing.T) {
	_, key, _ := fakeGateway(t, "active")
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	asked := writer(func(p []byte) (int, error) {
		if strings.HasPrefix(string(p), "card number") {
			stop()
		}
		return len(p), nil
	})
	if code := Run(ctx, []string{"bind", "--key-file", key}, nil, in, io.Discard, asked); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	_ = typed.Close() // whoever reads still is let go
	_ = in.Close()
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestBindSaysHowItEnded(t *testing.T) {
	url, key, _ := fakeGateway(t, "failed")
	args := []string{"bind", "--gateway", url, "--key-file", key, "--card", "6228480402564890018", "--cvv", "123", "--expiry", "2029-08",
		"--name", "张三", "--document", "11010519491231002X", "--mobile", "+8613800138000", "--json"}
	code, out, errs := run(t, "1111\n2222\n", args...)
	if code != exitFailed || !strings.Contains(errs, "Try again.") || !json.Valid([]byte(out)) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := run(t, "", append(args, "--name", "")...); code != exitUsage || !strings.Contains(errs, "name is needed") {
		t.Errorf("nothing typed: exit %d: %s", code, errs)
	}
}

// TestServeNeedsKeys: what is missing is named, with what makes it.
func TestServeNeedsKeys(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// Without the banks' keys it must not start: keys are this command's only need that --dev does not meet.
	code, _, errs := runIn(ctx, t, "", "serve", "--dev", "--data", filepath.Join(dir, "data"), "--dev-caller-key", filepath.Join(dir, "key"),
		"--keys", filepath.Join(dir, "keys"), "--listen", "127.0.0.1:0", "--callbacks", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(errs, "mockbanks keys") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
