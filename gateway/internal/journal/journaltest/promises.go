package journaltest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

func live(t testing.TB, open Open) {
	s := fresh(t, open)
	first, second := binding(1), binding(2)
	second.UserID, second.CardHash = first.UserID, first.CardHash
	apply(t, s, journal.Change{Binding: &first})
	refuse(t, s, journal.Change{Binding: &second}, journal.ErrLive)
	gone[journal.Binding](t, "second live binding")(s.Binding(t.Context(), second.ID))

	// Another caller, another user or another card is nobody's business.
	for n, change := range map[int]func(*journal.Binding){
		3: func(b *journal.Binding) { b.Caller = "other" },
		4: func(b *journal.Binding) { b.UserID = "other" },
		5: func(b *journal.Binding) { b.CardHash = []byte("other") },
		6: func(b *journal.Binding) { b.Live = false },
	} {
		b := binding(n)
		b.UserID, b.CardHash = first.UserID, first.CardHash
		change(&b)
		apply(t, s, journal.Change{Binding: &b})
	}

	// A dead one makes room, and can't come back to life.
	first.Version, first.Live = 2, false
	apply(t, s, journal.Change{Binding: &first})
	apply(t, s, journal.Change{Binding: &second})
	first.Version, first.Live = 3, true
	refuse(t, s, journal.Change{Binding: &first}, journal.ErrLive)
}

func keyOnce(t testing.TB, open Open) {
	s := fresh(t, open)
	k := key(1)
	apply(t, s, journal.Change{NewKey: &k})
	// A used key is told before a conflict of any other part.
	b := binding(1)
	b.Version = 7
	again := k
	again.Fingerprint = []byte("another body")
	refuse(t, s, journal.Change{NewKey: &again, Binding: &b}, journal.ErrKeyUsed)
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	for _, change := range []func(*journal.Key){
		func(k *journal.Key) { k.Caller = "other" },
		func(k *journal.Key) { k.Route = "other" },
		func(k *journal.Key) { k.Key = "other" },
	} {
		other := k
		change(&other)
		apply(t, s, journal.Change{NewKey: &other})
	}
}

func firstAnswer(t testing.TB, open Open) {
	s := fresh(t, open)
	k := key(1)
	apply(t, s, journal.Change{NewKey: &k})
	k.Status, k.Body = 201, []byte(`{"id":"bnd_1"}`)
	apply(t, s, journal.Change{AnsweredKey: &k})
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	// A later answer changes nothing, and hinders nothing.
	late, a := k, attempt(1, 1)
	late.Status, late.Body = 500, []byte("late")
	apply(t, s, journal.Change{AnsweredKey: &late, Attempts: []journal.Attempt{a}})
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	must[journal.Attempt](t)(s.Attempt(t.Context(), a.ID))
	absent := key(2)
	absent.Status = 201
	apply(t, s, journal.Change{AnsweredKey: &absent})
	gone[journal.Key](t, "key that was never used")(s.Key(t.Context(), absent.Caller, absent.Route, absent.Key))
}

func numberOnce(t testing.TB, open Open) {
	s := fresh(t, open)
	a := attempt(1, 1)
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}}) // the same attempt keeps its number
	again := attempt(1, 2)
	again.Number = a.Number
	refuse(t, s, journal.Change{Attempts: []journal.Attempt{again}}, journal.ErrNumberUsed)
	again.Channel = "unionpay"
	apply(t, s, journal.Change{Attempts: []journal.Attempt{again}})
	for k := 3; k < 5; k++ { // a confirm carries the number of the apply, each time
		confirm := attempt(1, k)
		confirm.Kind, confirm.Number, confirm.Borrowed = op.Confirm, a.Number, true
		apply(t, s, journal.Change{Attempts: []journal.Attempt{confirm}})
	}
	own := attempt(1, 7) // a confirm with a number of its own keeps it to itself
	own.Kind = op.Confirm
	apply(t, s, journal.Change{Attempts: []journal.Attempt{own}})
	twice := attempt(1, 8)
	twice.Number = own.Number
	refuse(t, s, journal.Change{Attempts: []journal.Attempt{twice}}, journal.ErrNumberUsed)
	for k := 5; k < 7; k++ {
		none := attempt(1, k)
		none.Number = ""
		apply(t, s, journal.Change{Attempts: []journal.Attempt{none}})
	}
}

