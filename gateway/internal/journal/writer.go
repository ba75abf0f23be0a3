package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
)

// groupLimit is how many changes are committed together at most: it bounds
// how long the first of a group waits for the last.
const groupLimit = 512

// The states of a write.
const (
	queued    int32 = iota // nobody has touched it
	taken                  // the writer has it: only the writer knows what becomes of it
	withdrawn              // the caller took it back: it is never written
)

// write is one caller's change on its way.
type write struct {
	do    func(*writeStatements) error
	err   error
	state atomic.Int32
	done  chan struct{}
}

// writer owns the only connection that writes.
type writer struct {
	stmts *writeStatements
	log   *slog.Logger

	queue   chan *write
	closing chan struct{} // closed: nothing more is accepted
	stopped chan struct{} // closed: the goroutine is gone
	once    sync.Once
	err     error // of stopping
}

func startWriter(conn *sqlite3.SQLiteConn, cfg Config) (*writer, error) {
	stmts, err := prepareWrites(conn)
	if err != nil {
		return nil, err
	}
	w := &writer{
		stmts: stmts, log: cfg.Log,
		queue:   make(chan *write, cfg.QueueLimit),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// submit has do run inside a group's transaction and returns when that is
// durable. Where do fails, nothing of it stays and its error is returned.
//
// A caller that goes away takes its change back if the writer has not begun
// with it. If it has, submit waits for the group, so that a context's error
// always means: not written.
func (w *writer) submit(ctx context.Context, do func(*writeStatements) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-w.closing:
		return ErrClosed
	default:
	}
	x := &write{do: do, done: make(chan struct{})}
	select {
	case w.queue <- x:
	default:
		return ErrFull
	}
	select {
	case <-x.done:
		return x.err
	case <-ctx.Done():
		if x.state.CompareAndSwap(queued, withdrawn) {
			return ctx.Err()
		}
	case <-w.stopped:
		if x.state.CompareAndSwap(queued, withdrawn) {
			return ErrClosed
		}
	}
	<-x.done
	return x.err
}

// run is the writer's goroutine: while one group is on its way to the disk,
// the next gathers in the queue.
func (w *writer) run() {
	defer close(w.stopped)
	group := make([]*write, 0, groupLimit)
	for {
		select {
		case x := <-w.queue:
			group = w.gather(group[:0], x)
		case <-w.closing:
			for {
				select {
				case x := <-w.queue:
					w.commit(w.gather(group[:0], x))
				default:
					return
				}
			}
		}
		w.commit(group)
		clear(group)
	}
}

// gather takes what waits, without waiting for more.
func (w *writer) gather(group []*write, first *write) []*write {
	for x := first; ; {
		if x.state.CompareAndSwap(queued, taken) {
			group = append(group, x)
		}
		if len(group) == groupLimit {
			return group
		}
		select {
		case x = <-w.queue:
		default:
			return group
		}
	}
}

// commit runs the group in one transaction and tells each caller.
func (w *writer) commit(group []*write) {
	if len(group) == 0 {
		return
	}
	if err := w.transact(group); err != nil {
		w.log.Error("journal could not commit", "changes", len(group), "error", err)
		for _, x := range group {
			x.err = errors.Join(x.err, fmt.Errorf("journal: commit: %w", err))
		}
	}
	for _, x := range group {
		close(x.done)
	}
}

// transact leaves in each write what became of it alone. Its own error is the
// whole group's: then none of it was acknowledged.
func (w *writer) transact(group []*write) error {
	if err := run(w.stmts.begin); err != nil {
		return err
	}
	for _, x := range group {
		if x.err = w.attempt(x); errors.Is(x.err, errBroken) {
			return errors.Join(x.err, run(w.stmts.rollback))
		}
	}
	if err := run(w.stmts.commit); err != nil {
		return errors.Join(err, run(w.stmts.rollback))
	}
	return nil
}

// errBroken: the transaction itself can't go on.
var errBroken = errors.New("transaction is broken")

// attempt runs one write so that it stays whole or not at all.
func (w *writer) attempt(x *write) error {
	if err := run(w.stmts.savepoint); err != nil {
		return errors.Join(errBroken, err)
	}
	failed := x.do(w.stmts)
	if failed != nil {
		if err := run(w.stmts.undo); err != nil {
			return errors.Join(errBroken, failed, err)
		}
	}
	if err := run(w.stmts.release); err != nil {
		return errors.Join(errBroken, failed, err)
	}
	return failed
}

func run(s *statement) error {
	_, err := s.exec()
	return err
}

// stop lets the writer finish what it has, then closes its connection.
func (w *writer) stop() error {
	w.once.Do(func() {
		close(w.closing)
		<-w.stopped
		w.err = w.stmts.close()
	})
	return w.err
}
