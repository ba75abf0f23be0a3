package app

import (
	"crypto/tls"
	"maps"
	"sync"

	"kaqiao/gateway/internal/adapter"
	"kaqiao/gateway/internal/bank"
	"kaqiao/profiles/wire/seal"
)

// way is a channel as it was made, with what it was made of.
type way struct {
	channel bank.Channel
	link    adapter.Link
	ring    *seal.Ring
	tls     *tls.Config // nil: it has none
	after   func()      // ends what it has in common with the one before; nil: nothing
}

// ways are all channels as they are now.
type ways struct {
	changes sync.Mutex     // held while channels are made anew
	over    bool           // nothing is made anew any more
	leaving sync.WaitGroup // channels that were replaced, until nothing is under way on them

	mu   sync.Mutex
	byID map[string]*way
}

func (w *ways) put(one *way) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = map[string]*way{}
	}
	w.byID[one.channel.ID] = one
}

func (w *ways) of(id string) *way {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byID[id]
}

func (w *ways) all() map[string]*way {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.byID)
}

// end keeps channels from being made anew, and waits until those that were replaced are closed.
func (w *ways) end() {
	w.changes.Lock()
	w.over = true
	w.changes.Unlock()
	w.leaving.Wait()
}
