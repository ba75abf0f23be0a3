package flow

import (
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// ids makes ids that never go back, whatever the clock does: pages, histories
// and the cursors of those who read events rest on their order.
type ids struct {
	mu      sync.Mutex
	ms      uint64 // of the last one
	entropy *ulid.MonotonicEntropy
}

func newIDs() *ids { return &ids{entropy: ulid.Monotonic(rand.Reader, 0)} }

// next is above every id before it. It holds the time, unless a later one was used already.
func (i *ids) next(prefix string, at time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ms = max(i.ms, ulid.Timestamp(at))
	id, err := ulid.New(i.ms, i.entropy)
	if errors.Is(err, ulid.ErrMonotonicOverflow) {
		i.ms++
		id, err = ulid.New(i.ms, i.entropy)
	}
	if err != nil { // the system has no chance to give: nothing can go on
		panic(err)
	}
	return prefix + id.String()
}

// after has all further ids follow one that was made by a process before.
func (i *ids) after(id string) {
	if len(id) < ulid.EncodedSize {
		return
	}
	last, err := ulid.ParseStrict(id[len(id)-ulid.EncodedSize:])
	if err != nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ms = max(i.ms, last.Time()+1)
}
