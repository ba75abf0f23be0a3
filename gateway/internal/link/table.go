package link

import (
	"sync"

	"kaqiao/profiles/wire"
)

// call is one exchange over a line.
type call struct {
	key    key
	bytes  []byte // as they are written
	proof  proof
	answer chan wire.Frame // takes one
}

// key is what an answer is known by. The line is set for what a session says:
// its answer counts on its own line only, or a line would seem to live because another one does.
type key struct {
	match string
	line  *line
}

// table is who waits for which answer, over all lines: a bank may answer over
// another line than it was asked on.
type table struct {
	mu    sync.Mutex
	calls map[key]*call
}

// add refuses a key that is waited for already: its answers could not be told apart.
func (t *table) add(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.calls[c.key]; taken {
		return false
	}
	t.calls[c.key] = c
	return true
}

// remove reports whether the call was still waiting. If not, its answer is there, or about to be.
func (t *table) remove(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[c.key] != c {
		return false
	}
	delete(t.calls, c.key)
	return true
}

// deliver gives an answer that came on a line to whoever waits for it, once.
func (t *table) deliver(match string, l *line, f wire.Frame) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range [...]key{{match, nil}, {match, l}} {
		if c, ok := t.calls[k]; ok {
			delete(t.calls, k)
			c.answer <- f // there is room: this is the only one
			return true
		}
	}
	return false
}

// tell passes a frame on to Heard. It does not wait: a slow listener must not hold answers up.
func (t *TCP) tell(f wire.Frame) {
	select {
	case t.heard <- f:
	default:
		t.cfg.Log.Warn("a frame that nobody asked for was dropped: too many of them wait", "address", t.cfg.Address)
	}
}

func (t *TCP) hear(heard <-chan wire.Frame) {
	for f := range heard {
		if t.cfg.Heard == nil {
			t.cfg.Log.Warn("a frame came that nobody waits for", "address", t.cfg.Address, "bytes", len(f.Body))
			continue
		}
		t.cfg.Heard(f)
	}
}
