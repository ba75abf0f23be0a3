package command

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/profiles"
)

func aDayLater() (client.UndecidedList, time.Time) {
	since := time.Date(2026, 3, 2, 10, 0, 9, 0, profiles.Beijing)
	return client.UndecidedList{More: true, Undecided: []client.Undecided{
		{
			Attempt: "att_01JB2N5Q0W8R7C5ZK3M4P6T9VX", Operation: "confirm", Bank: "abc", Channel: "nucc", Number: "2026030200000000000000000010001",
			CardLast4: "0018", Since: since, Asked: 8, NeedsAgreement: true,
		},
		{
			Attempt: "att_01JB2N5Q0W8R7C5ZK3M4P6T9VY", Operation: "unsign", Bank: "bob", Channel: "bob", Number: "20260302100009010001",
			CardLast4: "4412", Since: since.Add(time.Hour), Asked: 11, Agreement: "SGN0007",
		},
	}}, since.Add(26 * time.Hour)
}

func TestUndecidedTable(t *testing.T) {
	list, now := aDayLater()
	for lang, want := range map[string][]string{
		"en": {"unknown for", "26 h", "to be asked for", "SGN0007", "there are more", "gateway decide att_…"},
		"zh": {"我方流水号", "签约", "解约", "须向银行询问", "还有更多"},
	} {
		table := undecidedTable(list, undecidedWords(lang), now)
		for _, w := range want {
			if !strings.Contains(table, w) {
				t.Errorf("%s: no %s in\n%s", lang, w, table)
			}
		}
		lines := strings.Split(table, "\n")
		if a, b := strings.Index(lines[1], "abc/nucc"), strings.Index(lines[2], "bob/bob"); lang == "en" && a != b {
			t.Errorf("the columns are not straight:\n%s", table)
		}
	}
	if got := undecidedTable(client.UndecidedList{}, undecidedWords("zh"), now); got != "没有需要人工查明的事项\n" {
		t.Errorf("nothing is shown as %q", got)
	}
}

func TestAnAgeIsReadAtAGlance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		22*time.Minute + 59*time.Second: "22 min", 119 * time.Minute: "119 min", 2 * time.Hour: "2 h", 25*time.Hour + 59*time.Minute: "25 h",
	} {
		if got := age(d); got != want {
			t.Errorf("%s is shown as %q, want %q", d, got, want)
		}
	}
}

func TestDecideSaysWhatBecameOfIt(t *testing.T) {
	var said client.Decision
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/undecided/{attempt}/decide", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&said)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(client.Decided{Attempt: r.PathValue("attempt"), Outcome: "accepted", Binding: "bnd_1", State: "active"})
	})
	mux.HandleFunc("GET /v1/undecided", func(w http.ResponseWriter, _ *http.Request) {
		list, _ := aDayLater()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("kq_1"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "", "decide", "att_1", "accepted", "--agreement", "AG1", "--reason", "their letter", "--gateway", s.URL, "--key-file", key)
	if code != exitOK || out != "att_1 is accepted; binding bnd_1 is active\n" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if said != (client.Decision{Decision: "accepted", Agreement: "AG1", Reason: "their letter"}) {
		t.Errorf("said %+v", said)
	}
	if code, out, errs = run(t, "", "undecided", "--lang", "zh", "--gateway", s.URL, "--key-file", key); code != exitOK || !strings.Contains(out, "att_01JB2N5Q0W8R7C5ZK3M4P6T9VX") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	s.Close()
	if code, _, errs = run(t, "", "undecided", "--gateway", s.URL, "--key-file", key); code != exitFailed || !strings.Contains(errs, "is the gateway running? --gateway says where it is") {
		t.Errorf("no gateway: %d %s", code, errs)
	}
}
