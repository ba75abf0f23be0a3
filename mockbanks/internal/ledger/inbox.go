package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// dropAtOnce is how many messages go in one transaction, so that no commit waits long for them.
const dropAtOnce = 500

// Messages returns the latest messages for an address (empty: for all), newest first. Limit is 1 to 1,000, default 20.
func (l *Ledger) Messages(ctx context.Context, to string, limit int) ([]Message, error) {
	found, err := l.messages(ctx, to, "", limit)
	if err != nil {
		return nil, fmt.Errorf("ledger: messages: %w", err)
	}
	return found, nil
}

// Wait returns what Messages would, as soon as there is one after the message
// with the id after (empty: any at all). When ctx ends first it returns ctx's
// error. ErrBusy: too many are waiting. ErrClosed: the ledger is closing.
func (l *Ledger) Wait(ctx context.Context, to, after string, limit int) ([]Message, error) {
	rung, leave, err := l.bell.listen(to)
	if err != nil {
		return nil, fmt.Errorf("ledger: wait for a message: %w", err)
	}
	defer leave()
	// Listening begins before looking: what is committed in between rings.
	for {
		found, err := l.messages(ctx, to, after, limit)
		if err != nil {
			return nil, fmt.Errorf("ledger: wait for a message: %w", err)
		}
		if len(found) > 0 {
			return found, nil
		}
		select {
		case _, ok := <-rung:
			if !ok {
				return nil, fmt.Errorf("ledger: wait for a message: %w", ErrClosed)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Ledger) messages(ctx context.Context, to, after string, limit int) (found []Message, err error) {
	limit, id, err := page(limit, 20, after, 0)
	if err != nil {
		return nil, err
	}
	rows, err := choose(ctx, l.reader.messages, l.reader.messagesTo, to, id, limit)
	if err != nil {
		return nil, l.orClosed(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, at int64
		var m Message
		if err := rows.Scan(&id, &m.Kind, &m.To, &m.Code, &m.Text, &at, &m.Case); err != nil {
			return nil, err
		}
		m.ID, m.At = strconv.FormatInt(id, 10), time.UnixMilli(at)
		found = append(found, m)
	}
	return found, rows.Err()
}

// send puts a message into the transaction; who waits for it hears of it after the commit.
func (t *transaction) send(m Message) error {
	err := t.keepMessage.exec(m.Kind, m.To, m.Code, m.Text, m.At.UnixMilli(), m.caseID)
	t.sent = append(t.sent, m.To)
	return err
}

// prune drops the oldest messages beyond the bound, once there are enough of them to be worth it.
func (t *transaction) prune() error {
	if len(t.sent) == 0 {
		return nil
	}
	var oldest, newest int64
	if err := t.messageRange.row().Scan(&oldest, &newest); err != nil {
		return err
	}
	if newest-oldest+1 < int64(t.keep)+dropAtOnce {
		return nil
	}
	err := t.dropMessages.exec(oldest + dropAtOnce)
	return err
}

// bell wakes those who wait for messages to an address.
type bell struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{} // nil once stopped
	count   int
	limit   int
}

func newBell(limit int) *bell {
	return &bell{waiting: map[string]map[chan struct{}]struct{}{}, limit: limit}
}

// listen returns a channel that gets one signal for one or more rings, and is
// closed when the bell stops. The caller must leave.
func (b *bell) listen(to string) (rung <-chan struct{}, leave func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.waiting == nil:
		return nil, nil, ErrClosed
	case b.count >= b.limit:
		return nil, nil, ErrBusy
	}
	c := make(chan struct{}, 1)
	if b.waiting[to] == nil {
		b.waiting[to] = map[chan struct{}]struct{}{}
	}
	b.waiting[to][c] = struct{}{}
	b.count++
	return c, func() { b.leave(to, c) }, nil
}

func (b *bell) leave(to string, c chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		return
	}
	delete(b.waiting[to], c)
	if len(b.waiting[to]) == 0 {
		delete(b.waiting, to)
	}
	b.count--
}

// ring wakes those who wait for one of the addresses, and those who wait for any.
func (b *bell) ring(addresses []string) {
	if len(addresses) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	wake(b.waiting[""])
	for _, to := range addresses {
		wake(b.waiting[to])
	}
}

func (b *bell) stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range b.waiting {
		for c := range at {
			close(c)
		}
	}
	b.waiting = nil
	return nil
}

// wake leaves a signal with each that has none yet.
func wake(waiting map[chan struct{}]struct{}) {
	for c := range waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
