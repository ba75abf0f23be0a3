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
	known map[string]time.Time // until when nothing of the call is seen
	order []string             // by age
}

func newAfterwards(now func() time.Time) *afterwards {
	return &afterwards{now: now, known: make(map[string]time.Time)}
}

// earlier names a call by what a query names it by.
func earlier(channel, operation, number string) string {
	return channel + " " + operation + " " + number
}

// hide lets nobody see a call until then.
func (a *afterwards) hide(call string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, again := a.known[call]; !again {
		a.order = append(a.order, call)
	}
	a.known[call] = until
	for len(a.order) > maxAfterwards {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
}

// hidden reports whether a call can't be seen yet.
func (a *afterwards) hidden(call string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, known := a.known[call]
	return known && a.now().Before(until)
}

// unseen does what is asked so that queries do not see it for a while, from
// before it is done: none may come between.
func (v *visit) unseen(ctx context.Context) (teller.Answer, error) {
	call := earlier(v.profile.ID, v.facts.Operation, v.facts.Number)
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
	if v.farm.afterwards.hidden(earlier(v.profile.ID, operation, number)) {
		v.kept.fault = "not_found_for_a_while"
		return asker.NotFound()
	}
	if v.fault.Kind == "" {
		v.untruth(ctx, asker)
	}
	if v.fault.Kind == "not_found_for_a_while" {
		return asker.NotFound()
	}
	return v.call.Execute(ctx)
}

// untruth asks for the fault of a query whose original is there, and may be told otherwise.
func (v *visit) untruth(ctx context.Context, asker teller.Asker) {
	suits := func(f profiles.Fault) bool {
		at, done, err := asker.Done(ctx)
		return err == nil && done && v.farm.now().Before(at.Add(unseenFor(f)))
	}
	for _, b := range []*behave.Behaviour{v.behaviour, v.bank.behaviour} {
		if f := b.Untruth(v.key, suits); f.Kind != "" {
			v.fault, v.kept.fault = f, f.Kind
			return
		}
	}
}
