package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
)

func openInside(t testing.TB, queue int) *SQLite {
	t.Helper()
	s, err := Open(Config{Path: filepath.Join(t.TempDir(), "journal.db"), QueueLimit: queue})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// hold keeps the writer busy with one change until release is called.
func hold(t *testing.T, s *SQLite) (release func(), done <-chan error) {
	t.Helper()
	begun, over, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		result <- s.submit(context.Background(), func(*writeStatements) error {
			close(begun)
			<-over
			return nil
		})
	}()
	<-begun
	return func() { close(over) }, result
}

func TestFullQueueRefuses(t *testing.T) {
	s := openInside(t, 2)
	release, done := hold(t, s)
	results := make(chan error, 3)
	for range 3 {
		go func() { results <- s.Apply(context.Background(), Change{Shred: "bnd"}) }()
	}
	if err := <-results; !errors.Is(err, ErrFull) { // the other two wait
		t.Errorf("got %v, want %v", err, ErrFull)
	}
	release()
	for _, ch := range []<-chan error{done, results, results} {
		if err := <-ch; err != nil {
			t.Error(err)
		}
	}
}

func TestCancelledWhileQueued(t *testing.T) {
	s := openInside(t, 8)
	release, done := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var ran atomic.Bool
	queued := make(chan error, 1)
	go func() {
		queued <- s.submit(ctx, func(*writeStatements) error { ran.Store(true); return nil })
	}()
	cancel()
	if err := <-queued; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Apply(t.Context(), Change{Shred: "bnd"}); err != nil { // comes after it in the queue
		t.Error(err)
	}
	if ran.Load() {
		t.Error("a change was written that its caller was told is not")
	}
}

func TestCancelledWhileWritten(t *testing.T) {
	s := openInside(t, 8)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.submit(ctx, func(w *writeStatements) error {
		cancel()
		return w.apply(&Change{NewKey: &Key{Key: "k"}})
	})
	if err != nil {
		t.Errorf("got %v although it was written", err)
	}
	if _, err := s.Key(t.Context(), "", "", "k"); err != nil {
		t.Error(err)
	}
}

// A transaction that breaks tells everybody in it, and the next one works.
func TestBrokenTransaction(t *testing.T) {
	s := openInside(t, 8)
	release, done := hold(t, s)
	good, bad := make(chan error, 1), make(chan error, 1)
	go func() { good <- s.Apply(context.Background(), Change{NewKey: &Key{Key: "good"}}) }()
	go func() {
		bad <- s.submit(context.Background(), func(w *writeStatements) error {
			return errors.Join(errors.New("the disk fails"), run(w.rollback))
		})
	}()
	for len(s.queue) < 2 { // until both wait, so that they are of one group
		runtime.Gosched()
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, ch := range []<-chan error{good, bad} {
		if err := <-ch; err == nil {
			t.Error("a change of a broken transaction was acknowledged")
		}
	}
	if _, err := s.Key(t.Context(), "", "", "good"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want %v", err, ErrNotFound)
	}
	if err := s.Apply(t.Context(), Change{NewKey: &Key{Key: "next"}}); err != nil {
		t.Error(err)
	}
}

// A full disk refuses whole changes, also when the first statement still fits.
func TestFullDisk(t *testing.T) {
	s := openInside(t, 0)
	pragma := func(text string) {
		t.Helper()
		err := s.submit(t.Context(), func(w *writeStatements) error {
			p, err := prepare(w.conn, text, &w.wrote)
			if err != nil {
				return err
			}
			_, err = p.number()
			return errors.Join(err, p.stmt.Close())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(n int) Change {
		id := fmt.Sprint("bnd_", n)
		return Change{
			NewKey:  &Key{Key: id, Body: make([]byte, 3000)},
			Binding: &Binding{ID: id, Version: 1, CardHash: []byte(id)},
			Sealed:  &Sealed{Binding: id, Data: make([]byte, 9000)},
		}
	}
	pragma("PRAGMA max_page_count = 100")
	refused := 0
	for n := range 40 {
		err := s.Apply(t.Context(), change(n))
		id := fmt.Sprint("bnd_", n)
		_, noKey := s.Key(t.Context(), "", "", id)
		_, noBinding := s.Binding(t.Context(), id)
		_, noSealed := s.Sealed(t.Context(), id)
		for part, missing := range map[string]error{"key": noKey, "binding": noBinding, "sealed data": noSealed} {
			if errors.Is(missing, ErrNotFound) != (err != nil) {
				t.Errorf("change %d: applied: %v, %s: %v", n, err, part, missing)
			}
		}
		if err != nil {
			refused++
		}
	}
	if refused == 0 || refused == 40 {
		t.Errorf("%d of 40 changes were refused: the disk was never full, or always", refused)
	}
	pragma("PRAGMA max_page_count = 1000000")
	if err := s.Apply(t.Context(), change(99)); err != nil {
		t.Errorf("after there is room again: %v", err)
	}
}
