package journal_test

import (
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Files as the versions before this one made them.
//
//go:embed testdata/schema*.sql
var schemas embed.FS

// A journal that an earlier version has written goes on being read and written.
func TestUpgrade(t *testing.T) {
	const (
		attempt = `INSERT INTO attempts (id, binding, kind, channel, bank, number, of, settled, outcome, reason, raw_code,
			intended_at, deadline, settled_at, exchange_ns, ask_at, asked, not_found, due_at) VALUES (?,'bnd_1',?,'nucc','abc',?,'',1,'unknown','','',1,2,3,0,?,0,0,?)`
		key   = `INSERT INTO keys VALUES ('wallet', 'POST /v1/bindings', 'k1', x'01', 'bnd_1', 201, x'7b7d', 5)`
		event = `INSERT INTO events VALUES ('evt_1', 'wallet', 'bnd_1', 1, 'binding.active', 5, x'7b7d', 'waiting', 0, 5, '')`
	)
	for version := 1; version <= 4; version++ {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			text, err := schemas.ReadFile(fmt.Sprintf("testdata/schema%d.sql", version))
			if err != nil {
				t.Fatal(err)
			}
			confirm := strings.Replace(attempt, "of,", "borrowed, of,", 1) // schema 1 has no such column: its confirms carry what they borrow
			confirm = strings.Replace(confirm, "?,'',1", "?,1,'',1", 1)
			own := strings.Replace(strings.Replace(attempt, "of,", "borrowed, of,", 1), "?,'',1", "?,0,'',1", 1)
			if version == 1 {
				confirm, own = attempt, attempt
			}
			rows := []written{
				{string(text), nil}, {fmt.Sprintf("PRAGMA application_id = 1263618609; PRAGMA user_version = %d", version), nil},
				{own, []any{"att_1", "apply", "N1", 0, nil}}, {confirm, []any{"att_2", "confirm", "N1", 7, 7}}, {key, nil},
			}
			if version >= 3 {
				rows = append(rows, written{event, nil})
			}
			path := filepath.Join(t.TempDir(), "journal.db")
			write(t, path, rows)
			for range 2 { // once to bring it up to date, once as any other
				upToDate(t, path, version >= 3)
			}
		})
	}
}

type written struct {
	text string
	args []any
}

func write(t *testing.T, path string, rows []written) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range rows {
		if _, err := db.ExecContext(t.Context(), do.text, do.args...); err != nil {
			t.Fatalf("%.40s: %v", do.text, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// upToDate opens what write has written, and uses all of it.
func upToDate(t *testing.T, path string, told bool) {
	t.Helper()
	s, err := journal.Open(journal.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, err := s.ByNumber(t.Context(), "nucc", "N1")
	if err != nil || a.ID != "att_1" || a.Borrowed {
		t.Errorf("by number: %+v, %v", a, err)
	}
	k, err := s.Key(t.Context(), "wallet", "POST /v1/bindings", "k1")
	if err != nil || k.Status != 201 || string(k.Body) != "{}" || !k.At.Equal(time.Unix(0, 5)) {
		t.Errorf("key: %+v, %v", k, err)
	}
	lease := journal.Lease{Owner: "one", Now: time.Unix(1, 0), For: time.Minute}
	due, err := s.LeaseDue(t.Context(), lease, 10)
	if err != nil || len(due) != 1 || due[0].ID != "att_2" || !due[0].Borrowed {
		t.Errorf("due: %+v, %v", due, err)
	}
	lease.Owner = "two"
	if due, err := s.LeaseDue(t.Context(), lease, 10); err != nil || len(due) != 0 {
		t.Errorf("leased twice: %+v, %v", due, err)
	}
	if events, err := s.LeaseEvents(t.Context(), lease, 10); err != nil || told != (len(events) == 1) {
		t.Errorf("events: %+v, %v", events, err)
	}
	said := journal.Attempt{ID: "att_1", Binding: "bnd_1", Said: "ask", Heard: "answer", Settled: true}
	if err := s.Apply(t.Context(), journal.Change{Attempts: []journal.Attempt{said}, Notices: []journal.Notice{{Channel: "nucc", ID: "n1", Of: "N1"}}}); err != nil {
		t.Error(err)
	}
	exchanges, err := s.Exchanges(t.Context(), "bnd_1")
	notices, err2 := s.Notices(t.Context(), "bnd_1")
	if err != nil || err2 != nil || len(exchanges) != 1 || len(notices) != 1 {
		t.Errorf("what was said: %+v, %v; %+v, %v", exchanges, err, notices, err2)
	}
	clash := journal.Attempt{ID: "att_3", Binding: "bnd_1", Kind: op.Confirm, Channel: "nucc", Bank: "abc", Number: "N1"}
	if err := s.Apply(t.Context(), journal.Change{Attempts: []journal.Attempt{clash}}); !errors.Is(err, journal.ErrNumberUsed) {
		t.Errorf("a number was used twice: %v", err)
	}
}
