package link_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/link"
)

// A bank that hangs at any layer, and the many who wait for it: each is told in
// its own time whether a byte has left, the connections stay bounded, and when
// the bank is back it is asked again.
func TestManyWaitForABankThatHangs(t *testing.T) {
	secure := &tls.Config{}
	drips := func(c net.Conn, head, again string) {
		if _, err := io.WriteString(c, head); err != nil {
			return
		}
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			if _, err := io.WriteString(c, again); err != nil {
				tick.Stop()
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		hangs script
		tls   *tls.Config
		sent  bool // by those who have got a connection
	}{
		"connected and never read": {func(w *witness, c net.Conn) { <-w.gone(c) }, nil, true},
		"no end of the handshake":  {func(_ *witness, c net.Conn) { _, _ = io.Copy(io.Discard, c) }, secure, false},
		"no headers":               {thenSilent(""), nil, true},
		"headers without end": {func(w *witness, c net.Conn) {
			_, _ = w.take(bufio.NewReader(c))
			drips(c, "HTTP/1.1 200 OK\r\n", "X: y\r\n")
		}, nil, true},
		"a body without end": {func(w *witness, c net.Conn) {
			_, _ = w.take(bufio.NewReader(c))
			drips(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")
		}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			const conns, asked = 4, 24
			var back atomic.Bool
			w := newWitness(t, func(w *witness, c net.Conn) {
				if back.Load() {
					answering(fine("back"))(w, c)
					return
				}
				tc.hangs(w, c)
			})
			cfg := link.Config{URL: w.url(), MaxConns: conns, TLS: tc.tls, ConnectTimeout: 100 * time.Millisecond}
			if tc.tls != nil {
				cfg.URL = strings.Replace(cfg.URL, "http:", "https:", 1)
			}
			h := newLink(t, cfg)
			var sent, open atomic.Int64
			var first sync.Once
			var all sync.WaitGroup
			began := time.Now()
			for range asked {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					defer cancel()
					_, err := h.Exchange(ctx, frame)
					first.Do(func() { open.Store(w.conns.Load()) }) // until now none was given up
					if err == nil {
						t.Error("there was an answer")
					} else if !errors.Is(err, link.ErrNotSent) {
						sent.Add(1)
					}
				})
			}
			all.Wait()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("they waited for %v", took)
			}
			if n := sent.Load(); tc.sent != (n > 0) {
				t.Errorf("%d of %d may have been sent", n, asked)
			}
			if n := open.Load(); n > 2*conns { // some may be new already in place of those given up
				t.Errorf("%d connections were opened, %d may be open at once", n, conns)
			}
			if tc.tls != nil {
				return // a certificate is another test's business
			}
			back.Store(true)
			w.cut() // as the end of a process does
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			// Connections that were made for those who have given up may be found to be dead only by whoever takes them.
			got, err := h.Exchange(ctx, frame)
			for try := 0; err != nil && try < 2*conns; try++ {
				got, err = h.Exchange(ctx, frame)
			}
			if err != nil || string(got.Body) != "back" {
				t.Errorf("when the bank was back: %q, %v", got.Body, err)
			}
		})
	}
}

// cut closes every connection that there is.
func (w *witness) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
	}
}

// gone is closed when the witness, or its test, has ended. Nothing is read of what comes.
func (w *witness) gone(c net.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			if _, err := c.Write(nil); err != nil || !w.has(c) {
				tick.Stop()
				return
			}
		}
	}()
	return done
}

// has reports whether the witness is still there.
func (w *witness) has(net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open != nil
}

// The same over long lines: a bank that takes a connection and says nothing, at
// the handshake, the sign-on or afterwards.
func TestLinesOfABankThatHangs(t *testing.T) {
	for name, tc := range map[string]struct {
		tls  *tls.Config
		opts bool // the line opens, and then nothing is answered
	}{
		"no end of the handshake":       {&tls.Config{ServerName: "bank.example"}, false},
		"no answer to the sign-on":      {nil, false},
		"requests are read, and no end": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var back atomic.Bool
				far := &country{play: func(p *person) {
					if back.Load() {
						p.answers()
						return
					}
					if tc.opts {
						if hello, err := p.hears(); err == nil {
							p.says(answerTo(hello))
						}
					}
					p.rest()
				}}
				l := lines(t, far, link.TCPConfig{Lines: 2, TLS: tc.tls, Dialogue: link.Dialogue{Session: &manners{}, Idle: time.Minute, AnswerTimeout: 5 * time.Second}})
				began := time.Now()
				var all sync.WaitGroup
				for i := range 50 {
					all.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
						defer cancel()
						_, err := l.Exchange(ctx, q(string(rune('A'+i))))
						if errors.Is(err, link.ErrNotSent) == tc.opts {
							t.Errorf("opened is %v: %v", tc.opts, err)
						}
					})
				}
				all.Wait()
				want := 2 * time.Second // as long as a connection may take
				if tc.opts {
					want = 8 * time.Second
				}
				if took := time.Since(began); took != want {
					t.Errorf("they waited for %v, want %v", took, want)
				}
				<-time.After(time.Minute)
				if n := far.met(); n > 80 { // two lines, each tried again after at most 5s
					t.Errorf("%d connections were opened in a minute", n)
				}
				if tc.tls != nil {
					ends(t, l, far)
					return
				}
				back.Store(true)
				<-time.After(75 * time.Second) // the lines that hang are asked for life after a minute
				if _, err := l.Exchange(t.Context(), q("back")); err != nil {
					t.Errorf("when the bank was back: %v", err)
				}
				ends(t, l, far)
			})
		})
	}
}
