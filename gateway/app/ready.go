package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kaqiao/gateway/internal/journal"
)

// writable says whether the journal takes writes: it takes one number of a
// sequence that nothing else uses. Askers that come together share one write,
// so that a busy prober costs nothing.
func writable(store journal.Reserver) func() error {
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
				_, err := store.Reserve(ctx, "readiness", 1)
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
