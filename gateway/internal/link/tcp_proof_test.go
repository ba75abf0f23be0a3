package link

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/profiles/wire"
)

// bare is messages without a form: what the proof is about is bytes.
func bare() Dialogue {
	return Dialogue{
		NewFramer: func() Framer { return nil },
		Append:    func(b, body []byte) ([]byte, error) { return append(b, body...), nil },
		Match:     func(f wire.Frame) (string, bool, error) { return string(f.Body), true, nil },
	}
}

func (s stiff) SetWriteDeadline(time.Time) error { return nil }
func (s stiff) Close() error                     { return nil }

// Of frames that are written together, some may have left and some not when the write fails.
func TestFailedBatch(t *testing.T) {
	for takes, unsent := range map[int]string{0: "abc", 1: "bc", 3: "bc", 4: "c", 6: "c", 7: "", 9: ""} {
		link := &TCP{cfg: TCPConfig{WriteTimeout: time.Second}}
		below := &counter{Conn: stiff{takes: takes}}
		l := link.newLine(0, below, below)
		var b batch
		calls := map[string]*call{}
		for _, name := range []string{"a", "b", "c"} {
			calls[name] = &call{bytes: []byte(name + name + name)}
			b.add(calls[name])
		}
		if err := l.send(&b); !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		got := ""
		for _, name := range []string{"a", "b", "c"} {
			if calls[name].proof.seal() {
				got += name
			}
		}
		if got != unsent {
			t.Errorf("of %d bytes taken, %q is unsent, want %q", takes, got, unsent)
		}
	}
}

// A frame that was given up in the queue is never written.
func TestGivenUpInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link, err := NewTCP(TCPConfig{Address: "bank.example:1", Dialogue: bare()})
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		below := &counter{Conn: here}
		l := link.newLine(0, below, below)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := l.exchange(ctx, &call{key: key{match: "1"}, bytes: []byte("given up")})
			errs <- err
		}()
		synctest.Wait() // it lies in the queue: nobody writes yet
		cancel()
		if err := <-errs; !errors.Is(err, ErrNotSent) {
			t.Errorf("got %v", err)
		}
		go l.write()
		go func() { _, _ = l.exchange(t.Context(), &call{key: key{match: "2"}, bytes: []byte("kept")}) }()
		b := make([]byte, 100)
		if n, err := there.Read(b); err != nil || string(b[:n]) != "kept" {
			t.Errorf("the other side reads %q, %v", b[:n], err)
		}
		l.fail(errClosed)
		synctest.Wait()
		link.table.mu.Lock()
		defer link.table.mu.Unlock()
		if len(link.table.calls) > 0 {
			t.Errorf("%d calls are waited for", len(link.table.calls))
		}
	})
}
