package link

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"kaqiao/profiles/wire"
)

// stiff is a connection whose kernel takes so many bytes of a write and then fails.
type stiff struct {
	net.Conn
	takes int
}

func (s stiff) Write(b []byte) (int, error) { return min(s.takes, len(b)), syscall.EPIPE }

func wrap(c net.Conn) *conn {
	below := &counter{Conn: c}
	return &conn{Conn: below, below: below}
}

// A write that fails has sent something or nothing, and only the kernel knows.
func TestFailedWrite(t *testing.T) {
	for takes, unsent := range map[int]bool{0: true, 1: false, 20: false} {
		here, there := net.Pipe()
		h, err := NewHTTP(Config{URL: "http://bank.example"})
		if err != nil {
			t.Fatal(err)
		}
		h.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			return wrap(stiff{here, takes}), nil
		}
		_, err = h.Exchange(t.Context(), wire.Frame{Body: []byte("request")})
		if err == nil || errors.Is(err, ErrNotSent) != unsent {
			t.Errorf("the kernel took %d bytes: %v", takes, err)
		}
		_, _ = here.Close(), there.Close()
	}
}

func TestProof(t *testing.T) {
	c := wrap(stiff{takes: 100})
	if _, err := c.Write([]byte("stray")); err == nil || c.below.written.Load() != 0 {
		t.Error("a connection wrote for nobody")
	}
	given := new(proof)
	c.request.Store(given)
	for range 2 {
		if !given.seal() {
			t.Error("nothing was written, and the proof denies it")
		}
	}
	if _, err := c.Write([]byte("late")); !errors.Is(err, errSealed) || c.below.written.Load() != 0 {
		t.Errorf("a request was written after it was said that it never will be: %v", err)
	}
	sent := new(proof)
	c.request.Store(sent)
	_, _ = c.Write([]byte("request"))
	if sent.seal() {
		t.Error("bytes were written, and the proof denies it")
	}
	// The second write of a request fails with nothing taken: the first still counts.
	c.Conn = stiff{takes: 0}
	if _, _ = c.Write([]byte("rest")); sent.seal() {
		t.Error("the proof forgets what was written before")
	}
}
