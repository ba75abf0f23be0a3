package link_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

func TestLinesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		by := make(chan int, 6)
		c := &country{play: func(p *person) {
			for {
				f, err := p.hears()
				if err != nil {
					return
				}
				by <- p.n
				p.says(answerTo(f))
			}
		}}
		l := lines(t, c, link.TCPConfig{Lines: 3})
		defer ends(t, l, c)
		l.Start()
		synctest.Wait()
		count := map[int]int{}
		for i := range 6 {
			f, err := l.Exchange(t.Context(), q(fmt.Sprint(i)))
			if err != nil || string(f.Body) != fmt.Sprintf("a %d request", i) {
				t.Fatalf("%s, %v", f.Body, err)
			}
			count[<-by]++
		}
		if count[1] != 2 || count[2] != 2 || count[3] != 2 || l.Ready() != 3 {
			t.Errorf("lines carried %v", count)
		}
	})
}

// Segments have nothing to do with frames.
func TestSegments(t *testing.T) {
	for name, say := range map[string]func(p *person, all string){
		"in one":       func(p *person, all string) { p.shouts(all) },
		"byte by byte": func(p *person, all string) { split(p, all, 1) },
		"in sevens":    func(p *person, all string) { split(p, all, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e ears
				c := &country{play: func(p *person) {
					one, _ := p.hears()
					two, _ := p.hears()
					// In the other order, between keep-alives and with what nobody asked for.
					say(p, "0000"+allFramed([]wire.Frame{answerTo(two), a("stray")})+"0000"+framed(answerTo(one)))
					p.rest()
				}}
				l := lines(t, c, link.TCPConfig{Lines: 1, Heard: e.hear})
				defer ends(t, l, c)
				done := make(chan error, 2)
				for _, key := range []string{"one", "two"} {
					go func() {
						f, err := l.Exchange(t.Context(), q(key))
						if err == nil && string(f.Body) != "a "+key+" request" {
							err = fmt.Errorf("%s got %s", key, f.Body)
						}
						done <- err
					}()
				}
				for range 2 {
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
				synctest.Wait()
				if got := e.all(); len(got) != 1 || got[0] != "a stray answer" {
					t.Errorf("heard %q", got)
				}
			})
		})
	}
}

func split(p *person, all string, n int) {
	for part := range slices.Chunk([]byte(all), n) {
		p.shouts(string(part))
	}
}

// Each of these ends the line, and with it at once every exchange of which a
// byte has left. The next exchange finds a new line.
func TestLineBroken(t *testing.T) {
	for name, breaks := range map[string]struct {
		how  func(p *person)
		want error
	}{
		"closed":            {func(*person) {}, io.ErrUnexpectedEOF},
		"half a length":     {func(p *person) { p.shouts("00") }, io.ErrUnexpectedEOF},
		"half a frame":      {func(p *person) { p.shouts("0020a 1 ") }, io.ErrUnexpectedEOF},
		"garbage":           {func(p *person) { p.shouts("HTTP/1.1 400 " + card + "\r\n"); p.rest() }, link.ErrMalformed},
		"a negative length": {func(p *person) { p.shouts("-001" + card); p.rest() }, link.ErrMalformed},
		"too long":          {func(p *person) { p.shouts("2001" + card); p.rest() }, link.ErrTooLarge},
		"a wrong length": {func(p *person) {
			f := framed(a("2"))
			p.shouts("0009" + f[4:] + f) // the next one begins in the middle of this one
			p.rest()
		}, link.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &country{}
				c.play = func(p *person) {
					if p.n > 1 {
						p.answers()
						return
					}
					for range 3 {
						_, _ = p.hears()
					}
					breaks.how(p)
				}
				l := lines(t, c, link.TCPConfig{Lines: 1})
				defer ends(t, l, c)
				errs := make(chan error, 3)
				for i := range 3 {
					go func() {
						_, err := l.Exchange(t.Context(), q(fmt.Sprint("k", i)))
						errs <- err
					}()
				}
				began := time.Now()
				for range 3 {
					err := <-errs
					sent(t, err, true)
					if !errors.Is(err, breaks.want) {
						t.Errorf("got %v, want %v", err, breaks.want)
					}
					if err != nil && strings.Contains(err.Error(), card) {
						t.Errorf("the error quotes what the other side has sent: %v", err)
					}
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("the line broke, and its exchanges waited for %v", took)
				}
				if _, err := l.Exchange(t.Context(), q("again")); err != nil {
					t.Errorf("after the line came back: %v", err)
				}
			})
		})
	}
}