func byNumber(t testing.TB, open Open) {
	s := fresh(t, open)
	found, ok := s.(journal.Numbered)
	if !ok {
		t.Fatal("the store does not find attempts by their numbers")
	}
	a, confirm, other := attempt(1, 1), attempt(1, 2), attempt(1, 3)
	confirm.Kind, confirm.Number, confirm.Borrowed = op.Confirm, a.Number, true
	other.Number, other.Channel = a.Number, "unionpay"
	apply(t, s, journal.Change{Attempts: []journal.Attempt{confirm}})
	gone[journal.Attempt](t, "attempt whose number is borrowed only")(found.ByNumber(t.Context(), a.Channel, a.Number))
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a, other}})
	same(t, must[journal.Attempt](t)(found.ByNumber(t.Context(), a.Channel, a.Number)), a)
	same(t, must[journal.Attempt](t)(found.ByNumber(t.Context(), other.Channel, a.Number)), other)
	gone[journal.Attempt](t, "attempt without a number")(found.ByNumber(t.Context(), a.Channel, ""))
}

func undecided(t testing.TB, open Open) {
	s := fresh(t, open)
	found, ok := s.(journal.Doubtful)
	if !ok {
		t.Fatal("the store does not find what is undecided")
	}
	var rows []journal.Attempt
	for k := range 9 {
		a := attempt(1, k+1)
		a.Of, a.Outcome, a.IntendedAt = "", op.Unknown, noon.Add(time.Duration(-k)*time.Hour)
		rows = append(rows, a)
	}
	rows[0].Kind = op.Unsign                            // may have been sent for the first time long ago
	rows[1].IntendedAt = noon                           // later than asked for
	rows[2].Outcome = op.Pending                        // people at the bank think about it
	rows[3].AskAt = time.Time{}                         // found out
	rows[4].Of = "att_0"                                // a question
	rows[5].Settled, rows[5].AskAt = false, time.Time{} // its process died
	apply(t, s, journal.Change{Attempts: rows})
	got := must[[]journal.Attempt](t)(found.Undecided(t.Context(), noon.Add(-time.Hour), 100))
	same(t, got, []journal.Attempt{rows[8], rows[7], rows[6], rows[5], rows[0]})
	same(t, must[[]journal.Attempt](t)(found.Undecided(t.Context(), noon.Add(-time.Hour), 1)), got[:1])
}

func shred(t testing.TB, open Open) {
	s := fresh(t, open)
	for n := 1; n <= 2; n++ {
		b := binding(n)
		apply(t, s, journal.Change{Binding: &b, Sealed: &journal.Sealed{Binding: b.ID, Data: []byte("opaque")}})
	}
	apply(t, s, journal.Change{Shred: binding(1).ID})
	gone[[]byte](t, "shredded data")(s.Sealed(t.Context(), binding(1).ID))
	must[[]byte](t)(s.Sealed(t.Context(), binding(2).ID))
	must[journal.Binding](t)(s.Binding(t.Context(), binding(1).ID)) // its story stays
	apply(t, s, journal.Change{Shred: binding(1).ID})               // may be repeated
}

