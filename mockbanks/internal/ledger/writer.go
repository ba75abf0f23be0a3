package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// maxBatch bounds how long one commit can take, and so how long its first change waits.
const maxBatch = 256

// writer is the one goroutine that changes the file. What waits is committed
// together: one write to the log serves all of them.
type writer struct {
	conn  *sql.Conn
	own   *keeper // the statements of conn
	queue chan change
	ended chan struct{}

	mu     sync.RWMutex // held for reading while something enters the queue
	closed bool

	begin, commit, back statement
	tx                  *transaction
	bell                *bell
	cases               func(Case)
}

// change is one caller's work. It may run twice, if another of its batch has
// failed, so it sets what it finds afresh.
type change struct {
	run  func(*transaction) error
	done chan error // holds one
}

func newWriter(db *sql.DB, l *Ledger, cfg Config) (_ *writer, err error) {
	w := &writer{queue: make(chan change, cfg.Queue), ended: make(chan struct{}), bell: l.bell, cases: cfg.Cases}
	if w.conn, err = db.Conn(background()); err != nil {
		return nil, err
	}
	w.own = &keeper{preparer: w.conn}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.own.close(), w.conn.Close())
		}
	}()
	if err := prepareAll(w.own, map[*statement]string{
		&w.begin: `BEGIN IMMEDIATE`, &w.commit: `COMMIT`, &w.back: `ROLLBACK`,
	}); err != nil {
		return nil, err
	}
	if w.tx, err = newTransaction(w.own, l, cfg); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// do has run executed by the writer and waits until it is committed. run's own
// error undoes all that it did; what is no trouble (a refusal) it keeps for itself.
// When ctx ends, do returns while the change goes on.
func (w *writer) do(ctx context.Context, run func(*transaction) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := change{run: run, done: make(chan error, 1)}
	if err := w.enter(c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) enter(c change) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case w.queue <- c:
		return nil
	default:
		return ErrBusy
	}
}

func (w *writer) isClosed() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.closed
}

// stop lets what waits be committed, then ends the goroutine.
func (w *writer) stop() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
	return errors.Join(w.own.close(), w.conn.Close())
}

func (w *writer) run() {
	defer close(w.ended)
	batch := make([]change, 0, maxBatch)
	for first := range w.queue {
		batch = w.gather(append(batch[:0], first))
		if err := w.together(batch); err == nil || len(batch) == 1 {
			finish(batch, err)
			continue
		}
		// One of them has failed and taken the others with it: each tries by itself.
		for i := range batch {
			finish(batch[i:i+1], w.together(batch[i:i+1]))
		}
	}
}

// gather adds what waits already, without waiting for more.
func (w *writer) gather(batch []change) []change {
	for len(batch) < maxBatch {
		select {
		case c, ok := <-w.queue:
			if !ok {
				return batch
			}
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// together commits all of the batch, or nothing.
func (w *writer) together(batch []change) (err error) {
	if err := w.begin.exec(); err != nil {
		return storage(fmt.Errorf("begin: %w", err))
	}
	defer func() {
		if err != nil {
			back := w.back.exec() // SQLite may have done so itself
			err = storage(errors.Join(err, back))
		}
	}()
	w.tx.sent, w.tx.turned = w.tx.sent[:0], w.tx.turned[:0]
	for _, c := range batch {
		if err := c.run(w.tx); err != nil {
			return err
		}
	}
	if err := w.tx.prune(); err != nil {
		return fmt.Errorf("prune messages: %w", err)
	}
	if err := w.commit.exec(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.bell.ring(w.tx.sent)
	if w.cases != nil {
		for _, c := range w.tx.turned {
			w.cases(c)
		}
	}
	return nil
}

func finish(batch []change, err error) {
	for _, c := range batch {
		c.done <- err
	}
}
