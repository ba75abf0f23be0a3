package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"

	"kaqiao/gateway/internal/crash"
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
	stmts  *writeStatements
	health *health
	turn   sync.Mutex // held while the connection is used; nobody but Setting ever waits for it

	queue   chan *write
	closing chan struct{} // closed: nothing more is accepted
	stopped chan struct{} // closed: the goroutine is gone
	once    sync.Once
	err     error // of stopping
}

func startWriter(conn *sqlite3.SQLiteConn, cfg Config, h *health) (*writer, error) {
	stmts, err := prepareWrites(conn)
	if err != nil {
		return nil, err
	}
	w := &writer{
		stmts: stmts, health: h,
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
	if w.health.damaged.Load() {
		return fmt.Errorf("%w: %w", ErrStorage, ErrDamaged)
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

// gather takes what waits. It lets others run once before it goes without
// them: those whom the last group has woken bring their next change.
func (w *writer) gather(group []*write, first *write) []*write {
	yielded := false
	for x := first; ; {
		if x.state.CompareAndSwap(queued, taken) {
			group = append(group, x)
		}
		if len(group) == groupLimit {
			return group
		}
		if !yielded && len(w.queue) == 0 {
			runtime.Gosched()
			yielded = true
		}
		select {
		case x = <-w.queue:
		default:
			return group
		}
	}
}

// commit runs the group in one transaction and tells each caller. Where the
// transaction fails, that is all that each is told: what a change ran into, such
// as a key that was used, may have been another change of the same group.
func (w *writer) commit(group []*write) {
	if len(group) == 0 {
		return
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	lost, why := 0, error(nil)
	if err := w.transact(group); err != nil {
		if err = w.health.judge(err); !errors.Is(err, ErrStorage) {
			err = fmt.Errorf("%w: %s", ErrStorage, err.Error())
		}
		lost, why = len(group), err
		for _, x := range group {
			x.err = fmt.Errorf("commit: %w", err)
		}
	} else {
		for _, x := range group { // one alone may have been too much for the disk
			if x.err = w.health.judge(x.err); errors.Is(x.err, ErrStorage) {
				lost, why = lost+1, x.err
			}
		}
	}
	if lost > 0 {
		w.health.lost(lost, why)
	} else {
		w.health.wrote()
	}
	for _, x := range group {
		close(x.done)
	}
}

// transact leaves in each write what became of it alone. Its own error is the
// whole group's: then none of it was acknowledged.
//
// A savepoint around each change costs a third of the whole, and a change is
// rarely refused after something of it was written. So the first run does
// without; where it meets such a change, the group is run again with them.
func (w *writer) transact(group []*write) error {
	err := w.try(group, w.bare)
	if errors.Is(err, errHalf) {
		err = w.try(group, w.enclosed)
	}
	return err
}

func (w *writer) try(group []*write, do func(*write) error) error {
	if err := run(w.stmts.begin); err != nil {
		return err
	}
	for _, x := range group {
		x.err = do(x)
		if errors.Is(x.err, errHalf) || errors.Is(x.err, errBroken) {
			return errors.Join(x.err, w.rollback())
		}
	}
	crash.Here(crash.JournalWriting, "")
	if err := run(w.stmts.commit); err != nil {
		return errors.Join(err, w.rollback())
	}
	return nil
}

func (w *writer) rollback() error {
	if w.gone() {
		return nil
	}
	return run(w.stmts.rollback)
}

var (
	errHalf   = errors.New("change failed half done") // only without a savepoint
	errBroken = errors.New("transaction can't go on")
)

// bare runs one write as it is. SQLite undoes a statement that fails, so a
// write whose first statement fails has left nothing.
func (w *writer) bare(x *write) error {
	w.stmts.wrote = false
	err := x.do(w.stmts)
	switch {
	case err == nil:
		return nil
	case w.gone():
		return errors.Join(errBroken, err)
	case w.stmts.wrote:
		return errHalf
	}
	return err
}

// enclosed runs one write so that it stays whole or not at all.
func (w *writer) enclosed(x *write) error {
	if err := run(w.stmts.savepoint); err != nil {
		return errors.Join(errBroken, err)
	}
	failed := x.do(w.stmts)
	if failed != nil {
		if w.gone() {
			return errors.Join(errBroken, failed)
		}
		if err := run(w.stmts.undo); err != nil {
			return errors.Join(errBroken, failed, err)
		}
	}
	if err := run(w.stmts.release); err != nil {
		return errors.Join(errBroken, failed, err)
	}
	return failed
}

// gone reports whether SQLite has rolled the transaction back by itself, as
// it does when the disk is full or fails. What came next would be committed
// statement by statement.
func (w *writer) gone() bool { return w.stmts.conn.AutoCommit() }

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
