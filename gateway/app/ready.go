package app

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// prober is the part of a journal that tells whether it takes writes.
type prober interface{ Probe(context.Context) error }

// writable says whether the journal takes writes. Askers that come together
// share one write, so that a busy prober costs nothing.
func writable(store prober) func() error {
	const patience = 2 * time.Second
	var mu sync.Mutex
	var running chan struct{}
	var last error
	return func() error {
		mu.Lock()
		mine := running
		if mine == nil {
			mine = make(chan struct{})
			running = mine
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				err := store.Probe(ctx)
				mu.Lock()
				defer mu.Unlock()
				last, running = err, nil
				close(mine)
			}()
		}
		mu.Unlock()
		<-mine
		mu.Lock()
		defer mu.Unlock()
		if last != nil {
			return fmt.Errorf("journal: %w", last)
		}
		return nil
	}
}