func pages(t testing.TB, open Open) {
	s := fresh(t, open)
	states := []string{"active", "failed", "expired"}
	for n := 1; n <= 9; n++ {
		b := binding(n)
		b.State, b.UserID = states[n%3], []string{"even", "odd"}[n%2]
		if n == 9 {
			b.Caller = "other"
		}
		apply(t, s, journal.Change{Binding: &b})
	}
	for _, c := range []struct {
		f    journal.Filter
		want []int
	}{
		{journal.Filter{Caller: "wallet", Limit: 200}, []int{8, 7, 6, 5, 4, 3, 2, 1}},
		{journal.Filter{Caller: "wallet", Limit: 3}, []int{8, 7, 6}},
		{journal.Filter{Caller: "wallet", Limit: 3, Before: binding(6).ID}, []int{5, 4, 3}},
		{journal.Filter{Caller: "wallet", UserID: "odd", Limit: 9}, []int{7, 5, 3, 1}},
		{journal.Filter{Caller: "wallet", UserID: "odd", Limit: 2, Before: binding(5).ID}, []int{3, 1}},
		{journal.Filter{Caller: "wallet", States: []string{"failed"}, Limit: 9}, []int{7, 4, 1}},
		{journal.Filter{Caller: "wallet", States: []string{"failed", "expired"}, UserID: "even", Limit: 9}, []int{8, 4, 2}},
		{journal.Filter{Caller: "other", Limit: 9}, []int{9}},
		{journal.Filter{Caller: "nobody", Limit: 9}, nil},
		{journal.Filter{UserID: "odd", Limit: 9}, nil},
	} {
		found := must[[]journal.Binding](t)(s.Bindings(t.Context(), c.f))
		var got, want []string
		for _, b := range found {
			got = append(got, b.ID)
		}
		for _, n := range c.want {
			want = append(want, binding(n).ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %v, want %v", c.f, got, want)
		}
	}
}

func due(t testing.TB, open Open) {
	s := fresh(t, open)
	at := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return noon.Add(d)
	}
	const sec = time.Second
	for k, c := range []struct {
		settled       bool
		ask, deadline time.Duration
	}{
		0: {true, 0, sec},        // done
		1: {false, 0, 3 * sec},   // its sender has 3 s
		2: {true, 2 * sec, sec},  // to be asked about after 2 s
		3: {false, 0, 9 * sec},   // still somebody's
		4: {true, 9 * sec, sec},  // not yet
		5: {false, 0, 0},         // without a deadline it is nobody's at once
		6: {true, 4 * sec, 1},    // at that very moment
		7: {true, 4*sec + 1, 1},  // just after it
		8: {false, 1 * sec, sec}, // asked about although unsettled
	} {
		a := attempt(1, k)
		a.Settled, a.AskAt, a.Deadline = c.settled, at(c.ask), at(c.deadline)
		apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	}
	ids := func(now time.Time, limit int) (got []string) {
		for _, a := range must[[]journal.Attempt](t)(s.Due(t.Context(), now, limit)) {
			got = append(got, a.ID)
		}
		return got
	}
	expect := func(got []string, want ...int) {
		t.Helper()
		var all []string
		for _, k := range want {
			all = append(all, attempt(1, k).ID)
		}
		if !slices.Equal(got, all) {
			t.Errorf("due: got %v, want %v", got, all)
		}
	}
	expect(ids(noon.Add(4*sec), 100), 5, 8, 2, 1, 6)
	expect(ids(noon.Add(4*sec), 2), 5, 8)
	// Settled for good, it is never due again.
	a := attempt(1, 2)
	a.Settled, a.Outcome, a.AskAt = true, op.Accepted, time.Time{}
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	expect(ids(noon.Add(4*sec), 100), 5, 8, 1, 6)
}

func dueInTurn(t testing.TB, open Open) {
	s := fresh(t, open)
	put := func(k int, channel, bank string, due time.Duration) {
		a := attempt(1, k)
		a.Channel, a.Bank, a.Settled, a.AskAt = channel, bank, true, noon.Add(due)
		apply(t, s, journal.Change{Attempts: []journal.Attempt{a}})
	}
	for k := range 20 { // the oldest are all of one bank
		put(k, "nucc", "silent", time.Duration(k)*time.Second)
	}
	put(20, "nucc", "other", time.Minute)
	put(21, "nucc", "other", time.Minute+1)
	put(22, "direct", "silent", time.Minute+2)
	for limit, want := range map[int][]int{3: {0, 20, 22}, 5: {0, 1, 20, 21, 22}, 6: {0, 1, 2, 20, 21, 22}} {
		var got, all []string
		for _, a := range must[[]journal.Attempt](t)(s.Due(t.Context(), noon.Add(time.Hour), limit)) {
			got = append(got, a.ID)
		}
		for _, k := range want {
			all = append(all, attempt(1, k).ID)
		}
		if !slices.Equal(got, all) {
			t.Errorf("at most %d due: got %v, want %v", limit, got, all)
		}
	}
}

func expired(t testing.TB, open Open) {
	s := fresh(t, open)
	for n, c := range map[int]struct {
		state   string
		expires time.Time
	}{
		1: {"awaiting_code", noon.Add(2 * time.Second)},
		2: {"awaiting_approval", noon.Add(time.Second)},
		3: {"active", noon.Add(-time.Hour)},
		4: {"awaiting_code", noon.Add(3*time.Second + 1)},
		5: {"awaiting_code", noon.Add(3 * time.Second)},
		6: {"awaiting_code", time.Time{}},
	} {
		b := binding(n)
		b.State, b.ExpiresAt = c.state, c.expires
		apply(t, s, journal.Change{Binding: &b})
	}
	states := []string{"awaiting_code", "awaiting_approval"}
	expect := func(limit int, states []string, want ...int) {
		t.Helper()
		var got, all []string
		for _, b := range must[[]journal.Binding](t)(s.Expired(t.Context(), noon.Add(3*time.Second), states, limit)) {
			got = append(got, b.ID)
		}
		for _, n := range want {
			all = append(all, binding(n).ID)
		}
		if !slices.Equal(got, all) {
			t.Errorf("expired: got %v, want %v", got, all)
		}
	}
	expect(10, states, 2, 1, 5)
	expect(2, states, 2, 1)
	expect(10, states[:1], 1, 5)
	expect(10, nil)
}