// An answer that is nobody's goes to nobody.
func TestAnswersNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ears
		late := make(chan struct{})
		c := &country{play: func(p *person) {
			f, _ := p.hears()
			p.says(a("another"), wire.Frame{Body: []byte("? " + card)}, q("unasked"))
			<-late
			p.says(answerTo(f))
			g, _ := p.hears()
			p.says(answerTo(g), answerTo(g))
			p.rest()
		}}
		l := lines(t, c, link.TCPConfig{Lines: 1, Heard: e.hear})
		defer ends(t, l, c)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := l.Exchange(ctx, q("1"))
		sent(t, err, true)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(late)
		synctest.Wait()
		if f, err := l.Exchange(t.Context(), q("2")); err != nil || string(f.Body) != "a 2 request" {
			t.Errorf("%s, %v", f.Body, err)
		}
		synctest.Wait()
		want := []string{"a another answer", "? " + card, "q unasked request", "a 1 request", "a 2 request"}
		if got := e.all(); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// A bank may answer over another line than it was asked on.
func TestAnswerOverAnotherLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan wire.Frame, 1)
		c := &country{play: func(p *person) {
			go func() {
				if f, err := p.hears(); err == nil {
					asked <- f
				}
			}()
			if p.n == 2 {
				p.says(answerTo(<-asked))
			}
			p.rest2()
		}}
		l := lines(t, c, link.TCPConfig{Lines: 2})
		l.Start()
		synctest.Wait()
		if _, err := l.Exchange(t.Context(), q("1")); err != nil {
			t.Error(err)
		}
		ends(t, l, c)
	})
}

// rest2 waits until the line is closed, while another goroutine reads from it.
func (p *person) rest2() {
	for {
		if _, err := p.Conn.Write([]byte("0000")); err != nil {
			return
		}
		<-time.After(time.Second)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: func(p *person) { p.rest() }}
		l := lines(t, c, link.TCPConfig{Lines: 1, InFlight: 1})
		defer ends(t, l, c)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { _, err := l.Exchange(ctx, q("1")); first <- err }()
		synctest.Wait()
		for name, f := range map[string]wire.Frame{
			"full": q("2"), "no request": a("1"), "no frame": {}, "too long": q(strings.Repeat("x", 2000)),
		} {
			_, err := l.Exchange(t.Context(), f)
			if err == nil || !errors.Is(err, link.ErrNotSent) {
				t.Errorf("%s: %v", name, err)
			}
		}
		cancel()
		sent(t, <-first, true)
		over, stop := context.WithCancel(t.Context())
		stop()
		go func() { _, err := l.Exchange(t.Context(), q("3")); first <- err }() // there is room again
		synctest.Wait()
		_, err := l.Exchange(over, q("4"))
		sent(t, err, false)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		sent(t, <-first, true)
		_, err = l.Exchange(t.Context(), q("5"))
		sent(t, err, false)
	})
}

func TestSameNumberTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: func(p *person) { p.rest() }}
		l := lines(t, c, link.TCPConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { _, err := l.Exchange(ctx, q("1")); first <- err }()
		synctest.Wait()
		_, err := l.Exchange(t.Context(), q("1"))
		sent(t, err, false)
		cancel()
		sent(t, <-first, true)
		ends(t, l, c)
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled []time.Duration
		began := time.Now()
		l := lines(t, nil, link.TCPConfig{
			Address: "bank.example:9111", Lines: 1, MinPause: time.Second, MaxPause: 6 * time.Second, ConnectTimeout: 20 * time.Second,
			Rand: func() float64 { return 0.5 },
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dialled = append(dialled, time.Since(began))
				return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
			},
		})
		_, err := l.Exchange(t.Context(), q("1"))
		sent(t, err, false)
		if !strings.Contains(err.Error(), "refused") {
			t.Errorf("the error does not say why: %v", err)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("waited for %v", took)
		}
		ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		want := []time.Duration{0, ms(750), ms(2250), ms(5250), ms(9750), ms(14250), ms(18750)}
		if !slices.Equal(dialled, want) {
			t.Errorf("dialled at %v, want %v", dialled, want)
		}
		_ = l.Close()
	})
}

