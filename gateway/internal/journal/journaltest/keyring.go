package journaltest

import (
	"fmt"
	"slices"
	"testing"

	"kaqiao/gateway/internal/journal"
)

func keysOf(t testing.TB, open Open) {
	s := fresh(t, open)
	ring, ok := s.(journal.Keyring)
	if !ok {
		t.Fatal("the store does not go through keys")
	}
	var want []string
	for n := range 7 {
		k := key(n)
		k.Route = fmt.Sprint("route ", n%2)
		apply(t, s, journal.Change{NewKey: &k})
		want = append(want, k.Route+k.Key)
		k.Caller = []string{"another", "wallex"}[n%2] // before and after it in order
		apply(t, s, journal.Change{NewKey: &k})
	}
	slices.Sort(want)
	var got []string
	var last journal.Key
	for range 10 {
		page := must[[]journal.Key](t)(ring.KeysOf(t.Context(), key(0).Caller, last.Route, last.Key, 3))
		for _, k := range page {
			got = append(got, k.Route+k.Key)
		}
		if len(page) < 3 {
			break
		}
		last = page[len(page)-1]
	}
	same(t, got, want)
	for _, limit := range []int{0, 10_001} {
		if _, err := ring.KeysOf(t.Context(), "wallet", "", "", limit); err == nil {
			t.Errorf("a page of %d", limit)
		}
	}
}
