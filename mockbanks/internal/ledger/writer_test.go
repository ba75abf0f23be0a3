package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func openAlone(t *testing.T, path string, queue int) *Ledger {
	t.Helper()
	l, err := Open(Config{Path: path, Terms: Terms{Bank: "abc"}, Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// hold keeps the writer in a transaction until it is released.
func hold(t *testing.T, l *Ledger) (release func()) {
	t.Helper()
	begun, held := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- l.writer.do(context.Background(), func(*transaction) error {
			close(begun)
			<-held
			return nil
		})
	}()
	<-begun
	return func() {
		close(held)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func note(address string) func(*transaction) error {
	return func(t *transaction) error { return t.send(Message{Kind: "sms", To: address}) }
}

func heard(t *testing.T, l *Ledger, address string) int {
	t.Helper()
	m, err := l.Messages(t.Context(), address, 0)
	if err != nil {
		t.Fatal(err)
	}
	return len(m)
}

func TestQueueIsBoundedAndCloseDrainsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc.db")
	l := openAlone(t, path, 1)
	release := hold(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	entered := change{run: note("a"), done: make(chan error, 1)}
	if err := l.writer.enter(entered); err != nil {
		t.Fatal(err)
	}
	if err := l.writer.do(ctx, note("b")); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the queue: %v", err)
	}
	cancel()
	if err := l.writer.do(ctx, note("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- l.Close() }()
	release()
	if err := errors.Join(<-entered.done, <-stopped); err != nil {
		t.Fatal(err)
	}
	if err := l.writer.do(t.Context(), note("d")); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	l = openAlone(t, path, 1)
	if a, b, c := heard(t, l, "a"), heard(t, l, "b"), heard(t, l, "c"); a != 1 || b != 0 || c != 0 {
		t.Errorf("committed: %d of what waited, %d and %d of what was refused", a, b, c)
	}
}

func TestCallerWhoLeavesLosesNothing(t *testing.T) {
	l := openAlone(t, filepath.Join(t.TempDir(), "abc.db"), 8)
	release := hold(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	committed := make(chan struct{})
	go func() {
		left <- l.writer.do(ctx, func(t *transaction) error {
			defer close(committed)
			return note("a")(t)
		})
	}()
	for len(l.writer.queue) == 0 && ctx.Err() == nil {
		select { // until it has entered
		case err := <-left:
			t.Fatal(err)
		default:
		}
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller: %v", err)
	}
	release()
	<-committed
	// What comes after it is committed after it.
	if err := l.writer.do(t.Context(), note("b")); err != nil {
		t.Fatal(err)
	}
	if n := heard(t, l, "a"); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestOneFailureDoesNotTakeItsBatchAlong(t *testing.T) {
	l := openAlone(t, filepath.Join(t.TempDir(), "abc.db"), 8)
	release := hold(t, l)
	broken := errors.New("broken")
	changes := []change{{run: note("a")}, {run: func(t *transaction) error {
		return errors.Join(note("b")(t), broken)
	}}, {run: note("c")}}
	for i := range changes {
		changes[i].done = make(chan error, 1)
		if err := l.writer.enter(changes[i]); err != nil {
			t.Fatal(err)
		}
	}
	release()
	if err := errors.Join(<-changes[0].done, <-changes[2].done); err != nil {
		t.Errorf("the sound ones: %v", err)
	}
	if err := <-changes[1].done; !errors.Is(err, broken) {
		t.Errorf("the broken one: %v", err)
	}
	if a, b, c := heard(t, l, "a"), heard(t, l, "b"), heard(t, l, "c"); a != 1 || b != 0 || c != 1 {
		t.Errorf("committed %d, %d and %d, want 1, 0 and 1", a, b, c)
	}
}
