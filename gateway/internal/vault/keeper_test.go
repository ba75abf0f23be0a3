package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// kept is a vault with its keeper over a real journal.
type kept struct {
	*testing.T
	folder string
	at     atomic.Int64
	vault  *Vault
	store  *journal.SQLite
	keeper *Keeper
}

var who = op.Person{Card: secret.NewCard("6228480402564890018"), Name: secret.NewName("欧阳修"), Mobile: secret.NewMobile("+8613800138000")}

func (k *kept) now() time.Time { return time.Unix(0, k.at.Load()) }

func (k *kept) later(days int) { k.at.Add(int64(days) * int64(24*time.Hour)) }

func newKept(t *testing.T) *kept {
	k := &kept{T: t, folder: t.TempDir()}
	k.at.Store(time.Date(2026, 3, 2, 12, 0, 0, 0, profiles.Beijing).UnixNano())
	if err := CreateKeyFile(k.cfg().KeyFile); err != nil {
		t.Fatal(err)
	}
	k.open()
	t.Cleanup(func() { _ = k.store.Close() })
	return k
}

func (k *kept) cfg() Config { return Config{KeyFile: filepath.Join(k.folder, "vault.key"), Now: k.now} }

func (k *kept) open() {
	k.Helper()
	var err error
	if k.vault, err = Open(k.cfg()); err != nil {
		k.Fatal(err)
	}
	if k.store, err = journal.Open(journal.Config{Path: filepath.Join(k.folder, "journal.db")}); err != nil {
		k.Fatal(err)
	}
	if k.keeper, err = NewKeeper(KeeperConfig{Vault: k.vault, Store: k.store, Rate: 10_000, Now: k.now}); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) apply(c journal.Change) {
	k.Helper()
	if err := k.store.Apply(context.Background(), c); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) bind(id string) journal.Sealed {
	k.Helper()
	s, err := k.vault.Seal(id, who, "acc")
	if err != nil {
		k.Fatal(err)
	}
	k.apply(journal.Change{Sealed: &s})
	return s
}

func (k *kept) pass() {
	k.Helper()
	if err := k.keeper.Pass(context.Background()); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) data(id string) []byte {
	k.Helper()
	data, err := k.store.Sealed(context.Background(), id)
	if err != nil {
		k.Fatal(err)
	}
	return data
}

// files is the content of all files as they lie there.
func (k *kept) files() map[string][]byte {
	k.Helper()
	out := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(k.folder, "*"))
	if err != nil {
		k.Fatal(err)
	}
	for _, name := range names {
		if out[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			k.Fatal(err)
		}
	}
	return out
}

func (k *kept) holds(text []byte) string {
	for name, content := range k.files() {
		if bytes.Contains(content, text) {
			return name
		}
	}
	return ""
}

// What is unbound can be recovered from a copy, or from what SQLite's log
// still holds, with the keys that are left: until the key of its day is
// destroyed. After that nothing of it is on the disk, and whoever kept a copy
// of the journal, and takes all the keys that there are, opens nothing.
func TestUnboundIsPastRecovery(t *testing.T) {
	k := newKept(t)
	gone := k.bind("bnd_gone")
	k.bind("bnd_stays")
	copied := k.files()["journal.db-wal"] // a thief's copy of the journal, or a backup
	if !bytes.Contains(copied, gone.Data) {
		t.Fatal("the copy does not hold the sealed bytes: the search proves nothing")
	}
	k.apply(journal.Change{Shred: "bnd_gone"})
	if k.holds(gone.Data) != "journal.db-wal" {
		t.Fatal("the log holds nothing of it: the search proves nothing")
	}
	if n := k.recover(gone.Data); n == 0 {
		t.Fatal("all keys recover nothing where something is to be had: the trial proves nothing")
	}
	day := dayOf(k.now())
	lines, err := readEpochs(k.cfg().epochFile())
	if err != nil {
		t.Fatal(err)
	}
	dayKey := []byte(lines[day].key)

	k.later(DefaultKeepDays + 1)
	k.pass()

	for what, text := range map[string][]byte{"its bytes": gone.Data, "its data key": gone.Data[headSize : headSize+wrappedSize], "the key of its day": dayKey} {
		if name := k.holds(text); name != "" {
			t.Errorf("%s: still in %s", what, name)
		}
	}
	if len(k.files()["journal.db-wal"]) != 0 {
		t.Error("the log was not cut")
	}
	if n := k.recover(gone.Data); n != 0 {
		t.Errorf("%d of the keys that are left open something of it", n)
	}
	if _, _, err := k.vault.Open("bnd_gone", gone.Data); !errors.Is(err, ErrDestroyed) {
		t.Errorf("the vault says %v", err)
	}
	if again, err := Open(k.cfg()); err != nil {
		t.Error(err)
	} else if _, _, err := again.Open("bnd_gone", gone.Data); !errors.Is(err, ErrDestroyed) {
		t.Errorf("after a restart: %v", err)
	}
	if p, account, err := k.keeper.Open("bnd_stays", k.data("bnd_stays")); err != nil || p.Card.Reveal() != who.Card.Reveal() || account != "acc" {
		t.Errorf("what lives does not open: %v", err)
	}
	if p := k.keeper.Progress(); p.Renewed != 1 || p.Destroyed != 1 || p.Days != 1 || p.Old != 0 || p.Left != 0 || p.Seen != 1 {
		t.Errorf("progress: %+v", p)
	}
}

