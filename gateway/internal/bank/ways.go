package bank

import "sync"

// way is where to find a channel as it is now. A channel whose keys have
// changed takes the place of the one before: what begins afterwards goes over
// it, what is under way ends on the one that it has begun with.
type way struct {
	mu  sync.Mutex
	now *used
}

// used is a channel that attempts are under way on.
type used struct {
	Channel
	attempts int
	idle     chan struct{} // closed when it was replaced and its last attempt is over
	replaced bool
}

func newWay(c Channel) *way { return &way{now: &used{Channel: c, idle: make(chan struct{})}} }

// at is the channel as it is now, to ask it something. ok: it is there.
func (b *Banks) at(channel string) (Channel, bool) {
	w := b.channels[channel]
	if w == nil {
		return Channel{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now.Channel, true
}

// take is the channel as it is now, which stays what it is until leave is called.
func (b *Banks) take(channel string) (c Channel, leave func(), ok bool) {
	w := b.channels[channel]
	if w == nil {
		return Channel{}, nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.now
	u.attempts++
	return u.Channel, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		u.attempts--
		u.end()
	}, true
}

// Replace puts a channel in the place of the one with the same id, which must
// be there. idle is closed when nothing is under way on that any more.
func (b *Banks) Replace(c Channel) (idle <-chan struct{}) {
	w := b.channels[c.ID]
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.now
	w.now = newWay(c).now
	old.replaced = true
	old.end()
	return old.idle
}

func (u *used) end() {
	if u.replaced && u.attempts == 0 {
		close(u.idle)
	}
}