func order(t testing.TB, open Open) {
	s := fresh(t, open)
	for _, k := range []int{2, 3, 1} {
		apply(t, s, journal.Change{Attempts: []journal.Attempt{attempt(1, k), attempt(2, k)}})
	}
	for n := 1; n <= 2; n++ {
		got := must[[]journal.Attempt](t)(s.Attempts(t.Context(), binding(n).ID))
		same(t, got, []journal.Attempt{attempt(n, 1), attempt(n, 2), attempt(n, 3)})
	}
	if got := must[[]journal.Attempt](t)(s.Attempts(t.Context(), "bnd_none")); len(got) != 0 {
		t.Errorf("attempts of a binding that is not there: %v", got)
	}
}

func newest(t testing.TB, open Open) {
	s := fresh(t, open)
	found, ok := s.(journal.Newest)
	if !ok {
		t.Fatal("the store does not find the greatest ids")
	}
	same(t, len(must[[]string](t)(found.NewestIDs(t.Context()))), 0)
	for _, n := range []int{2, 3, 1} {
		b := binding(n)
		apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{attempt(n, 1)}, Events: []journal.Event{event(n, 1)}})
	}
	got := must[[]string](t)(found.NewestIDs(t.Context()))
	slices.Sort(got)
	same(t, got, []string{attempt(3, 1).ID, binding(3).ID, event(3, 1).ID})
}

func reserve(t testing.TB, open Open) {
	s := fresh(t, open)
	if first := must[uint64](t)(s.Reserve(t.Context(), "a", 5)); first != 1 {
		t.Errorf("the first number is %d, want 1", first)
	}
	if next := must[uint64](t)(s.Reserve(t.Context(), "a", 1)); next != 6 {
		t.Errorf("after 5 numbers comes %d, want 6", next)
	}
	if other := must[uint64](t)(s.Reserve(t.Context(), "b", 1)); other != 1 {
		t.Errorf("the first number of another sequence is %d, want 1", other)
	}
	const callers, each = 50, 7
	firsts := make([]uint64, callers)
	together(callers, func(i int) { firsts[i] = must[uint64](t)(s.Reserve(t.Context(), "c", each)) })
	slices.Sort(firsts)
	for i, first := range firsts {
		if want := uint64(1 + i*each); first != want {
			t.Fatalf("block %d begins with %d, want %d", i, first, want)
		}
	}
	if _, err := s.Reserve(t.Context(), "a", 0); err == nil {
		t.Error("no numbers at all were reserved")
	}
}

func limits(t testing.TB, open Open) {
	s := fresh(t, open)
	long := key(1)
	long.Body = make([]byte, 64<<10)
	apply(t, s, journal.Change{NewKey: &long})
	longer := key(2)
	longer.Body = make([]byte, 64<<10+1)
	refuse(t, s, journal.Change{NewKey: &longer}, journal.ErrTooLarge)
	refuse(t, s, journal.Change{AnsweredKey: &longer}, journal.ErrTooLarge)
	refuse(t, s, journal.Change{Sealed: &journal.Sealed{Binding: "bnd", Data: make([]byte, 64<<10+1)}}, journal.ErrTooLarge)
	refuse(t, s, journal.Change{Attempts: make([]journal.Attempt, 65)}, journal.ErrTooLarge)
	if err := s.Apply(t.Context(), journal.Change{Binding: &journal.Binding{ID: "bnd"}}); err == nil {
		t.Error("a binding without a version was taken")
	}
	for _, limit := range []int{-1, 0, 201} {
		if _, err := s.Bindings(t.Context(), journal.Filter{Caller: "wallet", Limit: limit}); err == nil {
			t.Errorf("a page of %d was taken", limit)
		}
	}
	for _, limit := range []int{-1, 0, 10_001} {
		if _, err := s.Due(t.Context(), noon, limit); err == nil {
			t.Errorf("due with limit %d was taken", limit)
		}
		if _, err := s.Expired(t.Context(), noon, nil, limit); err == nil {
			t.Errorf("expired with limit %d was taken", limit)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Binding(ctx, "bnd"); !errors.Is(err, context.Canceled) {
		t.Errorf("read under a cancelled context: got %v", err)
	}
}
