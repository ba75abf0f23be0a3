package farm

import (
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// What became of an exchange, as its sender saw it.
const (
	answered = "answered"
	refused  = "refused"
	silent   = "silent"
	reset    = "reset"
	garbage  = "garbage"
	busy     = "busy"
)

func outcomes() []string { return []string{answered, refused, silent, reset, garbage, busy} }

// exchange is one request with what was planned for it and what came of it.
// Messages print themselves masked.
type exchange struct {
	id        uint64 // from 1, in the order of their ends
	at        time.Time
	operation string
	number    string
	outcome   string // empty: the farm stopped in the middle
	refusal   string // the raw code
	drawn     time.Duration
	fault     string
	took      time.Duration // from the request's last byte to the moment of the answer
	request   wire.Message
	answer    wire.Message
}

// exchanges keeps the latest of a bank or channel. What is over the limit falls out, the oldest first.
type exchanges struct {
	limit uint64
	mu    sync.Mutex
	kept  []exchange // a ring once it is full
	last  uint64
}

func newExchanges(limit int) *exchanges { return &exchanges{limit: uint64(limit)} }

func (e *exchanges) add(x exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	x.id = e.last
	if uint64(len(e.kept)) < e.limit {
		e.kept = append(e.kept, x)
		return
	}
	e.kept[(x.id-1)%e.limit] = x
}

// page returns up to limit exchanges, newest first, that came before the one
// with the id before (0: the newest of all), and, with a number, only those of
// that number. More says whether there may be others further back.
func (e *exchanges) page(limit int, before uint64, number string) (found []exchange, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before == 0 || before > e.last+1 {
		before = e.last + 1
	}
	for id := before - 1; id > 0 && id+uint64(len(e.kept)) > e.last; id-- {
		x := e.kept[(id-1)%e.limit]
		if number != "" && x.number != number {
			continue
		}
		if len(found) == limit {
			return found, true
		}
		found = append(found, x)
	}
	return found, false
}

// counters counts exchanges since the start by what was asked and what came of it.
type counters struct {
	operations [8]atomic.Int64
	outcomes   [8]atomic.Int64
}

func (c *counters) count(operation, outcome string) {
	bump(c.operations[:], profiles.Operations(), operation)
	bump(c.outcomes[:], outcomes(), outcome)
}

func bump(counts []atomic.Int64, names []string, name string) {
	for i, n := range names {
		if n == name {
			counts[i].Add(1)
		}
	}
}

// shown lists those that are not 0.
func shown(counts []atomic.Int64, names []string) map[string]int64 {
	out := make(map[string]int64)
	for i, name := range names {
		if n := counts[i].Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}
