package journal_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

func TestFilesAreTheOwnersAlone(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"new":      func(string) error { return nil },
		"too open": func(path string) error { return os.WriteFile(path, nil, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := prepare(filepath.Join(folder, "journal.db")); err != nil {
				t.Fatal(err)
			}
			s := open(t, folder)
			defer func() { _ = s.Close() }()
			if err := s.Apply(t.Context(), journal.Change{NewKey: &journal.Key{Key: "k"}}); err != nil {
				t.Fatal(err)
			}
			files, err := os.ReadDir(folder)
			if err != nil || len(files) < 3 {
				t.Fatalf("%d files, want the journal, its log and its index: %v", len(files), err)
			}
			for _, f := range files {
				if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %v, want 0600 (%v)", f.Name(), info.Mode().Perm(), err)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(statements string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite3", path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.Exec(statements); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		before func(t *testing.T, path string)
		cfg    journal.Config
		want   error // nil: any
	}{
		{name: "a newer journal", want: journal.ErrNewer, before: func(t *testing.T, path string) {
			if err := open(t, filepath.Dir(path)).Close(); err != nil {
				t.Fatal(err)
			}
			write("PRAGMA user_version = 99")(t, path)
		}},
		{name: "another program's database", want: journal.ErrForeign, before: write("CREATE TABLE cats (name TEXT)")},
		{name: "no database at all", before: func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 100), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a folder that is not there", cfg: journal.Config{Path: filepath.Join(t.TempDir(), "none", "journal.db")}},
		{name: "no queue", cfg: journal.Config{QueueLimit: -1}},
		{name: "an endless queue", cfg: journal.Config{QueueLimit: 1_000_001}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.cfg.Path == "" {
				c.cfg.Path = filepath.Join(t.TempDir(), "journal.db")
			}
			if c.before != nil {
				c.before(t, c.cfg.Path)
			}
			s, err := journal.Open(c.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("it was opened")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// A path may hold what means something in the name of a source.
func TestOpenTakesAnyPath(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a b?c#d%20e")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, folder)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "journal.db")); err != nil {
		t.Error(err)
	}
}

// Shredded bytes are overwritten in the table; once the log was taken into
// it, no file holds them.
func TestShreddedBytesLeaveTheDisk(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	secret := bytes.Repeat([]byte("sealed bytes of one binding"), 10)
	for _, c := range []journal.Change{
		{Sealed: &journal.Sealed{Binding: "bnd_1", Data: secret}},
		{Sealed: &journal.Sealed{Binding: "bnd_2", Data: []byte("others")}},
	} {
		if err := s.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	reopen := func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, folder)
	}
	reopen()
	if !holds(t, folder, secret[:27]) {
		t.Fatal("the bytes are not found where they should be: the search proves nothing")
	}
	if err := s.Apply(t.Context(), journal.Change{Shred: "bnd_1"}); err != nil {
		t.Fatal(err)
	}
	reopen()
	defer func() { _ = s.Close() }()
	if holds(t, folder, secret[:27]) {
		t.Error("shredded bytes are still on the disk")
	}
}

func holds(t *testing.T, folder string, text []byte) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, text) {
			return true
		}
	}
	return false
}

func TestByAgreement(t *testing.T) {
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	for i, b := range []journal.Binding{
		{ID: "bnd_1", Channel: "nucc", Member: "C1", Agreement: "A"},
		{ID: "bnd_2", Channel: "nucc", Member: "C1", Agreement: "A"},
		{ID: "bnd_3", Channel: "direct", Member: "C1", Agreement: "A"},
		{ID: "bnd_4", Channel: "nucc", Member: "C1"},
		{ID: "bnd_5", Channel: "nucc", Member: "C2", Agreement: "A"},
	} {
		b.Version, b.CardHash, b.CreatedAt = 1, []byte{byte(i)}, time.Unix(1, 0).UTC()
		if err := s.Apply(t.Context(), journal.Change{Binding: &b}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ channel, member, agreement, want string }{
		{"nucc", "C1", "A", "bnd_2"}, {"direct", "C1", "A", "bnd_3"}, {"nucc", "C2", "A", "bnd_5"},
		{"nucc", "C1", "B", ""}, {"nucc", "C1", "", ""}, {"other", "C1", "A", ""}, {"nucc", "C3", "A", ""},
	} {
		b, err := s.ByAgreement(t.Context(), c.channel, c.member, c.agreement)
		if b.ID != c.want || (c.want == "") != errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s %s %q: got %q, %v; want %q", c.channel, c.member, c.agreement, b.ID, err, c.want)
		}
	}
}

// Two gateways on one journal would each take the other's work for abandoned.
func TestJournalIsHeldByOne(t *testing.T) {
	folder := t.TempDir()
	first := open(t, folder)
	path := filepath.Join(folder, "journal.db")
	if s, err := journal.Open(journal.Config{Path: path}); !errors.Is(err, journal.ErrInUse) {
		t.Fatalf("got %v, %v", s, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if err := os.WriteFile(path, []byte("no database at all, and longer than a header of SQLite would be, by a good deal of text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(journal.Config{Path: path}); err == nil || errors.Is(err, journal.ErrInUse) {
		t.Fatalf("rubbish: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := open(t, folder).Close(); err != nil { // an Open that failed holds nothing
		t.Error(err)
	}
}
