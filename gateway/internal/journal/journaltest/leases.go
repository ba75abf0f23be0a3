package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

func leases(t testing.TB, s journal.Store) journal.Leases {
	t.Helper()
	l, ok := s.(journal.Leases)
	if !ok {
		t.Fatal("the store has no leases")
	}
	return l
}

// open is an attempt that is due at noon and after.
func openAttempt(k int) journal.Attempt {
	a := attempt(1, k)
	a.Settled, a.AskAt = true, noon.Add(time.Duration(k)*time.Second)
	return a
}

func lease(owner string, after time.Duration) journal.Lease {
	return journal.Lease{Owner: owner, Now: noon.Add(after), For: time.Minute}
}

func attemptIDs(rows []journal.Attempt) (ids []string) {
	for _, a := range rows {
		ids = append(ids, a.ID)
	}
	return ids
}

// leasedOnce has many look after the same pile at once.
func leasedOnce(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	const many, each, owners = 60, 20, 6
	var rows []journal.Attempt
	for k := range many {
		rows = append(rows, openAttempt(k))
	}
	apply(t, s, journal.Change{Attempts: rows})
	got := make([][]journal.Attempt, owners)
	together(owners, func(i int) {
		got[i], _ = l.LeaseDue(t.Context(), lease(fmt.Sprint("owner ", i), time.Hour), each)
	})
	seen := map[string]bool{}
	for i := range owners { // those who read the same page as somebody quicker take what is left
		more := must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease(fmt.Sprint("owner ", i), time.Hour), many))
		for _, a := range got[i] {
			if !slices.Contains(attemptIDs(more), a.ID) {
				t.Errorf("%s was lost again", a.ID)
			}
		}
		for _, a := range more {
			if seen[a.ID] {
				t.Errorf("%s has two owners", a.ID)
			}
			seen[a.ID] = true
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d are looked after", len(seen), many)
	}
}

func leaseEnds(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	a, b, c := openAttempt(1), openAttempt(2), openAttempt(3)
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a, b, c}})
	expect := func(owner string, after time.Duration, want ...journal.Attempt) {
		t.Helper()
		same(t, must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease(owner, after), 10)), want)
	}
	expect("one", 2*time.Second, a, b)
	expect("two", 3*time.Second, c)
	expect("one", 4*time.Second, a, b) // its own comes again
	expect("two", 4*time.Second, c)
	expect("two", 61*time.Second, c)
	expect("two", 62*time.Second, a, b, c) // those of one are over at this very moment
	expect("one", 63*time.Second)

	// Asked about, it is due another time, and whoever is first has it then.
	a.AskAt, a.Asked = noon.Add(70*time.Second), 9
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	expect("one", 70*time.Second, a)
	// Settled, it is never due again, and its lease holds nothing.
	b.AskAt = time.Time{}
	apply(t, s, journal.Change{Attempts: []journal.Attempt{b}})
	expect("two", 71*time.Second, c)
	expect("three", time.Hour, c, a)

	// An owner that goes gives all back at once, but for what it still has in hand.
	if err := l.Release(t.Context(), "three", c.ID); err != nil {
		t.Fatal(err)
	}
	expect("four", time.Hour, a)
	if err := l.Release(t.Context(), "nobody"); err != nil {
		t.Fatal(err)
	}
	expect("five", time.Hour)
}

func leaseRenewed(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	apply(t, s, journal.Change{Attempts: []journal.Attempt{openAttempt(0)}})
	for after := time.Duration(0); after < 5*time.Minute; after += 10 * time.Second {
		if got := must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease("one", after), 10)); len(got) != 1 {
			t.Fatalf("lost after %v", after)
		}
		// Half of its time is always left.
		if got := must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease("two", after+30*time.Second-1), 10)); len(got) != 0 {
			t.Fatalf("taken over %v after it was renewed", 30*time.Second)
		}
	}
}

func leaseOpen(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	later, over := openAttempt(100), openAttempt(1)
	over.AskAt = time.Time{}
	apply(t, s, journal.Change{Attempts: []journal.Attempt{later, over}})
	same(t, must[journal.Attempt](t)(l.LeaseOpen(t.Context(), lease("one", 0), later.ID)), later)
	same(t, must[journal.Attempt](t)(l.LeaseOpen(t.Context(), lease("one", 0), later.ID)), later)
	if _, err := l.LeaseOpen(t.Context(), lease("two", 0), later.ID); !errors.Is(err, journal.ErrLeased) {
		t.Errorf("another's: got %v, want %v", err, journal.ErrLeased)
	}
	gone[journal.Attempt](t, "settled")(l.LeaseOpen(t.Context(), lease("one", 0), over.ID))
	gone[journal.Attempt](t, "none")(l.LeaseOpen(t.Context(), lease("one", 0), "att_none"))
	same(t, must[journal.Attempt](t)(l.LeaseOpen(t.Context(), lease("two", time.Minute), later.ID)), later)
}

