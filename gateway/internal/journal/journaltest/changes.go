package journaltest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

func readBack(t testing.TB, open Open) {
	s := fresh(t, open)
	b, a, k := binding(1), attempt(1, 1), key(1)
	sealed := journal.Sealed{Binding: b.ID, Data: []byte("opaque")}
	apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{a, attempt(1, 2)}, NewKey: &k, Sealed: &sealed})
	same(t, must[journal.Binding](t)(s.Binding(t.Context(), b.ID)), b)
	same(t, must[journal.Attempt](t)(s.Attempt(t.Context(), a.ID)), a)
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), sealed.Data)

	// The next version changes all that may change.
	b.Version, b.Channel, b.Member, b.State, b.Live, b.Reason, b.RawCode = 2, "direct", "M2", "active", false, "", ""
	b.Challenge, b.Number, b.Begun = journal.Challenge{}, "N2", time.Time{}
	b.Agreement, b.Class, b.PasswordFree = "AG2", "II", journal.PasswordFree{LimitFen: 1}
	b.UpdatedAt, b.ExpiresAt = noon.Add(time.Hour), time.Time{}
	a.Settled, a.Outcome, a.Reason, a.RawCode, a.Exchange = false, op.Unknown, "", "", 0
	a.Deadline, a.SettledAt, a.AskAt, a.Asked, a.NotFound = noon.Add(time.Hour), time.Time{}, time.Time{}, 9, 8
	sealed.Data = []byte("other")
	apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{a}, Sealed: &sealed})
	same(t, must[journal.Binding](t)(s.Binding(t.Context(), b.ID)), b)
	same(t, must[journal.Attempt](t)(s.Attempt(t.Context(), a.ID)), a)
	same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), sealed.Data)
	same(t, must[journal.Attempt](t)(s.Attempt(t.Context(), attempt(1, 2).ID)), attempt(1, 2))

	// A later change can't give a binding to somebody else.
	stolen := b
	stolen.Version, stolen.Caller, stolen.UserID, stolen.Bank, stolen.CardHash = 3, "thief", "thief", "thief", []byte("thief")
	stolen.CreatedAt = time.Time{}
	apply(t, s, journal.Change{Binding: &stolen})
	b.Version = 3
	same(t, must[journal.Binding](t)(s.Binding(t.Context(), b.ID)), b)

	gone[journal.Binding](t, "binding")(s.Binding(t.Context(), "bnd_none"))
	gone[journal.Attempt](t, "attempt")(s.Attempt(t.Context(), "att_none"))
	gone[journal.Key](t, "key")(s.Key(t.Context(), k.Caller, k.Route, "none"))
	gone[journal.Key](t, "another caller's key")(s.Key(t.Context(), "other", k.Route, k.Key))
	gone[[]byte](t, "sealed data")(s.Sealed(t.Context(), "bnd_none"))
}

func restart(t testing.TB, open Open) {
	folder := t.TempDir()
	s := open(t, folder)
	b, a := binding(1), attempt(1, 1)
	apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{a}})
	first := must[uint64](t)(s.Reserve(t.Context(), "day", 10))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	again := open(t, folder)
	defer func() { _ = again.Close() }()
	same(t, must[journal.Binding](t)(again.Binding(t.Context(), b.ID)), b)
	same(t, must[journal.Attempt](t)(again.Attempt(t.Context(), a.ID)), a)
	if next := must[uint64](t)(again.Reserve(t.Context(), "day", 10)); next < first+10 {
		t.Fatalf("numbers from %d were handed out before the restart, and from %d after it", first, next)
	}
}