// recover tries every key that can be found in the files, on both halves of sealed bytes.
func (k *kept) recover(data []byte) (opened int) {
	k.Helper()
	root, err := readKeyFile(k.cfg().KeyFile)
	if err != nil {
		k.Fatal(err)
	}
	keys := [][]byte{root.first, root.cards, root.bodies, root.callers}
	set, err := k.cfg().loadKEKs()
	if err != nil {
		k.Fatal(err)
	}
	days, err := readEpochs(k.cfg().epochFile())
	if err != nil {
		k.Fatal(err)
	}
	e := &epochs{set: set}
	for d, w := range days {
		if w.kek == "" {
			continue
		}
		key, err := e.unwrap(d, w)
		if err != nil {
			k.Fatal(err)
		}
		keys = append(keys, key)
	}
	for name, content := range k.files() { // whatever else looks like a key
		if strings.HasPrefix(name, "vault.key") {
			for _, word := range strings.Fields(string(content)) {
				if key, err := hex.DecodeString(word); err == nil {
					keys = append(keys, key)
				}
			}
		}
	}
	head := [headSize]byte(data)
	for _, key := range keys {
		for from := 0; from+16 <= len(key); from += 16 {
			one := gcm(key[from : from+16])
			for _, part := range [][]byte{data[headSize : headSize+wrappedSize], data[headSize+wrappedSize:]} {
				for _, what := range []string{"key", "person"} {
					if _, err := unlock(one, part, bound(what, head, "bnd_gone")); err == nil {
						opened++
					}
				}
			}
		}
	}
	return opened
}

// A pass that is cut off at any point, or whose process ends there, is made good by the next.
func TestPassIsCutOff(t *testing.T) {
	for cut := range 12 {
		k := newKept(t)
		for n := range 5 {
			k.bind(fmt.Sprint("bnd_", n))
		}
		k.later(DefaultKeepDays + 1)
		ctx, cancel := context.WithCancel(context.Background())
		store := &cutter{SQLite: k.store, at: cut, cut: cancel}
		keeper, err := NewKeeper(KeeperConfig{Vault: k.vault, Store: store, Rate: 10_000, Now: k.now})
		if err != nil {
			t.Fatal(err)
		}
		_ = keeper.Pass(ctx)
		cancel()
		if err := k.store.Close(); err != nil {
			t.Fatal(err)
		}
		k.open()
		for n := range 5 {
			if _, _, err := k.vault.Open(fmt.Sprint("bnd_", n), k.data(fmt.Sprint("bnd_", n))); err != nil {
				t.Fatalf("cut off at %d: binding %d: %v", cut, n, err)
			}
		}
		k.pass()
		if p := k.keeper.Progress(); p.Days != 1 || p.Old != 0 {
			t.Fatalf("cut off at %d: %+v", cut, p)
		}
	}
}

// cutter ends a context after so many calls.
type cutter struct {
	*journal.SQLite
	at  int
	cut func()
}

func (c *cutter) call() error {
	if c.at--; c.at < 0 {
		c.cut()
		return context.Canceled
	}
	return nil
}

func (c *cutter) SealedAfter(ctx context.Context, after string, limit int) ([]journal.Sealed, error) {
	if err := c.call(); err != nil {
		return nil, err
	}
	return c.SQLite.SealedAfter(ctx, after, limit)
}

func (c *cutter) Apply(ctx context.Context, change journal.Change) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.SQLite.Apply(ctx, change)
}

func (c *cutter) Truncate(ctx context.Context) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.SQLite.Truncate(ctx)
}

// What can't be sealed anew keeps its day's key, and a form that is not known keeps all.
func TestNeededKeysStay(t *testing.T) {
	k := newKept(t)
	first := k.bind("bnd_1")
	damaged := bytes.Clone(first.Data)
	damaged[len(damaged)-1] ^= 1
	k.apply(journal.Change{Sealed: &journal.Sealed{Binding: "bnd_2", Data: damaged}})
	k.later(1)
	k.bind("bnd_3")
	k.later(DefaultKeepDays + 1)
	k.pass()
	if p := k.keeper.Progress(); p.Left != 1 || p.Old != 1 || p.Renewed != 2 || p.Destroyed != 1 {
		t.Errorf("%+v", p)
	}
	if _, _, err := k.vault.Open("bnd_1", first.Data); err != nil {
		t.Errorf("the key of the first day was destroyed, though something needs it: %v", err)
	}
	newer := append([]byte{formVersion + 1}, first.Data[1:]...)
	k.apply(journal.Change{Sealed: &journal.Sealed{Binding: "bnd_2", Data: newer}})
	if err := k.keeper.Pass(context.Background()); !errors.Is(err, errForm) {
		t.Errorf("got %v", err)
	}
	k.apply(journal.Change{Shred: "bnd_2"})
	k.pass()
	if p := k.keeper.Progress(); p.Left != 0 || p.Old != 0 {
		t.Errorf("%+v", p)
	}
}

