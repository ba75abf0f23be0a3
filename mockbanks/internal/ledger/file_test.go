package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
)

func TestAnswersOutliveTheLedger(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "banks", "abc.db"), newClock()
	l := open(t, ledger.Config{Path: path, People: only(one()), Now: clock.Now, Seed: 7})
	refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
	code := latestCode(t, l, one())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	never := func(func(ledger.Customer) bool) { t.Error("people are asked for again") }
	l = open(t, ledger.Config{Path: path, People: never, Now: clock.Now, Seed: 8})
	if a := apply(t, l, "n1", identity(one())); a.Refusal != "" || !a.Repeated {
		t.Errorf("the answer is forgotten: %+v", a)
	}
	signed := confirm(t, l, "n1", identity(one()), code)
	refusal(t, "confirm", signed, "")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, ledger.Config{Path: path, Now: clock.Now, Seed: 7})
	a, ok, err := l.Recall(t.Context(), "nucc", "confirm", "n1")
	if err != nil || !ok || a.Agreement != signed.Agreement || a.Class != "I" || !a.At.Equal(clock.now) {
		t.Errorf("recalled: %+v, %v, %v", a, ok, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v, %v", info.Mode(), err)
	}
}

func TestFillingIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc.db")
	broken := func(yield func(ledger.Customer) bool) {
		for i := range 5000 {
			if !yield(numbered(i)) {
				return
			}
		}
		yield(numbered(0)) // the card exists already
	}
	if _, err := ledger.Open(ledger.Config{Path: path, Terms: terms(), People: broken}); err == nil {
		t.Fatal("a card twice is taken")
	}
	l := open(t, ledger.Config{Path: path, People: only(one(), numbered(2))})
	if found, _, err := l.Customers(t.Context(), ledger.Filter{}); err != nil || len(found) != 2 {
		t.Errorf("%d customers, %v: want the 2 of the second filling", len(found), err)
	}
}

func TestRefusedFiles(t *testing.T) {
	alter := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			l := open(t, ledger.Config{Path: path})
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, statement)
		}
	}
	for _, test := range []struct {
		what    string
		prepare func(*testing.T, string)
		want    error
	}{
		{"a newer file", alter(`UPDATE meta SET value = '3' WHERE key = 'version'`), ledger.ErrSchema},
		{"an older file", alter(`UPDATE meta SET value = '0' WHERE key = 'version'`), ledger.ErrSchema},
		{"another bank's", alter(`UPDATE meta SET value = 'boc' WHERE key = 'bank'`), ledger.ErrForeign},
		{"notes lost", alter(`DELETE FROM meta`), ledger.ErrForeign},
		{"another program's", func(t *testing.T, path string) { execute(t, path, `CREATE TABLE songs (title TEXT)`) }, ledger.ErrForeign},
	} {
		path := filepath.Join(t.TempDir(), "abc.db")
		test.prepare(t, path)
		if _, err := ledger.Open(ledger.Config{Path: path, Terms: terms()}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
	}
	path := filepath.Join(t.TempDir(), "abc.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(ledger.Config{Path: path, Terms: terms()}); err == nil {
		t.Error("a file that is no database is taken")
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedConfigs(t *testing.T) {
	for what, change := range map[string]func(*ledger.Config){
		"no path":    func(c *ledger.Config) { c.Path = "" },
		"no bank":    func(c *ledger.Config) { c.Terms.Bank = "" },
		"queue":      func(c *ledger.Config) { c.Queue = -1 },
		"messages":   func(c *ledger.Config) { c.Messages = 999 },
		"digits":     func(c *ledger.Config) { c.Terms.CodeDigits = 9 },
		"attempts":   func(c *ledger.Config) { c.Terms.Attempts = 11 },
		"daily sign": func(c *ledger.Config) { c.Terms.SignsPerDay = 1001 },
	} {
		cfg := ledger.Config{Path: filepath.Join(t.TempDir(), "abc.db"), Terms: terms()}
		change(&cfg)
		if _, err := ledger.Open(cfg); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSameSeedSameCodes(t *testing.T) {
	codes := func(seed uint64) (all string) {
		clock := newClock()
		l := open(t, ledger.Config{People: only(one(), numbered(2)), Now: clock.Now, Seed: seed})
		for i := range 6 {
			c := numbered(1 + i%2)
			clock.forward(time.Hour)
			refusal(t, "apply", apply(t, l, fmt.Sprint("n", i), identity(c)), "")
			all += latestCode(t, l, c) + " "
		}
		return all
	}
	first := codes(7)
	if codes(7) != first {
		t.Error("the same seed gives other codes")
	}
	if codes(8) == first {
		t.Error("another seed gives the same codes")
	}
	seen := map[string]bool{}
	for _, code := range strings.Fields(first) {
		seen[code] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d different codes of 6", len(seen))
	}
}

func TestClosed(t *testing.T) {
	l := open(t, ledger.Config{People: only(one())})
	waiting := make(chan error, 1)
	go func() {
		_, err := l.Wait(context.Background(), "+8613800000000", "", 0)
		waiting <- err
	}()
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("waiting: %v", err)
	}
	_, applied := l.Apply(t.Context(), ledger.Apply{Request: request("n1"), Identity: identity(one())})
	_, _, recalled := l.Recall(t.Context(), "nucc", "apply", "n1")
	_, _, listed := l.Customers(t.Context(), ledger.Filter{})
	_, _, agreed := l.Agreements(t.Context(), ledger.AgreementFilter{})
	_, read := l.Messages(t.Context(), "", 0)
	for what, err := range map[string]error{"apply": applied, "recall": recalled, "customers": listed, "agreements": agreed, "messages": read} {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A closed ledger is one file with everything in it: it can be copied and moved.
func TestClosedIsOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc.db")
	l := open(t, ledger.Config{Path: path, People: only(one())})
	if _, err := l.Apply(t.Context(), ledger.Apply{Request: request("n1"), Identity: identity(one())}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 1 {
		t.Fatalf("%d files are left, %v: %v", len(left), err, left)
	}
	again := open(t, ledger.Config{Path: path})
	if _, known, err := again.Recall(t.Context(), "nucc", "apply", "n1"); err != nil || !known {
		t.Errorf("the file lost what was answered: %t %v", known, err)
	}
}

// people gives n customers.
func people(n int) iter.Seq[ledger.Customer] {
	return func(yield func(ledger.Customer) bool) {
		for i := range n {
			if !yield(numbered(i)) {
				return
			}
		}
	}
}
