package journal

import (
	"context"
	"fmt"
	"sync"
)

// blockSize is how many numbers are reserved at once: what a crash may lose
// of a sequence, and how often a number costs a commit. A protocol may put the
// last digits of a number alone on the wire, beside the second: after a start
// within the second of the last one they must not begin where they did then.
// This prime sets the beginnings of five starts 2,000 apart in four digits.
const blockSize = 7_919

// Reserver is the part of a Store that Numbers needs.
type Reserver interface {
	Reserve(ctx context.Context, sequence string, n uint64) (uint64, error)
}

// Numbers hands out numbers that are unique for ever within a sequence. It
// reserves them in the store in blocks before the first of a block is used,
// so a crash leaves a gap and never a number twice.
type Numbers struct {
	Store Reserver

	mu        sync.Mutex
	sequences map[string]*block
}

type block struct {
	mu         sync.Mutex
	next, left uint64
}

// Next returns the next number of the sequence, from 1. A sequence is named
// by what its numbers must be unique in, such as a channel and a Beijing day.
func (n *Numbers) Next(ctx context.Context, sequence string) (uint64, error) {
	b := n.block(sequence)
	// The lock is the sequence's own, so that a reservation makes nobody else wait.
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		first, err := n.Store.Reserve(ctx, sequence, blockSize)
		if err != nil {
			return 0, fmt.Errorf("reserve numbers of %s: %w", sequence, err)
		}
		b.next, b.left = first, blockSize
	}
	number := b.next
	b.next++
	b.left--
	return number, nil
}

func (n *Numbers) block(sequence string) *block {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.sequences[sequence]
	if b == nil {
		if n.sequences == nil {
			n.sequences = make(map[string]*block)
		}
		b = new(block)
		n.sequences[sequence] = b
	}
	return b
}
