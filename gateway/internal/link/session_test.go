package link_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

// manners is a session that says hello, asks for life, and answers a bank's q ping.
type manners struct {
	echoes  atomic.Int64
	refused error
}

func (m *manners) Open(ctx context.Context, ask link.Ask) error {
	if _, err := ask(ctx, q("hello")); err != nil {
		return err
	}
	return m.refused
}

func (m *manners) Tend(ctx context.Context, ask link.Ask, idle bool) error {
	if !idle {
		return nil
	}
	_, err := ask(ctx, q(fmt.Sprint("echo", m.echoes.Add(1))))
	return err
}

func (m *manners) Reply(f wire.Frame) (wire.Frame, bool) {
	return answerTo(f), string(f.Body) == "q ping request"
}

// A line carries nothing before it is open, and nothing waits longer than for a connection.
func TestOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan string, 9)
		let := make(chan bool)
		c := &country{play: func(p *person) {
			f, err := p.hears()
			if err != nil {
				return
			}
			heard <- string(f.Body)
			<-let
			p.says(answerTo(f))
			p.answers()
		}}
		l := lines(t, c, link.TCPConfig{Lines: 1, Dialogue: link.Dialogue{Session: &manners{}}, ConnectTimeout: time.Second})
		_, err := l.Exchange(t.Context(), q("early"))
		sent(t, err, false)
		if got := <-heard; got != "q hello request" || len(heard) > 0 {
			t.Errorf("the fresh line was told %s", got)
		}
		close(let)
		if _, err := l.Exchange(t.Context(), q("1")); err != nil {
			t.Error(err)
		}
		ends(t, l, c)
	})
}

func TestOpeningRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := errors.New("sign-on refused")
		for name, c := range map[string]*country{
			"in words":  {play: (*person).answers},
			"silently":  {play: (*person).rest},
			"by a slam": {play: func(p *person) { _, _ = p.hears() }},
		} {
			m := &manners{}
			if name == "in words" {
				m.refused = no
			}
			l := lines(t, c, link.TCPConfig{Lines: 1, ConnectTimeout: 20 * time.Second, Dialogue: link.Dialogue{Session: m, AnswerTimeout: 3 * time.Second}})
			_, err := l.Exchange(t.Context(), q("1"))
			sent(t, err, false)
			if m.refused != nil && !errors.Is(err, no) {
				t.Errorf("%s: the error does not say why: %v", name, err)
			}
			if c.met() < 3 {
				t.Errorf("%s: tried %d times only", name, c.met())
			}
			ends(t, l, c)
		}
	})
}

// A line on which nothing is heard is asked for life. One that does not
// answer is closed, whoever waits is told at once, and another one is opened.
func TestEchoUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		c := &country{}
		c.play = func(p *person) {
			for {
				f, err := p.hears()
				if err != nil {
					return
				}
				mu.Lock()
				seen = append(seen, fmt.Sprint(p.n, string(f.Body)))
				mu.Unlock()
				if p.n == 1 && string(f.Body) == "q echo2 request" || string(f.Body) == "q lost request" {
					continue
				}
				p.says(answerTo(f))
			}
		}
		l := lines(t, c, link.TCPConfig{Lines: 1, Dialogue: link.Dialogue{Session: &manners{}, Idle: time.Minute, AnswerTimeout: 5 * time.Second}})
		began := time.Now()
		_, err := l.Exchange(t.Context(), q("1"))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Second)
		_, _ = l.Exchange(t.Context(), q("2")) // puts the echo off
		_, err = l.Exchange(t.Context(), q("lost"))
		sent(t, err, true)
		if took := time.Since(began); took != 30*time.Second+time.Minute+time.Minute+5*time.Second {
			t.Errorf("the line was given up after %v", took)
		}
		if _, err := l.Exchange(t.Context(), q("3")); err != nil {
			t.Error(err)
		}
		want := []string{"1q hello request", "1q 1 request", "1q 2 request", "1q lost request", "1q echo1 request", "1q echo2 request", "2q hello request", "2q 3 request"}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(seen, want) {
			t.Errorf("the bank saw %q", seen)
		}
		ends(t, l, c)
	})
}

