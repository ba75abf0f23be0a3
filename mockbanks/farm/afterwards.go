package farm

import (
	"context"
	"sync"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
)

// maxAfterwards is how many calls at once can have an untruth told of them
// afterwards; beyond that queries tell the truth of the oldest.
const maxAfterwards = 10_000

// afterwards remembers what queries shall be told of calls that a fault has
// struck. It lives in memory: a restarted farm tells the truth. It is safe for concurrent use.
type afterwards struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]fable
	order []string // by age
}

// fable is what is told of one call.
type fable struct {
	until time.Time // nothing of the call is seen before then
	lie   bool      // the next query that has something to contradict is told the opposite
}

func newAfterwards(now func() time.Time) *afterwards {
	return &afterwards{now: now, known: make(map[string]fable)}
}

// earlier names a call by what a query names it by.
func earlier(channel, operation, number string) string {
	return channel + " " + operation + " " + number
}

// hide lets nobody see a call until then.
func (a *afterwards) hide(call string, until time.Time) { a.note(call, fable{until: until}) }

// belie has the next query about a call told the opposite of what is true.
func (a *afterwards) belie(call string) { a.note(call, fable{lie: true}) }

func (a *afterwards) note(call string, f fable) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, again := a.known[call]; !again {
		a.order = append(a.order, call)
	}
	a.known[call] = f
	for len(a.order) > maxAfterwards {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
}

// hidden reports whether a call can't be seen yet.
func (a *afterwards) hidden(call string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now().Before(a.known[call].until)
}

// lies reports whether a lie waits for a query about a call, which is then its teller.
func (a *afterwards) lies(call string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, known := a.known[call]
	if known && f.lie {
		a.known[call] = fable{}
		return true
	}
	return false
}

// doubtful reports whether the fault of this call leaves its sender without an
// answer, so that he asks, and is told an untruth.
func (v *visit) doubtful() bool {
	_, asks := v.call.(teller.Asker)
	_, twice := v.call.(teller.Contradictor) // over a long line, in two answers
	return !asks && (v.fault.Kind == "not_found_for_a_while" || v.fault.Kind == "contradiction" && !twice)
}

// fable does what is asked so that queries are told an untruth of it, from
// before it is done: none may come between.
func (v *visit) fable(ctx context.Context) (teller.Answer, error) {
	call := earlier(v.profile.ID, v.facts.Operation, v.facts.Number)
	if v.fault.Kind == "contradiction" {
		v.farm.afterwards.belie(call)
		return v.call.Execute(ctx)
	}
	v.farm.afterwards.hide(call, v.farm.now().Add(longestUnseen))
	answer, err := v.call.Execute(ctx)
	v.farm.afterwards.hide(call, v.farm.now().Add(unseenFor(v.fault)))
	return answer, err
}

// longestUnseen is longer than a bank works on anything.
const longestUnseen = 24 * time.Hour

func unseenFor(f profiles.Fault) time.Duration {
	if f.For > 0 {
		return f.For.Std()
	}
	return profiles.DefaultFaultFor
}

// tell answers a query: with the truth, unless a fault wants otherwise.
func (v *visit) tell(ctx context.Context, asker teller.Asker) (teller.Answer, error) {
	operation, number := asker.Of()
	call := earlier(v.profile.ID, operation, number)
	if v.farm.afterwards.hidden(call) {
		v.kept.fault = "not_found_for_a_while"
		return asker.NotFound()
	}
	truth, err := v.call.Execute(ctx)
	if err != nil {
		return truth, err
	}
	lie, ok, err := v.opposite(truth)
	if err != nil {
		return truth, err
	}
	if ok && v.farm.afterwards.lies(call) {
		v.kept.fault = "contradiction"
		return lie, nil
	}
	if v.fault.Kind == "" {
		v.untruth(ctx, asker, ok)
	}
	switch v.fault.Kind {
	case "not_found_for_a_while":
		return asker.NotFound()
	case "contradiction":
		return lie, nil
	}
	return truth, nil
}

// opposite is an answer that contradicts one that is true.
func (v *visit) opposite(truth teller.Answer) (teller.Answer, bool, error) {
	c, ok := v.call.(teller.Contradictor)
	if !ok {
		return teller.Answer{}, false, nil
	}
	return c.Contradict(truth)
}

// untruth asks for the fault of a query whose original is there, and may be told otherwise.
func (v *visit) untruth(ctx context.Context, asker teller.Asker, opposite bool) {
	suits := func(f profiles.Fault) bool {
		if f.Kind == "contradiction" {
			return opposite
		}
		at, done, err := asker.Done(ctx)
		return err == nil && done && v.farm.clock.now().Before(at.Add(unseenFor(f)))
	}
	for _, b := range []*behave.Behaviour{v.behaviour, v.bank.behaviour} {
		if f := b.Untruth(v.key, suits); f.Kind != "" {
			v.fault, v.kept.fault = f, f.Kind
			return
		}
	}
}