func staleVersion(t testing.TB, open Open) {
	s := fresh(t, open)
	b := binding(1)
	apply(t, s, journal.Change{Binding: &b})
	again := binding(1)
	again.UserID = "another, so that only the id is taken"
	refuse(t, s, journal.Change{Binding: &again}, journal.ErrConflict)
	for _, version := range []int64{3, 9} {
		ahead := b
		ahead.Version, ahead.State = version, "active"
		refuse(t, s, journal.Change{Binding: &ahead}, journal.ErrConflict)
	}
	b.Version, b.State = 2, "active"
	apply(t, s, journal.Change{Binding: &b})
	late := b
	late.State = "failed"
	refuse(t, s, journal.Change{Binding: &late}, journal.ErrConflict)
	same(t, must[journal.Binding](t)(s.Binding(t.Context(), b.ID)), b)
	absent := binding(2)
	absent.Version = 2
	refuse(t, s, journal.Change{Binding: &absent}, journal.ErrConflict)
	gone[journal.Binding](t, "binding")(s.Binding(t.Context(), absent.ID))
}

func race(t testing.TB, open Open) {
	s := fresh(t, open)
	b := binding(1)
	apply(t, s, journal.Change{Binding: &b})
	const callers = 32
	errs := make([]error, callers)
	together(callers, func(i int) {
		next := b
		next.Version = 2
		a := attempt(1, i+1)
		errs[i] = s.Apply(t.Context(), journal.Change{Binding: &next, Attempts: []journal.Attempt{a}})
	})
	written := 0
	for i, err := range errs {
		a := attempt(1, i+1).ID
		switch {
		case err == nil:
			written++
			must[journal.Attempt](t)(s.Attempt(t.Context(), a))
		case errors.Is(err, journal.ErrConflict):
			gone[journal.Attempt](t, "attempt of a refused change")(s.Attempt(t.Context(), a))
		default:
			t.Errorf("apply: got %v, want nil or %v", err, journal.ErrConflict)
		}
	}
	if written != 1 {
		t.Errorf("%d changes of one version were written, want 1", written)
	}
}

// refusedWhole has each part of a change be the one that is refused.
func refusedWhole(t testing.TB, open Open) {
	s := fresh(t, open)
	b, k, a := binding(1), key(1), attempt(1, 1)
	apply(t, s, journal.Change{Binding: &b, NewKey: &k, Attempts: []journal.Attempt{a}, Sealed: &journal.Sealed{Binding: b.ID, Data: []byte("first")}})
	stale, taken, other := binding(1), attempt(2, 2), key(2)
	taken.Number = a.Number
	second := binding(2)
	for name, c := range map[string]journal.Change{
		"binding": {Binding: &stale, NewKey: &other, Attempts: []journal.Attempt{attempt(2, 1)}, Shred: b.ID},
		"key":     {Binding: &second, NewKey: &k, Attempts: []journal.Attempt{attempt(2, 1)}, Shred: b.ID},
		"attempt": {Binding: &second, NewKey: &other, Attempts: []journal.Attempt{attempt(2, 1), taken}, Shred: b.ID},
	} {
		if err := s.Apply(t.Context(), c); err == nil {
			t.Fatalf("a change whose %s can't be written was taken", name)
		}
		gone[journal.Binding](t, name+": binding")(s.Binding(t.Context(), second.ID))
		gone[journal.Key](t, name+": key")(s.Key(t.Context(), other.Caller, other.Route, other.Key))
		gone[journal.Attempt](t, name+": attempt")(s.Attempt(t.Context(), attempt(2, 1).ID))
		same(t, must[[]byte](t)(s.Sealed(t.Context(), b.ID)), []byte("first"))
	}
}