// Open waits for a line as an exchange would, says nothing over it and takes no place on it.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: (*person).answers}
		slow := make(chan struct{})
		l := lines(t, c, link.TCPConfig{Lines: 1, InFlight: 1, ConnectTimeout: 20 * time.Second, Dialogue: link.Dialogue{Session: opens{slow}}})
		done := make(chan error, 1)
		go func() { done <- l.Open(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it is open before its line is: %v", err)
		default:
		}
		close(slow)
		if err := <-done; err != nil || l.Ready() != 1 {
			t.Fatalf("%d lines are ready, %v", l.Ready(), err)
		}
		if f, err := l.Exchange(t.Context(), q("1")); err != nil || string(f.Body) != "a 1 request" {
			t.Errorf("%s, %v", f.Body, err)
		}
		ends(t, l, c)
		sent(t, l.Open(t.Context()), false)
	})
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: (*person).answers}
		l := lines(t, c, link.TCPConfig{Lines: 1, ConnectTimeout: 3 * time.Second, Dialogue: link.Dialogue{Session: opens{make(chan struct{})}}})
		defer ends(t, l, c)
		began := time.Now()
		sent(t, l.Open(t.Context()), false)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("waited for %v", took)
		}
	})
}

// opens is a session that opens a line when it is let.
type opens struct{ let <-chan struct{} }

func (s opens) Open(ctx context.Context, _ link.Ask) error {
	select {
	case <-s.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (opens) Tend(context.Context, link.Ask, bool) error { return nil }

func (opens) Reply(wire.Frame) (wire.Frame, bool) { return wire.Frame{}, false }

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: func(p *person) {
			f, _ := p.hears()
			<-time.After(3 * time.Second)
			p.says(answerTo(f))
			p.rest()
		}}
		l := lines(t, c, link.TCPConfig{Lines: 1})
		done := make(chan error)
		go func() { _, err := l.Exchange(t.Context(), q("1")); done <- err }()
		synctest.Wait()
		began := time.Now()
		go func() { done <- l.Close() }()
		synctest.Wait()
		_, err := l.Exchange(t.Context(), q("2"))
		sent(t, err, false)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("closing took %v", took)
		}
		ends(t, l, c) // closed twice is closed
	})
}

func TestLinesOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	pair := server.TLS.Certificates[0]
	server.Close()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := tls.NewListener(inner, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	c := &country{play: (*person).answers}
	c.serve(listener)
	t.Cleanup(func() { _ = listener.Close(); c.close() })
	cfg := link.TCPConfig{Address: inner.Addr().String(), TLS: &tls.Config{RootCAs: trusting.RootCAs, MinVersion: tls.VersionTLS12}}
	l := lines(t, c, cfg)
	t.Cleanup(func() { _ = l.Close() })
	if f, err := l.Exchange(t.Context(), q("1")); err != nil || string(f.Body) != "a 1 request" {
		t.Errorf("%s, %v", f.Body, err)
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	cfg.ConnectTimeout = 500 * time.Millisecond
	strict := lines(t, c, cfg)
	t.Cleanup(func() { _ = strict.Close() })
	_, err = strict.Exchange(t.Context(), q("1"))
	sent(t, err, false)
}

func TestConfigRefused(t *testing.T) {
	good := link.TCPConfig{Address: "bank.example:9111", Dialogue: dialogue()}
	if _, err := link.NewTCP(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*link.TCPConfig){
		"no address": func(c *link.TCPConfig) { c.Address = "" },
		"no port":    func(c *link.TCPConfig) { c.Address = "bank.example" },
		"no framer":  func(c *link.TCPConfig) { c.NewFramer = nil },
		"no match":   func(c *link.TCPConfig) { c.Match = nil },
		"65 lines":   func(c *link.TCPConfig) { c.Lines = 65 },
		"-1 lines":   func(c *link.TCPConfig) { c.Lines = -1 },
		"in flight":  func(c *link.TCPConfig) { c.InFlight = 100_001 },
		"too short":  func(c *link.TCPConfig) { c.WriteTimeout = time.Microsecond },
		"too long":   func(c *link.TCPConfig) { c.Idle = 25 * time.Hour },
	} {
		bad := good
		spoil(&bad)
		if _, err := link.NewTCP(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
