package app

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/profiles/secret"
)

// book is a callers' file with a clock.
type book struct {
	*testing.T
	path string
	now  time.Time
}

func newBook(t *testing.T) *book {
	return &book{T: t, path: filepath.Join(t.TempDir(), "callers.yaml"), now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
}

func plainHash(k secret.Key) []byte { return []byte("0123456789abcdef" + k.Reveal()) }

func (b *book) open() *callers {
	b.Helper()
	c, err := openCallers(b.path, plainHash, func() time.Time { return b.now }, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (b *book) add(id string, overlap time.Duration) secret.Key {
	b.Helper()
	key, err := addCaller(b.path, Caller{ID: id}, overlap, plainHash, b.now)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func (b *book) keyIDs() (ids []string) {
	b.Helper()
	list, err := readCallerFile(b.path)
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range list {
		for _, k := range one.Keys {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// Two keys of one caller overlap, and what commands do counts without a restart.
func TestCallersKeysRotate(t *testing.T) {
	b := newBook(t)
	c := b.open()
	knows := func(key secret.Key, want bool) {
		t.Helper()
		if id, ok := c.Find(key); ok != want || ok && id != "wallet-a" {
			t.Errorf("found %q, %v, want %v", id, ok, want)
		}
	}
	old := b.add("wallet-a", 0)
	knows(old, true)
	next := b.add("wallet-a", time.Hour)
	knows(old, true)
	knows(next, true)
	b.now = b.now.Add(time.Hour)
	knows(old, false)
	knows(next, true)

	third := b.add("wallet-a", 48*time.Hour)
	if got := len(b.keyIDs()); got != 2 {
		t.Errorf("%d keys are kept: one whose time is over is not", got)
	}
	dir := filepath.Dir(b.path)
	if err := RetireCallerKey(dir, b.keyIDs()[1], b.now, time.Minute); err != nil {
		t.Fatal(err)
	}
	knows(next, true)
	b.now = b.now.Add(time.Minute)
	knows(next, false)
	if err := RevokeCallerKey(dir, b.keyIDs()[0]); err != nil {
		t.Fatal(err)
	}
	knows(third, false)
	for _, err := range []error{RevokeCallerKey(dir, "none"), RetireCallerKey(dir, "none", b.now, 0)} {
		if err == nil || !strings.Contains(err.Error(), "caller list") {
			t.Errorf("a key that is not there: %v", err)
		}
	}
	for range maxCallerKeys {
		b.add("wallet-a", time.Hour)
	}
	if _, err := addCaller(b.path, Caller{ID: "wallet-a"}, time.Hour, plainHash, b.now); err == nil {
		t.Error("one key more than a caller may have")
	}
	b.add("wallet-a", 0) // it ends the others
	if all, err := Callers(dir); err != nil || len(all) != 1 || len(all[0].Keys) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A file of a version in which a caller had one key is understood, and its key overlaps too.
func TestCallersOfOneKey(t *testing.T) {
	b := newBook(t)
	key := secret.NewKey("kq_old")
	text := fmt.Sprintf("- id: wallet-a\n  key_hash: %x\n  created_at: 2026-11-01T00:00:00Z\n  operator: true\n", plainHash(key))
	if err := os.WriteFile(b.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.open()
	if id, ok := c.Find(key); !ok || id != "wallet-a" || !c.Operator(id) {
		t.Errorf("found %q, %v", id, ok)
	}
	b.add("wallet-a", time.Hour)
	if _, ok := c.Find(key); !ok {
		t.Error("the old key does not overlap")
	}
}

// A file that can't be read any more changes nobody; a start with it is refused.
func TestDamagedCallers(t *testing.T) {
	b := newBook(t)
	key := b.add("wallet-a", 0)
	c := b.open()
	good, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"no yaml":           func() error { return os.WriteFile(b.path, []byte("["), 0o600) },
		"cut short":         func() error { return os.WriteFile(b.path, good[:len(good)/2], 0o600) },
		"no hash":           func() error { return os.WriteFile(b.path, []byte("- id: a\n  keys: [{id: k, hash: x}]\n"), 0o600) },
		"twice":             func() error { return os.WriteFile(b.path, append(append([]byte{}, good...), good...), 0o600) },
		"writable by other": func() error { return os.Chmod(b.path, 0o622) }, //nolint:gosec // what is tried
		"gone":              func() error { return os.Remove(b.path) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Find(key); !ok {
				t.Error("who was known is not any more")
			}
			if name != "gone" {
				if _, err := readCallers(b.path); err == nil {
					t.Error("a start is not refused")
				}
			}
			if err := ownfile.Replace(b.path, good); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Find(key); !ok {
				t.Error("put right, and not read again")
			}
		})
	}
}

// Keys rotate while requests come: of those whose key is taken, none is refused.
func TestCallersRotateUnderLoad(t *testing.T) {
	b := newBook(t)
	stays := b.add("wallet-b", 0)
	c := b.open()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if id, ok := c.Find(stays); !ok || id != "wallet-b" {
					t.Errorf("found %q, %v", id, ok)
					return
				}
			}
		})
	}
	last := b.add("wallet-a", time.Hour)
	for range 10 {
		next := b.add("wallet-a", 0)
		if _, ok := c.Find(next); !ok {
			t.Error("a new key is not taken at once")
		}
		if _, ok := c.Find(last); ok {
			t.Error("an old key is still taken")
		}
		last = next
	}
	close(stop)
	all.Wait()
}
