package journal

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pragma changes a setting of the writer's own connection, while nobody writes.
func pragma(t testing.TB, s *SQLite, text string) {
	t.Helper()
	if err := s.Setting(text); err != nil {
		t.Fatal(err)
	}
}

// bulky is a change that needs several pages.
func bulky(n int) Change {
	id := fmt.Sprintf("bnd_%05d", n)
	return Change{
		NewKey:   &Key{Caller: "w", Key: id, Body: bytes.Repeat([]byte{byte(n)}, 300)},
		Binding:  &Binding{ID: id, Version: 1, CardHash: []byte(id), UpdatedAt: time.Unix(int64(n+1), 0).UTC()},
		Attempts: []Attempt{{ID: "att_" + id, Binding: id, Channel: "nucc", Number: id}},
		Sealed:   &Sealed{Binding: id, Data: bytes.Repeat([]byte{byte(n)}, 6000)},
	}
}

// logged is a store with what it has said.
func logged(t *testing.T) (*SQLite, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	s, err := Open(Config{Path: filepath.Join(t.TempDir(), "journal.db"), Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, &said
}

// Whatever keeps the disk from being written is told by one name, to every
// caller, and once to operators; when it is over the store goes on.
func TestDiskThatDoesNotTakeIt(t *testing.T) {
	for name, breaks := range map[string]func(*testing.T, *SQLite) (refused uint64, mend func()){
		"full": fillUp,
		"read-only": func(t *testing.T, s *SQLite) (uint64, func()) {
			pragma(t, s, "query_only = 1")
			return 0, func() { pragma(t, s, "query_only = 0") }
		},
		"held by another": heldByAnother,
	} {
		t.Run(name, func(t *testing.T) {
			s, said := logged(t)
			if err := errors.Join(s.Apply(t.Context(), bulky(0)), s.Probe(t.Context())); err != nil {
				t.Fatal(err)
			}
			refused, mend := breaks(t, s)
			for n := range 30 {
				if err := s.Apply(t.Context(), bulky(1000+n)); !errors.Is(err, ErrStorage) || errors.Is(err, ErrDamaged) {
					t.Fatalf("got %v, want %v", err, ErrStorage)
				}
				if _, err := s.Binding(t.Context(), bulky(1000+n).Binding.ID); !errors.Is(err, ErrNotFound) {
					t.Errorf("something of it was written: %v", err)
				}
			}
			if err := s.Probe(t.Context()); !errors.Is(err, ErrStorage) {
				t.Errorf("the probe does not notice: %v", err)
			}
			if _, err := s.Binding(t.Context(), bulky(0).Binding.ID); err != nil {
				t.Errorf("what is there can't be read: %v", err)
			}
			if !s.Failing() || s.Failures() != 31+refused {
				t.Errorf("failing %t, %d failures", s.Failing(), s.Failures())
			}
			mend()
			if err := errors.Join(s.Probe(t.Context()), s.Apply(t.Context(), bulky(1000))); err != nil {
				t.Errorf("after it was mended: %v", err)
			}
			if s.Failing() {
				t.Error("it says that it still fails")
			}
			if fails, again := strings.Count(said.String(), "can't be written"), strings.Count(said.String(), "written again"); fails != 1 || again != 1 {
				t.Errorf("said %d times that it fails and %d times that it works again:\n%s", fails, again, said)
			}
		})
	}
}

// fillUp takes all room: the file may not grow, and nothing is free within it.
func fillUp(t *testing.T, s *SQLite) (refused uint64, mend func()) {
	t.Helper()
	pragma(t, s, "max_page_count = 1") // stands for as many as there are
	for n := 0; s.Failures() == 0; n++ {
		if err := s.Apply(t.Context(), bulky(5000+n)); err != nil && !errors.Is(err, ErrStorage) {
			t.Fatal(err)
		}
	}
	return s.Failures(), func() { pragma(t, s, "max_page_count = 1000000") }
}

// heldByAnother has another program hold the lock for writing, as a backup does that hangs.
func heldByAnother(t *testing.T, s *SQLite) (refused uint64, mend func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", source(path(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	held, err := db.Begin() // at once, as the source says
	if err != nil {
		t.Fatal(err)
	}
	pragma(t, s, "busy_timeout = 1") // milliseconds, instead of 5,000
	return 0, func() {
		if err := errors.Join(held.Rollback(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A probe leaves nothing behind, and does not make the file grow.
func TestProbeLeavesNothing(t *testing.T) {
	s := openInside(t, 0)
	pages := func() (n int64) {
		if err := s.readDB.QueryRow("PRAGMA page_count").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := pages()
	for range 20 {
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if last := pages(); last != first {
		t.Errorf("%d pages, %d after the first", last, first)
	}
	if left, err := s.SealedAfter(t.Context(), "", 10); err != nil || len(left) != 0 {
		t.Errorf("left %d rows, %v", len(left), err)
	}
}

// Where the group's transaction fails, nobody is told what another change of it would have meant.
func TestBrokenGroupTellsNoTales(t *testing.T) {
	s := openInside(t, 8)
	release, done := hold(t, s)
	same := Change{NewKey: &Key{Key: "k"}}
	results := make(chan error, 3)
	for range 2 { // the second meets the first's key
		go func() { results <- s.Apply(context.Background(), same) }()
	}
	for len(s.queue) < 2 {
		runtime.Gosched()
	}
	go func() {
		results <- s.submit(context.Background(), func(w *writeStatements) error {
			return errors.Join(errors.New("the disk fails"), run(w.rollback))
		})
	}()
	for len(s.queue) < 3 {
		runtime.Gosched()
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := <-results; !errors.Is(err, ErrStorage) || errors.Is(err, ErrKeyUsed) {
			t.Errorf("got %v, want %v alone", err, ErrStorage)
		}
	}
	if err := s.Apply(t.Context(), same); err != nil {
		t.Errorf("the key is taken: %v", err)
	}
}

// A disk that fails for long is told of once a minute, with how much it cost.
func TestFailingDiskIsNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		h := &health{log: slog.New(slog.NewTextHandler(&said, nil))}
		for range 150 { // seconds
			for range 10 {
				h.lost(2, ErrStorage)
			}
			<-time.After(time.Second)
		}
		h.wrote()
		h.wrote()
		text := said.String()
		if n := strings.Count(text, "can't be written"); n != 3 {
			t.Errorf("said %d times:\n%s", n, text)
		}
		if !strings.Contains(text, "changes=1200") || strings.Count(text, "written again") != 1 || !strings.Contains(text, "after=2m30s") {
			t.Errorf("said\n%s", text)
		}
		if h.failed.Load() != 3000 {
			t.Errorf("%d failures", h.failed.Load())
		}
	})
}

// A file that is damaged under a running store: what is read is whole and
// right or an error, never a part; and from then on nothing is written.
func TestDamageUnderARunningStore(t *testing.T) {
	const rows = 400
	s, said := logged(t)
	var all sync.WaitGroup
	for n := range rows {
		all.Go(func() {
			if err := s.Apply(context.Background(), bulky(n)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	path := path(t, s)
	if err := s.Truncate(t.Context()); err != nil {
		t.Fatal(err)
	}
	scratch(t, path, 0.3, 0.7)
	wrong := 0
	for n := range rows {
		want := bulky(n)
		b, err := s.Binding(t.Context(), want.Binding.ID)
		k, err2 := s.Key(t.Context(), "w", "", want.NewKey.Key)
		for _, err := range []error{err, err2} {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("row %d: %v", n, err)
			}
		}
		if err == nil && !b.UpdatedAt.Equal(want.Binding.UpdatedAt) || err2 == nil && !bytes.Equal(k.Body, want.NewKey.Body) {
			t.Errorf("row %d is not what was written", n)
		}
		if err != nil || err2 != nil {
			wrong++
		}
	}
	if wrong == 0 {
		t.Fatal("nobody met the damage: the test proves nothing")
	}
	for before := ""; ; { // pages: each row, or an error
		page, err := s.SealedAfter(t.Context(), before, 100)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || page != nil {
				t.Errorf("%d rows with %v", len(page), err)
			}
			break
		}
		if len(page) == 0 {
			t.Error("the damaged table was read to its end")
			break
		}
		before = page[len(page)-1].Binding
	}
	_, reserved := s.Reserve(t.Context(), "far from the damage", 1)
	for what, err := range map[string]error{"change": s.Apply(t.Context(), bulky(rows)), "probe": s.Probe(t.Context()), "number": reserved} {
		if !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrStorage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := strings.Count(said.String(), "damaged: nothing is taken"); n != 1 || !s.Failing() {
		t.Errorf("said %d times, failing %t", n, s.Failing())
	}
	_ = s.Close()
	refusesDamaged(t, path)
}

// A store that finds damage at its start says what to do, and touches nothing.
func TestDamageIsFoundAtTheStart(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal.db")
	fill(t, path, 200)
	whole, err := os.ReadFile(path) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"pages in the middle": func() error { scratch(t, path, 0.4, 0.6); return nil },
		"zeros": func() error {
			return os.WriteFile(path, append(bytes.Clone(whole[:len(whole)/2]), make([]byte, len(whole)-len(whole)/2)...), 0o600)
		},
		"cut short": func() error { return os.Truncate(path, int64(len(whole)/2/4096*4096)) },
		"no header": func() error { return os.WriteFile(path, append(make([]byte, 100), whole[100:]...), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path) //nolint:gosec // the test's own
			refusesDamaged(t, path)
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) { //nolint:gosec // the test's own
				t.Errorf("the damaged file was changed: %v", err)
			}
		})
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, path, 0) // a copy that was put back is taken
}

func refusesDamaged(t *testing.T, path string) {
	t.Helper()
	s, err := Open(Config{Path: path})
	if err == nil {
		_ = s.Close()
		t.Fatal("a damaged journal was opened")
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), ".recover") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// The log beside the journal: a loss of acknowledged changes is noticed, and what a crash leaves is none.
func TestLogThatLostSomething(t *testing.T) {
	const groups = 12
	killed := t.TempDir()
	func() { // the files as a process leaves them that is killed
		s, err := Open(Config{Path: filepath.Join(t.TempDir(), "journal.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		for n := range groups {
			if err := s.Apply(t.Context(), bulky(n)); err != nil {
				t.Fatal(err)
			}
		}
		for _, end := range []string{"", "-wal", "-shm"} {
			text, err := os.ReadFile(path(t, s) + end)
			if err == nil {
				err = os.WriteFile(filepath.Join(killed, "journal.db"+end), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}()
	read := func(end string) []byte {
		text, err := os.ReadFile(filepath.Join(killed, "journal.db"+end)) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	log, index := read("-wal"), read("-shm")
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0xff; return b }
	none := []byte(nil)
	// A commit whose sync fails leaves its frames behind the log's end, until others are written over them.
	last := log[len(log)-walFrameHeader-int(binary.BigEndian.Uint32(log[8:])):]
	failed := slices.Concat(log, last, last)
	for name, c := range map[string]struct {
		log, index []byte // nil: there is none
		refused    bool
		rows       int
	}{
		"killed":                      {log, index, false, groups},
		"power failed":                {log, none, false, groups},
		"power failed in a commit":    {flip(log, len(log)-100), none, false, groups - 1},
		"power failed, log not whole": {log[:len(log)-5000], none, false, groups - 1},
		"index is garbage":            {log, bytes.Repeat([]byte{7}, len(index)), false, groups},
		"killed after failed commits": {failed, index, false, groups},
		"damaged in the middle":       {flip(log, len(log)/2), none, true, 0},
		"damaged at its beginning":    {flip(log, 20), none, true, 0},
		"damaged magic":               {flip(log, 0), none, true, 0},
		"the last is damaged":         {flip(log, len(log)-100), index, true, 0},
		"cut":                         {log[:len(log)/2], index, true, 0},
		"emptied":                     {[]byte{}, index, true, 0},
		"missing":                     {none, index, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "journal.db")
			for end, text := range map[string][]byte{"": read(""), "-wal": c.log, "-shm": c.index} {
				if text == nil {
					continue
				}
				if err := os.WriteFile(target+end, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.refused {
				refusesDamaged(t, target)
				if after, err := os.ReadFile(target + "-wal"); c.log != nil && (err != nil || !bytes.Equal(after, c.log)) { //nolint:gosec // the test's own
					t.Errorf("the log was changed: %v", err)
				}
				return
			}
			s, err := Open(Config{Path: target})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			found, err := s.SealedAfter(t.Context(), "", 100)
			if err != nil || len(found) != c.rows {
				t.Errorf("%d of %d changes are there, %v", len(found), c.rows, err)
			}
		})
	}
}

func path(t testing.TB, s *SQLite) string {
	t.Helper()
	return strings.TrimSuffix(s.hold.Name(), ".lock")
}

// fill opens a journal, writes so many changes, and closes it.
func fill(t *testing.T, path string, rows int) {
	t.Helper()
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for n := range rows {
		if err := s.Apply(t.Context(), bulky(n)); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// scratch writes over a part of a file, given in shares of its length.
func scratch(t *testing.T, path string, from, to float64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	begin, end := int64(from*float64(info.Size())), int64(to*float64(info.Size()))
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5, 0x5A, 3}, int(end-begin)/3), begin); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
