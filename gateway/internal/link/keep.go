package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"
)

// keep keeps one line up until the link is closed.
func (t *TCP) keep(index int) {
	for try := 0; t.ctx.Err() == nil; try++ {
		began := time.Now()
		err := t.serve(index)
		t.lost(err)
		if t.ctx.Err() != nil {
			return
		}
		if time.Since(began) > t.cfg.MaxPause {
			try = 0 // it had been up for some time
		}
		pause := t.pause(try)
		t.cfg.Log.Warn("a line is down", "address", t.cfg.Address, "line", index, "error", err, "again_in", pause)
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-t.ctx.Done():
		}
		wait.Stop()
	}
}

// pause grows with each try in vain. Chance keeps lines, and gateways, from coming all at once.
func (t *TCP) pause(try int) time.Duration {
	d := t.cfg.MinPause
	for range try {
		if d >= t.cfg.MaxPause {
			break
		}
		d *= 2
	}
	d = min(d, t.cfg.MaxPause)
	return d/2 + time.Duration(t.cfg.Rand()*float64(d/2))
}

// serve is one life of a line: connect, open, use, and the end.
func (t *TCP) serve(index int) error {
	l, err := t.connect(index)
	if err != nil {
		return fmt.Errorf("connect: %w", cause(t.ctx, err))
	}
	stop := context.AfterFunc(t.ctx, func() { l.fail(errClosed) })
	defer stop()
	var both sync.WaitGroup
	both.Go(l.read)
	both.Go(l.write)
	l.live()
	both.Wait()
	return l.err
}

// connect connects, over TLS where there is a configuration, within the timeout.
func (t *TCP) connect(index int) (*line, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.ConnectTimeout)
	defer cancel()
	conn, err := t.cfg.Dial(ctx, "tcp", t.cfg.Address)
	if err != nil {
		return nil, err
	}
	below := &counter{Conn: conn}
	if t.cfg.TLS == nil {
		return t.newLine(index, below, below), nil
	}
	secure := tls.Client(below, t.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // done already where the time ran out
		return nil, err
	}
	return t.newLine(index, secure, below), nil
}

// live opens the line, lets it be used, and has the session tend it. It
// returns when the line is broken.
func (l *line) live() {
	t := l.link
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	if t.cfg.Session != nil {
		if err := t.cfg.Session.Open(ctx, l.ask); err != nil {
			l.fail(l.why("open", err))
			return
		}
	}
	t.ready(l)
	t.cfg.Log.Info("a line is ready", "address", t.cfg.Address, "line", l.index)
	if t.cfg.Session == nil {
		<-l.done
		return
	}
	wait := time.NewTimer(t.cfg.Idle)
	defer wait.Stop()
	for {
		doubtful := false
		select {
		case <-l.done:
			return
		case <-wait.C:
		case <-l.doubt: // a bank that thinks for too long still answers this; a line that is dead, or stuck in half a frame, does not
			doubtful = true
		}
		if err := t.cfg.Session.Tend(ctx, l.ask, doubtful || l.silence() >= t.cfg.Idle); err != nil {
			l.fail(l.why("tend", err))
			return
		}
		wait.Reset(max(t.cfg.Idle-l.silence(), t.cfg.Idle/8))
	}
}

// silence is how long nothing was heard.
func (l *line) silence() time.Duration {
	return time.Since(l.born) - time.Duration(l.heardAt.Load())
}

// why is what went wrong with the session's words. Where the line broke under
// them, fail has said so already and this is not heard.
func (l *line) why(what string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: no answer within %v", what, l.link.cfg.AnswerTimeout)
	}
	return fmt.Errorf("%s: %w", what, err)
}
