package jws

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A number says the same for a day (memory). What it has led to the books
// remember for ever; here it is only noticed that a body is another, to the byte.
const (
	repeatLife = 24 * time.Hour
	maxRepeats = 100_000 // numbers of a channel; the oldest is forgotten first
)

// repeats knows the bodies that came under each number.
type repeats struct {
	limit int

	mu    sync.Mutex
	known map[string]repeat
	order []string // by age
}

type repeat struct {
	body  [sha256.Size]byte
	until time.Time
}

func newRepeats(limit int) *repeats { return &repeats{limit: limit, known: make(map[string]repeat)} }

// same notes a body, and reports whether nothing else came under the number.
func (r *repeats) same(number string, body []byte, now time.Time) bool {
	sum := sha256.Sum256(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.known[number]; ok && now.Before(before.until) {
		return before.body == sum
	}
	for len(r.order) > 0 && (len(r.order) >= r.limit || !now.Before(r.known[r.order[0]].until)) {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	r.known[number] = repeat{sum, now.Add(repeatLife)}
	r.order = append(r.order, number)
	return true
}
