package journal_test

import (
	"database/sql"
	_ "embed"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

//go:embed testdata/schema1.sql
var schema1 string

// A journal that the first version has written goes on being read and written.
func TestUpgradeFromSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	const row = `INSERT INTO attempts VALUES (?,'bnd_1',?,'nucc','abc','N1','',1,'unknown','','',1,2,3,0,?,0,0,?)`
	for _, do := range []struct {
		text string
		args []any
	}{
		{schema1, nil}, {"PRAGMA application_id = 1263618609; PRAGMA user_version = 1", nil},
		{row, []any{"att_1", "apply", 0, nil}}, {row, []any{"att_2", "confirm", 7, 7}},
	} {
		if _, err := db.ExecContext(t.Context(), do.text, do.args...); err != nil {
			t.Fatalf("%.40s: %v", do.text, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once to bring it up to date, once as any other
		s, err := journal.Open(journal.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.ByNumber(t.Context(), "nucc", "N1")
		if err != nil || a.ID != "att_1" || a.Borrowed {
			t.Errorf("by number: %+v, %v", a, err)
		}
		due, err := s.Due(t.Context(), time.Unix(1, 0), 10)
		if err != nil || len(due) != 1 || due[0].ID != "att_2" || !due[0].Borrowed {
			t.Errorf("due: %+v, %v", due, err)
		}
		clash := journal.Attempt{ID: "att_3", Binding: "bnd_1", Kind: op.Confirm, Channel: "nucc", Bank: "abc", Number: "N1"}
		if err := s.Apply(t.Context(), journal.Change{Attempts: []journal.Attempt{clash}}); !errors.Is(err, journal.ErrNumberUsed) {
			t.Errorf("a number was used twice: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