// changing is a journal in which somebody is always faster.
type changing struct {
	*journal.SQLite
	first func(binding string)
}

func (c changing) Apply(ctx context.Context, change journal.Change) error {
	c.first(change.Sealed.Binding)
	return c.SQLite.Apply(ctx, change)
}

// Whoever is shredded or sealed anew while a pass looks at him is left as he is.
func TestPassOverwritesNothing(t *testing.T) {
	k := newKept(t)
	for _, id := range []string{"bnd_1", "bnd_2"} {
		k.bind(id)
	}
	k.later(DefaultKeepDays + 1)
	var newer journal.Sealed
	keeper, err := NewKeeper(KeeperConfig{Vault: k.vault, Rate: 10_000, Now: k.now, Store: changing{k.store, func(id string) {
		if id == "bnd_1" {
			k.apply(journal.Change{Shred: id})
		} else {
			newer = k.bind(id)
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Pass(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.store.Sealed(context.Background(), "bnd_1"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a shredded one is back: %v", err)
	}
	if !bytes.Equal(k.data("bnd_2"), newer.Data) {
		t.Error("what was newer is overwritten")
	}
	if p := keeper.Progress(); p.Destroyed != 1 || p.Left != 0 {
		t.Errorf("%+v", p)
	}
}

// memory is a journal without a disk, for tests on a virtual clock.
type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func (m *memory) SealedAfter(_ context.Context, after string, _ int) (out []journal.Sealed, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := range len(m.rows) {
		if id := fmt.Sprintf("bnd_%04d", n); id > after {
			out = append(out, journal.Sealed{Binding: id, Data: m.rows[id]})
		}
	}
	return out[:min(len(out), keeperPage)], nil
}

func (m *memory) Sealed(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id], nil
}

func (m *memory) Apply(_ context.Context, c journal.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[c.Sealed.Binding] = c.Sealed.Data
	return nil
}

func (m *memory) Truncate(context.Context) error { return nil }

// Run does by itself what Pass does, no faster than it may; what is opened
// comes first; a key-encryption key that a command adds is used within a minute.
func TestKeeperRuns(t *testing.T) {
	cfg := Config{KeyFile: filepath.Join(t.TempDir(), "vault.key"), Now: time.Now}
	if err := CreateKeyFile(cfg.KeyFile); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		v, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{rows: map[string][]byte{}}
		const many = 500
		for n := range many {
			s, err := v.Seal(fmt.Sprintf("bnd_%04d", n), who, "acc")
			if err != nil {
				t.Fatal(err)
			}
			m.rows[s.Binding] = s.Data
		}
		k, err := NewKeeper(KeeperConfig{Vault: v, Store: m, Rate: 10, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		// It is 8 in the morning in Beijing: the day is old from the midnight after the seventh that follows.
		const old = DefaultKeepDays*24*time.Hour + 16*time.Hour
		<-time.After(old - 30*time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.Run(ctx) }()
		if _, err := AddKEK(cfg, time.Now()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		if all, err := KEKs(cfg); err != nil || all[0].Wraps != 1 || all[1].Wraps != 0 {
			t.Errorf("a minute later: %+v, %v", all, err)
		}
		if err := DestroyKEK(cfg, firstKEK); err != nil {
			t.Error(err)
		}
		if _, _, err := k.Open("bnd_0007", m.rows["bnd_0007"]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := k.Progress(); p.Renewed != 0 || p.Old != 0 {
			t.Errorf("before the day is old: %+v", p)
		}
		<-time.After(29 * time.Minute)
		if _, _, err := k.Open("bnd_0007", m.rows["bnd_0007"]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := k.Progress(); p.Renewed != 1 || p.Old != 1 {
			t.Errorf("opened: %+v", p)
		}
		<-time.After(30*time.Minute + 10*time.Second) // into the pass
		synctest.Wait()
		if p := k.Progress(); p.Renewed < 50 || p.Renewed > 111 {
			t.Errorf("under way: %+v", p)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if p := k.Progress(); p.Renewed != many || p.Old != 0 || p.Days != 1 || p.Destroyed != 1 {
			t.Errorf("in the end: %+v", p)
		}
		cancel()
		<-done
	})
}

func TestKeeperRefuses(t *testing.T) {
	k := newKept(t)
	for name, cfg := range map[string]KeeperConfig{
		"nothing":       {},
		"one day":       {Vault: k.vault, Store: k.store, Now: k.now, KeepDays: 1},
		"a thousand ys": {Vault: k.vault, Store: k.store, Now: k.now, KeepDays: MaxKeepDays + 1},
		"no rate":       {Vault: k.vault, Store: k.store, Now: k.now, Rate: -1},
	} {
		if _, err := NewKeeper(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