// clockBack: whoever took a lease under a clock that ran ahead has it for its length, and no longer.
func clockBack(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	apply(t, s, journal.Change{Attempts: []journal.Attempt{openAttempt(0)}})
	must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease("one", 1000*time.Hour), 10))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Hour, 0}, {time.Hour + time.Minute - 1, 0}, {time.Hour + time.Minute, 1}} {
		if got := must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease("two", c.after), 10)); len(got) != c.want {
			t.Fatalf("%v after the clock was seen to be set back: %d taken over, want %d", c.after-time.Hour, len(got), c.want)
		}
	}
}

// leasedInTurn: each bank has its part of what is free, whatever others look after.
func leasedInTurn(t testing.TB, open Open) {
	s := fresh(t, open)
	l := leases(t, s)
	bank := map[string]string{}
	for k := range 20 { // the oldest are all of one bank
		a := openAttempt(k)
		a.Bank = []string{"silent", "other"}[k/16]
		bank[a.ID] = a.Bank
		apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	}
	for _, owner := range []string{"one", "two"} {
		count := map[string]int{}
		for _, a := range must[[]journal.Attempt](t)(l.LeaseDue(t.Context(), lease(owner, time.Hour), 4)) {
			count[bank[a.ID]]++
		}
		if count["silent"] != 2 || count["other"] != 2 {
			t.Errorf("%s got %v, want two of each bank", owner, count)
		}
	}
}

func leasedEvents(t testing.TB, open Open) {
	s := fresh(t, open)
	o := outbox(t, s)
	first, second, other := event(1, 1), event(1, 2), event(2, 1)
	apply(t, s, journal.Change{Events: []journal.Event{first, second, other}})
	expect := func(owner string, after time.Duration, limit int, want ...journal.Event) {
		t.Helper()
		same(t, must[[]journal.Event](t)(o.LeaseEvents(t.Context(), lease(owner, after), limit)), want)
	}
	expect("one", 0, 1, first)
	expect("two", time.Second, 10, other) // and not the second of a subject whose first another has
	expect("one", time.Second, 10, first)
	first.State, first.NextAt = journal.EventDelivered, time.Time{}
	apply(t, s, journal.Change{Events: []journal.Event{first}})
	expect("two", 2*time.Second, 10, second, other)
	other.Tries, other.NextAt = 1, noon.Add(3*time.Second) // tried in vain: whoever is first tries again
	apply(t, s, journal.Change{Events: []journal.Event{other}})
	expect("one", 4*time.Second, 10, other)
	expect("two", 4*time.Second, 10, second)
	if err := o.Release(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	expect("one", 5*time.Second, 10, second, other)
	expect("two", 65*time.Second, 10, second, other)
}

func leaseLimits(t testing.TB, open Open) {
	s := fresh(t, open)
	l, o := leases(t, s), outbox(t, s)
	for name, bad := range map[string]journal.Lease{
		"nobody's":  {Now: noon, For: time.Minute},
		"long name": {Owner: string(make([]byte, 65)), Now: noon, For: time.Minute},
		"short":     {Owner: "one", Now: noon, For: time.Second - 1},
		"long":      {Owner: "one", Now: noon, For: 10*time.Minute + 1},
	} {
		if _, err := l.LeaseDue(t.Context(), bad, 10); err == nil {
			t.Errorf("a lease that is %s was given", name)
		}
		if _, err := o.LeaseEvents(t.Context(), bad, 10); err == nil {
			t.Errorf("events: a lease that is %s was given", name)
		}
	}
	for _, limit := range []int{-1, 0, 10_001} {
		if _, err := l.LeaseDue(t.Context(), lease("one", 0), limit); err == nil {
			t.Errorf("%d were leased", limit)
		}
		if _, err := o.LeaseEvents(t.Context(), lease("one", 0), limit); err == nil {
			t.Errorf("%d events were leased", limit)
		}
	}
}
