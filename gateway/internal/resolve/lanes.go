package resolve

import (
	"sync"
	"time"

	"kaqiao/gateway/internal/journal"
)

// answer is what became of a query, as far as the next one to that bank is concerned.
type answer int

const (
	answered    answer = iota // the bank speaks
	silence                   // nothing came that could be understood
	refusedHere               // nobody was asked, or nobody could write it down: the gate or the journal said no
	noQuestion                // this attempt can't be asked about, which says nothing of the others
)

// rest is how long a bank is left alone after a query that did not leave the house.
const rest = time.Second

// place is a bank on a channel.
type place struct{ channel, bank string }

// lanes has each bank wait for itself. A bank that gives no answers is asked
// one question at a time, so that it holds one worker and no more; the others
// go on as fast as they answer.
type lanes struct {
	workers, bankWorkers int
	now                  func() time.Time
	ask                  func(journal.Attempt) answer
	done                 chan struct{} // something was left behind in the journal, and there is room for it

	asking sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	running int
	more    bool // the last look at the journal did not show everything
	byPlace map[place]*lane
	taken   map[string]*ours // attempts that wait or are asked about: never twice at once
	left    map[string]bool  // attempts that were left since the read of the journal under way has begun; nil: none is
}

// ours is an attempt that this process looks after.
type ours struct {
	journal.Attempt
	until time.Time // after it, it may be another's, and is not begun with
}

type lane struct {
	waiting   []*ours
	running   int
	silent    bool
	restUntil time.Time
}

func newLanes(workers, bankWorkers int, now func() time.Time, ask func(journal.Attempt) answer) *lanes {
	return &lanes{
		workers: workers, bankWorkers: min(workers, bankWorkers), now: now, ask: ask, done: make(chan struct{}, 1),
		byPlace: map[place]*lane{}, taken: map[string]*ours{},
	}
}

func (l *lanes) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = false
}

// shut lets nothing new begin, and says what is being asked about.
func (l *lanes) shut() (asking []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, w := range l.byPlace {
		l.leave(w)
	}
	for id := range l.taken {
		asking = append(asking, id)
	}
	return asking
}

// reading says that the journal is being read for what put will bring. What
// comes free meanwhile may still stand in what was read as it was before, and
// is passed over: the next look sees what became of it.
func (l *lanes) reading() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = map[string]bool{}
}

// put lines attempts up, each behind those of its own bank: none is begun with after until,
// unless it is put again. more: the journal has others due.
func (l *lanes) put(attempts []journal.Attempt, until time.Time, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more = l.more || more
	left := l.left
	l.left = nil
	for _, a := range attempts {
		if left[a.ID] {
			continue
		}
		if has := l.taken[a.ID]; has != nil {
			has.until = until
			continue
		}
		if l.closed {
			continue
		}
		at := place{a.Channel, a.Bank}
		w := l.byPlace[at]
		if w == nil {
			w = &lane{}
			l.byPlace[at] = w
		}
		if l.now().Before(w.restUntil) {
			continue
		}
		l.taken[a.ID] = &ours{Attempt: a, until: until}
		w.waiting = append(w.waiting, l.taken[a.ID])
	}
	l.fill()
}

// fill begins what may begin. The order of a map makes it nobody's privilege to be first,
// and each has one turn in a round.
func (l *lanes) fill() {
	for begun := true; begun; {
		begun = false
		for _, w := range l.byPlace {
			begun = (l.running < l.workers && l.begin(w)) || begun
		}
	}
}

// begin begins the first that waits in a lane, if it may.
func (l *lanes) begin(w *lane) bool {
	most := l.bankWorkers
	if w.silent {
		most = 1
	}
	for len(w.waiting) > 0 && !l.now().Before(w.waiting[0].until) {
		delete(l.taken, w.waiting[0].ID)
		w.waiting = w.waiting[1:]
	}
	if len(w.waiting) == 0 || w.running >= most || l.closed {
		return false
	}
	a := w.waiting[0].Attempt
	w.waiting = w.waiting[1:]
	w.running++
	l.running++
	l.asking.Go(func() { l.over(w, a, l.ask(a)) })
	return true
}

// over is called when a query is over, and begins others in its place.
func (l *lanes) over(w *lane, a journal.Attempt, said answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	w.running--
	delete(l.taken, a.ID)
	if l.left != nil {
		l.left[a.ID] = true
	}
	switch said {
	case answered:
		w.silent = false
	case silence:
		w.silent = true
	}
	if said == refusedHere {
		l.leave(w)
	}
	if l.running == l.workers-1 { // others may have waited for this worker
		l.fill()
	}
	for l.running < l.workers && l.begin(w) {
	}
	if l.more && len(w.waiting) == 0 && (said == answered || said == silence) {
		l.more = false
		select {
		case l.done <- struct{}{}:
		default:
		}
	}
}

// leave lets a lane rest. What waits in it stays due in the journal and comes again.
func (l *lanes) leave(w *lane) {
	w.restUntil = l.now().Add(rest)
	for _, a := range w.waiting {
		delete(l.taken, a.ID)
	}
	w.waiting = nil
}
