package journaltest

import (
	"fmt"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

func pruning(t testing.TB, s journal.Store) journal.Pruning {
	t.Helper()
	p, ok := s.(journal.Pruning)
	if !ok {
		t.Fatal("the store forgets nothing")
	}
	return p
}

// all goes through every page and says how much was removed, and in how many pages.
func throughAll(t testing.TB, page func(after string) (int, string, error)) (removed, pages int) {
	t.Helper()
	for after := ""; pages < 100; {
		n, next, err := page(after)
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		removed, pages = removed+n, pages+1
		if next == "" {
			return removed, pages
		}
		after = next
	}
	t.Fatal("prune has no end")
	return 0, 0
}

func pruneKeys(t testing.TB, open Open) {
	s := fresh(t, open)
	p := pruning(t, s)
	put := func(n int, at time.Time, change func(*journal.Key)) journal.Key {
		k := key(n)
		k.At, k.Status, k.Body = at, 201, []byte("{}")
		if change != nil {
			change(&k)
		}
		apply(t, s, journal.Change{NewKey: &k})
		return k
	}
	old := noon.Add(-time.Hour)
	var gones, stay []journal.Key
	for n := 10; n < 17; n++ { // more than two pages of three
		gones = append(gones, put(n, old, nil))
	}
	gones = append(gones, put(1, old, func(k *journal.Key) { k.Status, k.Body = 0, nil })) // its request died, and nothing is left of it
	stay = append(stay, put(2, noon, nil), put(3, noon.Add(time.Hour), nil))
	stay = append(stay, put(4, old, nil)) // of its binding something is open
	a := attempt(4, 1)
	a.Binding, a.IntendedAt, a.Settled, a.AskAt = binding(4).ID, noon.Add(-2*time.Hour), true, noon
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	put(5, old, func(k *journal.Key) { k.Caller = "other\x00" }) // a name of whatever characters is no way out of the page
	early := put(6, noon.Add(-time.Minute), func(k *journal.Key) { k.Caller, k.Route, k.Binding = "bank", "notice nucc", "" })

	through := func() (int, int) {
		return throughAll(t, func(after string) (int, string, error) { return p.PruneKeys(t.Context(), noon, after, 3) })
	}
	if removed, pages := through(); removed != len(gones)+1 || pages < 3 {
		t.Errorf("%d were removed in %d pages, want %d", removed, pages, len(gones)+1)
	}
	for _, k := range gones {
		gone[journal.Key](t, k.Key)(s.Key(t.Context(), k.Caller, k.Route, k.Key))
	}
	for _, k := range append(stay, early) { // a word of a bank's may be about what is open and older
		must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key))
	}
	a.AskAt = time.Time{}
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	if removed, _ := through(); removed != 2 {
		t.Errorf("%d were removed when nothing was open any more, want 2", removed)
	}
	again := gones[0]
	apply(t, s, journal.Change{NewKey: &again}) // forgotten, it is new
	for _, limit := range []int{-1, 0, 501} {
		if _, _, err := p.PruneKeys(t.Context(), noon, "", limit); err == nil {
			t.Errorf("a page of %d was taken", limit)
		}
	}
}

func pruneEvents(t testing.TB, open Open) {
	s := fresh(t, open)
	p, o := pruning(t, s), outbox(t, s)
	for k := range 20 {
		e := event(1, k)
		e.At = noon.Add(time.Duration(k-10) * time.Minute)
		e.State = []journal.EventState{journal.EventDelivered, journal.EventWaiting, journal.EventDead, journal.EventDelivered}[k%4]
		apply(t, s, journal.Change{Events: []journal.Event{e}})
	}
	removed, pages := throughAll(t, func(after string) (int, string, error) { return p.PruneEvents(t.Context(), noon, after, 4) })
	if removed != 5 || pages < 5 {
		t.Errorf("%d were removed in %d pages, want 5", removed, pages)
	}
	for _, e := range must[[]journal.Event](t)(o.Events(t.Context(), journal.EventFilter{Caller: "wallet", Limit: 100})) {
		if e.State == journal.EventDelivered && e.At.Before(noon) {
			t.Errorf("%s is still there", e.ID)
		}
	}
	left := must[[]journal.Event](t)(o.Events(t.Context(), journal.EventFilter{Caller: "wallet", Limit: 100}))
	if len(left) != 15 {
		t.Errorf("%d are left, want 15: %s", len(left), fmt.Sprint(left))
	}
	for _, limit := range []int{-1, 0, 501} {
		if _, _, err := p.PruneEvents(t.Context(), noon, "", limit); err == nil {
			t.Errorf("a page of %d was taken", limit)
		}
	}
}