// A line that breaks without a word, or sticks in the middle of an answer, is
// found out by the first exchange that waits in vain, not after Idle. One
// whose bank only takes its time is kept.
func TestLineInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		says string // to "lost", in place of its answer
		dead bool   // nothing is answered after it
		met  int
	}{
		"a line that is dead":    {"", true, 2},
		"half an answer":         {"0013a lo", true, 2},
		"a bank that is at work": {"", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far := &country{play: func(p *person) {
					for {
						f, err := p.hears()
						if err != nil {
							return
						}
						if string(f.Body) != "q lost request" {
							p.says(answerTo(f))
							continue
						}
						p.shouts(c.says)
						if c.dead {
							p.rest()
							return
						}
					}
				}}
				l := lines(t, far, link.TCPConfig{Lines: 1, Dialogue: link.Dialogue{Session: &manners{}, Idle: time.Minute, AnswerTimeout: 5 * time.Second}})
				if _, err := l.Exchange(t.Context(), q("1")); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_, err := l.Exchange(ctx, q("lost"))
				sent(t, err, true)
				<-time.After(6 * time.Second)
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := l.Exchange(ctx, q("2")); err != nil || far.met() != c.met {
					t.Errorf("over %d lines, want %d: %v", far.met(), c.met, err)
				}
				ends(t, l, far)
			})
		})
	}
}

// Another line's life says nothing of this one.
func TestEchoCountsOnItsOwnLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crossed := make(chan wire.Frame, 1)
		c := &country{}
		c.play = func(p *person) {
			for {
				f, err := p.hears()
				if err != nil {
					return
				}
				switch {
				case string(f.Body) == "q hello request" || p.n > 2:
					p.says(answerTo(f))
				case p.n == 1:
					crossed <- f
				default:
					p.says(answerTo(<-crossed), answerTo(f))
				}
			}
		}
		var e ears
		l := lines(t, c, link.TCPConfig{Lines: 2, Dialogue: link.Dialogue{Session: &manners{}, Idle: time.Minute}, Heard: e.hear, Rand: func() float64 { return 0 }})
		l.Start()
		<-time.After(100 * time.Second) // the second echo of the line that lives would meet nobody to cross with
		if c.met() != 3 {
			t.Errorf("there were %d connections, want 3: one of two was dead", c.met())
		}
		ends(t, l, c)
	})
}

// A bank's own requests are answered between answers.
func TestBankAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ears
		replies := make(chan string, 2)
		c := &country{play: func(p *person) {
			f, _ := p.hears()
			p.says(answerTo(f))
			f, _ = p.hears()
			p.says(q("ping"), q("other"))
			g, _ := p.hears()
			replies <- string(g.Body)
			p.says(answerTo(f))
			p.rest()
		}}
		l := lines(t, c, link.TCPConfig{Lines: 1, Dialogue: link.Dialogue{Session: &manners{}}, Heard: e.hear})
		if _, err := l.Exchange(t.Context(), q("1")); err != nil {
			t.Error(err)
		}
		if got := <-replies; got != "a ping request" {
			t.Errorf("the bank got %s", got)
		}
		synctest.Wait()
		if got := e.all(); len(got) != 1 || got[0] != "q other request" {
			t.Errorf("heard %q", got)
		}
		ends(t, l, c)
	})
}

// A bank that does not read is left after a time. What lies in its queue was not sent and goes over another line.
func TestBankDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{}
		c.play = func(p *person) {
			if p.n == 1 {
				<-time.After(time.Hour)
				return
			}
			p.answers()
		}
		l := lines(t, c, link.TCPConfig{Lines: 1, WriteTimeout: 3 * time.Second})
		errs := make(chan error, 400) // more than a queue holds
		began := time.Now()
		for i := range cap(errs) {
			go func() { _, err := l.Exchange(t.Context(), q(fmt.Sprint(i))); errs <- err }()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Fatal(err) // over a pipe, not one byte was taken: all go over the next line
			}
		}
		if took := time.Since(began); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("took %v", took)
		}
		<-time.After(time.Hour)
		ends(t, l, c)
	})
}

// Lines come back after a bank has been away.
func TestBankRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &country{play: (*person).answers}
		l := lines(t, c, link.TCPConfig{Dialogue: link.Dialogue{Session: &manners{}}, ConnectTimeout: 6 * time.Second})
		if _, err := l.Exchange(t.Context(), q("1")); err != nil {
			t.Fatal(err)
		}
		c.close()
		synctest.Wait()
		if l.Ready() != 0 {
			t.Errorf("%d lines are ready to a bank that has gone", l.Ready())
		}
		_, err := l.Exchange(t.Context(), q("2"))
		sent(t, err, false)
		c.mu.Lock()
		c.shut = false
		c.mu.Unlock()
		if _, err := l.Exchange(t.Context(), q("3")); err != nil {
			t.Error(err)
		}
		ends(t, l, c)
	})
}
