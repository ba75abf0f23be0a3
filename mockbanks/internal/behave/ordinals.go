package behave

import "sync"

// shards keeps callers of different cards out of each other's way.
const shards = 64

// DefaultRemembered is how many (card, operation) pairs and numbers are remembered.
const DefaultRemembered = 1_000_000

// Ordinals counts the calls of each operation on each card. It is safe for
// concurrent use and lives in memory: a restarted farm counts from 0 again.
// Pairs beyond the limit are forgotten, the longest unused first, and then
// count from 0 as well; the limit keeps about 40 bytes a pair.
type Ordinals struct{ shards [shards]recent[uint32] }

// NewOrdinals returns a counter that remembers at most limit pairs, at least 128.
func NewOrdinals(limit int) *Ordinals {
	o := new(Ordinals)
	for i := range o.shards {
		o.shards[i].half = half(limit)
	}
	return o
}

// Next returns how often it was called before with this operation and card.
func (o *Ordinals) Next(operation string, card uint64) uint32 {
	pair := card ^ Fold(operation)
	shard := &o.shards[pair%shards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	n, _ := shard.get(pair)
	shard.put(pair, n+1)
	return n
}

// Cards remembers which card a number stands for: a query names only the
// transaction that it asks for, an unsigning only the agreement.
// It forgets as Ordinals does.
type Cards struct{ shards [shards]recent[uint64] }

// NewCards returns a memory of at most limit numbers, at least 128.
func NewCards(limit int) *Cards {
	c := new(Cards)
	for i := range c.shards {
		c.shards[i].half = half(limit)
	}
	return c
}

// Remember says that number stands for card.
func (c *Cards) Remember(number string, card uint64) {
	key := Fold(number)
	shard := &c.shards[key%shards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.put(key, card)
}

// Of returns the card that number stands for; a number never heard of stands for itself.
func (c *Cards) Of(number string) uint64 {
	key := Fold(number)
	shard := &c.shards[key%shards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if card, ok := shard.get(key); ok {
		return card
	}
	return key
}

// half is the size of one generation of one shard.
func half(limit int) int { return max(limit/shards/2, 1) }

// recent is a map of two generations: when the young one is full it becomes
// the old one, and the old one is dropped whole. What was used within the last
// half of the limit is always there, and no entry costs more than a map's slot.
type recent[V any] struct {
	mu         sync.Mutex
	half       int
	young, old map[uint64]V
}

func (r *recent[V]) get(key uint64) (V, bool) {
	if v, ok := r.young[key]; ok {
		return v, true
	}
	v, ok := r.old[key]
	if ok {
		r.put(key, v)
	}
	return v, ok
}

func (r *recent[V]) put(key uint64, v V) {
	if _, ok := r.young[key]; !ok && len(r.young) >= r.half {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = make(map[uint64]V)
	}
	r.young[key] = v
}