// group has many write at once, every third of them something that is refused.
func group(t testing.TB, open Open) {
	s := fresh(t, open)
	taken := key(0)
	apply(t, s, journal.Change{NewKey: &taken})
	const callers = 300
	errs := make([]error, callers)
	together(callers, func(i int) {
		b, k := binding(i+1), key(i+1)
		if i%3 == 0 {
			k = taken
		}
		errs[i] = s.Apply(t.Context(), journal.Change{Binding: &b, NewKey: &k, Attempts: []journal.Attempt{attempt(i+1, 1)}})
	})
	for i, err := range errs {
		b, a := binding(i+1), attempt(i+1, 1)
		if i%3 == 0 {
			if !errors.Is(err, journal.ErrKeyUsed) {
				t.Errorf("caller %d: got %v, want %v", i, err, journal.ErrKeyUsed)
			}
			gone[journal.Binding](t, "binding of a refused change")(s.Binding(t.Context(), b.ID))
			gone[journal.Attempt](t, "attempt of a refused change")(s.Attempt(t.Context(), a.ID))
			continue
		}
		if err != nil {
			t.Errorf("caller %d: %v", i, err)
		}
		same(t, must[journal.Binding](t)(s.Binding(t.Context(), b.ID)), b)
		same(t, must[journal.Attempt](t)(s.Attempt(t.Context(), a.ID)), a)
	}
}

func cancelled(t testing.TB, open Open) {
	s := fresh(t, open)
	before, cancel := context.WithCancel(t.Context())
	cancel()
	b := binding(1)
	if err := s.Apply(before, journal.Change{Binding: &b}); !errors.Is(err, context.Canceled) {
		t.Fatalf("apply: got %v, want %v", err, context.Canceled)
	}
	gone[journal.Binding](t, "binding")(s.Binding(t.Context(), b.ID))

	// However the cancellation falls, the answer and the journal agree.
	const callers = 200
	errs := make([]error, callers)
	together(callers, func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		b := binding(i + 2)
		errs[i] = s.Apply(ctx, journal.Change{Binding: &b})
	})
	for i, err := range errs {
		id := binding(i + 2).ID
		switch {
		case err == nil:
			must[journal.Binding](t)(s.Binding(t.Context(), id))
		case errors.Is(err, context.Canceled):
			gone[journal.Binding](t, "binding of a cancelled change")(s.Binding(t.Context(), id))
		default:
			t.Errorf("apply: %v", err)
		}
	}
}

func closed(t testing.TB, open Open) {
	folder := t.TempDir()
	s := open(t, folder)
	const callers = 100
	errs := make([]error, callers)
	together(callers+1, func(i int) {
		if i == callers {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			return
		}
		b := binding(i + 1)
		errs[i] = s.Apply(t.Context(), journal.Change{Binding: &b})
	})
	b := binding(callers + 1)
	if err := s.Apply(t.Context(), journal.Change{Binding: &b}); err == nil {
		t.Error("a closed journal took a change")
	}
	again := open(t, folder)
	defer func() { _ = again.Close() }()
	for i, err := range errs {
		if err == nil {
			must[journal.Binding](t)(again.Binding(t.Context(), binding(i+1).ID))
		} else {
			gone[journal.Binding](t, "binding of a refused change")(again.Binding(t.Context(), binding(i+1).ID))
		}
	}
}

// together runs f with 0 to n-1, all at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

func same[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("not what was written (-want +got):\n%s", diff)
	}
}

// unbound: a verification has an attempt and a key, and no binding. Both are found under the id that it has instead.
func unbound(t testing.TB, open Open) {
	s := fresh(t, open)
	a, k := attempt(1, 1), key(1)
	a.Binding, a.Kind, a.AskAt = "ver_01HQ00000001", op.Verify, time.Time{}
	k.Binding = a.Binding
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}, NewKey: &k})
	same(t, must[[]journal.Attempt](t)(s.Attempts(t.Context(), a.Binding)), []journal.Attempt{a})
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	gone[journal.Binding](t, "binding")(s.Binding(t.Context(), a.Binding))
	k.Status, k.Body = 200, []byte("matched")
	apply(t, s, journal.Change{Attempts: []journal.Attempt{a}, AnsweredKey: &k})
	same(t, must[journal.Key](t)(s.Key(t.Context(), k.Caller, k.Route, k.Key)), k)
	if due := must[[]journal.Attempt](t)(s.Due(t.Context(), noon.Add(time.Hour), 10)); len(due) != 0 {
		t.Fatalf("a settled one is due: %v", due)
	}
}
