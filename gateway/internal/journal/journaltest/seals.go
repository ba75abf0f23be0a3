package journaltest

import (
	"errors"
	"fmt"
	"testing"

	"kaqiao/gateway/internal/journal"
)

// resealed: whoever seals again neither overwrites what is newer, nor brings back what is shredded, nor makes what was never there.
func resealed(t testing.TB, open Open) {
	s := fresh(t, open)
	b := binding(1)
	apply(t, s, journal.Change{Binding: &b, Sealed: &journal.Sealed{Binding: b.ID, Data: []byte("first")}})
	again := func(was, data string) journal.Change {
		return journal.Change{Sealed: &journal.Sealed{Binding: b.ID, Was: []byte(was), Data: []byte(data)}}
	}
	apply(t, s, again("first", "second"))
	same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), []byte("second"))
	refuse(t, s, again("first", "late"), journal.ErrConflict)
	same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), []byte("second"))

	// Refused with all that came with it.
	k := key(1)
	c := again("first", "late")
	c.NewKey = &k
	refuse(t, s, c, journal.ErrConflict)
	gone[journal.Key](t, "key of a refused change")(s.Key(t.Context(), k.Caller, k.Route, k.Key))

	apply(t, s, journal.Change{Shred: b.ID})
	refuse(t, s, again("second", "back"), journal.ErrConflict)
	gone[[]byte](t, "shredded data")(s.Sealed(t.Context(), b.ID))

	// Of many who replace the same bytes, one does.
	apply(t, s, journal.Change{Sealed: &journal.Sealed{Binding: b.ID, Data: []byte("third")}})
	const callers = 16
	errs := make([]error, callers)
	together(callers, func(i int) { errs[i] = s.Apply(t.Context(), again("third", fmt.Sprint("by ", i))) })
	written := 0
	for i, err := range errs {
		switch {
		case err == nil:
			written++
			same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), []byte(fmt.Sprint("by ", i)))
		case !errors.Is(err, journal.ErrConflict):
			t.Errorf("apply: got %v, want nil or %v", err, journal.ErrConflict)
		}
	}
	if written != 1 {
		t.Errorf("%d replaced the same bytes, want 1", written)
	}
}

func sealedPages(t testing.TB, open Open) {
	s := fresh(t, open)
	found, ok := s.(journal.Seals)
	if !ok {
		t.Fatal("the store does not go through what is sealed")
	}
	const many = 10
	for n := many; n > 0; n-- {
		apply(t, s, journal.Change{Sealed: &journal.Sealed{Binding: binding(n).ID, Data: []byte(fmt.Sprint("data ", n))}})
	}
	apply(t, s, journal.Change{Shred: binding(4).ID})
	if err := found.Truncate(t.Context()); err != nil {
		t.Errorf("truncate: %v", err)
	}
	var want, got []journal.Sealed
	for n := 1; n <= many; n++ {
		if n != 4 {
			want = append(want, journal.Sealed{Binding: binding(n).ID, Data: []byte(fmt.Sprint("data ", n))})
		}
	}
	for after := ""; ; {
		page := must[[]journal.Sealed](t)(found.SealedAfter(t.Context(), after, 4))
		if len(page) > 4 {
			t.Fatalf("a page of %d, want at most 4", len(page))
		}
		if len(page) == 0 || len(got) > many {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].Binding
	}
	same(t, got, want)
	for _, limit := range []int{0, 1001} {
		if _, err := found.SealedAfter(t.Context(), "", limit); err == nil {
			t.Errorf("a page of %d was given", limit)
		}
	}
}
