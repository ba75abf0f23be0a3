package journaltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/gateway/internal/journal"
)

// twins are stores that break one promise each, and the check that must notice.
var twins = []struct {
	name  string
	check string
	wrap  func(journal.Store) journal.Store
}{
	{"forgets the version", "a stale version is refused", func(s journal.Store) journal.Store { return forgetsVersion{s} }},
	{"forgets the version", "of two changes of one version one is written", func(s journal.Store) journal.Store { return forgetsVersion{s} }},
	{"writes in pieces", "a refused change leaves nothing", func(s journal.Store) journal.Store { return writesInPieces{s} }},
	{"writes in pieces", "a group loses nobody", func(s journal.Store) journal.Store { return writesInPieces{s} }},
	{"loses the last of a group", "a group loses nobody", func(s journal.Store) journal.Store { return &losesLast{Store: s} }},
	{"forgets who is live", "one live binding of a card", func(s journal.Store) journal.Store { return changes{s, allDead} }},
	{"loses a column", "what is written is read back whole", func(s journal.Store) journal.Store { return changes{s, loseColumn} }},
	{"takes a key again", "a key is used once", func(s journal.Store) journal.Store { return changes{s, renameKeys()} }},
	{"answers again", "the first answer of a key stays", func(s journal.Store) journal.Store { return &answersAgain{Store: s} }},
	{"wants a binding", "an attempt needs no binding", func(s journal.Store) journal.Store { return changes{s, boundOnly} }},
	{"keeps what is shredded", "shredded data is gone", func(s journal.Store) journal.Store { return changes{s, noShred} }},
	{"seals over what is newer", "sealed data is replaced only where it is as it was", func(s journal.Store) journal.Store { return changes{s, noCompare} }},
	{"forgets the cursor", "all sealed data is gone through once", func(s journal.Store) journal.Store { return firstPage{s, s.(journal.Seals)} }},
	{"shows another's", "pages are newest first and the caller's own", func(s journal.Store) journal.Store { return showsAll{s} }},
	{"oldest first", "pages are newest first and the caller's own", func(s journal.Store) journal.Store { return backwards{s} }},
	{"finds nothing orphaned", "due attempts are found oldest first", func(s journal.Store) journal.Store { return onlyAsked{s} }},
	{"knows no turns", "no bank's pile hides another's due attempts", func(s journal.Store) journal.Store { return oldestOnly{s} }},
	{"finds all that expired", "expired sessions are found oldest first", func(s journal.Store) journal.Store { return anyState{s} }},
	{"shuffles attempts", "attempts stay in order", func(s journal.Store) journal.Store { return backwards{s} }},
	{"reserves in memory", "what is written survives a restart", func(s journal.Store) journal.Store { return &remembers{Store: s} }},
	{"reserves too few", "reserved numbers never come again", func(s journal.Store) journal.Store { return reservesOne{s} }},
	{"takes any size", "limits are kept", func(s journal.Store) journal.Store { return changes{s, cutDown} }},
	{"writes for the departed", "a cancelled change is not written", func(s journal.Store) journal.Store { return writesLate{s} }},
	{"acknowledges while closing", "a closed journal takes nothing", func(s journal.Store) journal.Store { return saysYes{s} }},
	{"finds whoever carries the number", "an attempt is found by the number made for it", func(s journal.Store) journal.Store { return &carriers{Store: s} }},
	{"has people decide for the bank's", "what nobody could find out", func(s journal.Store) journal.Store { return allOpen{s} }},
	{"delivers out of order", "events of a subject are due in order", func(s journal.Store) journal.Store { return outOfOrder{s, s.(journal.Outbox)} }},
	{"tells what never happened", "events stay as they happened", func(s journal.Store) journal.Store { return tellsFirst{s, s.(journal.Outbox)} }},
	{"says it anew", "what was said is kept once", func(s journal.Store) journal.Store { return wordy{s, s.(journal.Transcripts)} }},
	{"shows all notices", "notices are kept once and found by what they are about", func(s journal.Store) journal.Store { return &gossip{Store: s} }},
	{"leases nothing", "what is due is leased to one", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"leases nothing", "a lease ends with its time, its attempt or its owner", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"never gives back", "a lease ends with its time, its attempt or its owner", func(s journal.Store) journal.Store { return &badLeases{SQLite: s.(*journal.SQLite), hoards: true} }},
	{"gives back what is in hand", "a lease ends with its time, its attempt or its owner", func(s journal.Store) journal.Store { return &badLeases{SQLite: s.(*journal.SQLite), drops: true} }},
	{"does not renew", "a lease is renewed in time", func(s journal.Store) journal.Store { return &badLeases{SQLite: s.(*journal.SQLite), tired: true} }},
	{"leases nothing", "one that is open is leased by its id", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"believes a clock", "a clock set back makes no lease last", func(s journal.Store) journal.Store { return &badLeases{SQLite: s.(*journal.SQLite), ahead: true} }},
	{"drops a lease at once", "a clock set back makes no lease last", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"leases the oldest", "no bank's pile hides what may be leased", func(s journal.Store) journal.Store { return &badLeases{SQLite: s.(*journal.SQLite), greedy: true} }},
	{"leases no events", "events are leased to one", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"leases to anybody", "leases have limits", func(s journal.Store) journal.Store { return leasesNothing{s} }},
	{"forgets the latest attempt", "the greatest ids are found", func(s journal.Store) journal.Store { return noAttempts{s, s.(journal.Newest)} }},
	{"forgets the cursor", "keys of a caller are gone through once", func(s journal.Store) journal.Store { return firstKeys{s, s.(journal.Keyring)} }},
	{"forgets what is open", "old keys are forgotten, but not of what is open", func(s journal.Store) journal.Store { return forgetful{s.(*journal.SQLite)} }},
	{"forgets the cursor", "old keys are forgotten, but not of what is open", func(s journal.Store) journal.Store { return hasty{s.(*journal.SQLite)} }},
	{"forgets the cursor", "old events are forgotten once they are delivered", func(s journal.Store) journal.Store { return hasty{s.(*journal.SQLite)} }},
	{"takes a number twice", "a number on the wire is used once", func(s journal.Store) journal.Store { return changes{s, noNumbers} }},
}

func TestSuiteCatchesBrokenTwins(t *testing.T) {
	seen := map[string]bool{}
	for _, twin := range twins {
		seen[twin.check] = true
		t.Run(twin.name+"/"+twin.check, func(t *testing.T) {
			i := slices.IndexFunc(checks, func(c check) bool { return c.name == twin.check })
			if i < 0 {
				t.Fatal("there is no such check")
			}
			open := func(t testing.TB, folder string) journal.Store { return twin.wrap(openSQLite(t, folder)) }
			if !try(t, checks[i], open) {
				t.Error("the check did not notice")
			}
			if try(t, checks[i], openSQLite) {
				t.Error("the check blames a store that is whole")
			}
		})
	}
	for _, c := range checks {
		if !seen[c.name] {
			t.Errorf("no broken twin tries %q", c.name)
		}
	}
}

func openSQLite(t testing.TB, folder string) journal.Store {
	s, err := journal.Open(journal.Config{Path: filepath.Join(folder, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// try runs a check without failing the test and reports whether it complained.
func try(t *testing.T, c check, open Open) bool {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(r, open)
	}()
	<-done
	for _, clean := range slices.Backward(r.cleanups) {
		clean()
	}
	return r.failed.Load()
}

// recorder is a test that only remembers that it failed.
type recorder struct {
	testing.TB
	failed   atomic.Bool
	mu       sync.Mutex
	cleanups []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Errorf(string, ...any)    { r.failed.Store(true) }
func (r *recorder) Error(...any)             { r.failed.Store(true) }
func (r *recorder) Fatalf(string, ...any)    { r.FailNow() }
func (r *recorder) Fatal(...any)             { r.FailNow() }
func (r *recorder) FailNow()                 { r.failed.Store(true); runtime.Goexit() }
func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) TempDir() string {
	folder, err := os.MkdirTemp("", "journaltest")
	if err != nil {
		r.TB.Error(err)
	}
	r.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// changes alters each Change on its way in.
type changes struct {
	journal.Store
	alter func(*journal.Change)
}

func (s changes) Apply(ctx context.Context, c journal.Change) error {
	s.alter(&c)
	return s.Store.Apply(ctx, c)
}

func allDead(c *journal.Change) {
	if c.Binding != nil {
		b := *c.Binding
		b.Live = false
		c.Binding = &b
	}
}

func loseColumn(c *journal.Change) {
	if c.Binding != nil {
		b := *c.Binding
		b.Challenge.ResendAt = time.Time{}
		c.Binding = &b
	}
}

// renameKeys makes a key that comes again another one.
func renameKeys() func(*journal.Change) {
	var made atomic.Int64
	return func(c *journal.Change) {
		if c.NewKey == nil {
			return
		}
		k := *c.NewKey
		if n := made.Add(1); n > 1 {
			k.Key = fmt.Sprint(k.Key, "-", n)
		}
		c.NewKey = &k
	}
}

// boundOnly drops what hangs on no binding.
func boundOnly(c *journal.Change) {
	for i, a := range c.Attempts {
		if !strings.HasPrefix(a.Binding, "bnd_") {
			c.Attempts = slices.Delete(slices.Clone(c.Attempts), i, i+1)
			return
		}
	}
}

func noShred(c *journal.Change) { c.Shred = "" }

func noCompare(c *journal.Change) {
	if c.Sealed != nil {
		c.Sealed = &journal.Sealed{Binding: c.Sealed.Binding, Data: c.Sealed.Data}
	}
}

// firstPage forgets the cursor.
type firstPage struct {
	journal.Store
	journal.Seals
}

func (s firstPage) SealedAfter(ctx context.Context, _ string, limit int) ([]journal.Sealed, error) {
	return s.Seals.SealedAfter(ctx, "", limit)
}

// firstKeys gives the first page again and again.
type firstKeys struct {
	journal.Store
	journal.Keyring
}

func (s firstKeys) KeysOf(ctx context.Context, caller, _, _ string, limit int) ([]journal.Key, error) {
	return s.Keyring.KeysOf(ctx, caller, "", "", limit)
}

// noAttempts finds the greatest ids of bindings and events only.
type noAttempts struct {
	journal.Store
	journal.Newest
}

func (s noAttempts) NewestIDs(ctx context.Context) ([]string, error) {
	all, err := s.Newest.NewestIDs(ctx)
	return slices.DeleteFunc(all, func(id string) bool { return strings.HasPrefix(id, "att_") }), err
}

func cutDown(c *journal.Change) {
	if c.NewKey != nil && len(c.NewKey.Body) > 64<<10 {
		k := *c.NewKey
		k.Body = k.Body[:64<<10]
		c.NewKey = &k
	}
}

func noNumbers(c *journal.Change) {
	c.Attempts = slices.Clone(c.Attempts)
	for i := range c.Attempts {
		c.Attempts[i].Number = ""
	}
}

// wordy lets every attempt bring words along.
type wordy struct {
	journal.Store
	journal.Transcripts
}

func (s wordy) Attempt(ctx context.Context, id string) (journal.Attempt, error) {
	a, err := s.Store.Attempt(ctx, id)
	a.Said = "again"
	return a, err
}

// gossip tells every notice of everybody.
type gossip struct {
	journal.Store
	journal.Transcripts
	all []journal.Notice
}

func (s *gossip) Apply(ctx context.Context, c journal.Change) error {
	err := s.Store.Apply(ctx, c)
	if err == nil {
		s.all = append(s.all, c.Notices...)
	}
	return err
}

func (s *gossip) Notices(context.Context, string) ([]journal.Notice, error) { return s.all, nil }

type forgetsVersion struct{ journal.Store }

func (s forgetsVersion) Apply(ctx context.Context, c journal.Change) error {
	for {
		err := s.Store.Apply(ctx, c)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
		old, err := s.Binding(ctx, c.Binding.ID)
		if err != nil {
			return err
		}
		b := *c.Binding
		b.Version = old.Version + 1
		c.Binding = &b
	}
}

// writesInPieces commits each part of a Change by itself.
type writesInPieces struct{ journal.Store }

func (s writesInPieces) Apply(ctx context.Context, c journal.Change) error {
	var errs []error
	for _, part := range []journal.Change{
		{Attempts: c.Attempts}, {Shred: c.Shred}, {Sealed: c.Sealed}, {NewKey: c.NewKey, AnsweredKey: c.AnsweredKey}, {Binding: c.Binding},
	} {
		errs = append(errs, s.Store.Apply(ctx, part))
	}
	return errors.Join(errs...)
}

type losesLast struct {
	journal.Store
	n atomic.Int64
}

func (s *losesLast) Apply(ctx context.Context, c journal.Change) error {
	if s.n.Add(1)%64 == 0 {
		return nil
	}
	return s.Store.Apply(ctx, c)
}

// answersAgain keeps the last answer of a key.
type answersAgain struct {
	journal.Store
	mu   sync.Mutex
	last *journal.Key
}

func (s *answersAgain) Apply(ctx context.Context, c journal.Change) error {
	s.mu.Lock()
	if c.AnsweredKey != nil {
		s.last = c.AnsweredKey
	}
	s.mu.Unlock()
	return s.Store.Apply(ctx, c)
}

func (s *answersAgain) Key(ctx context.Context, caller, route, key string) (journal.Key, error) {
	k, err := s.Store.Key(ctx, caller, route, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && s.last.Key == key && err == nil {
		k.Status, k.Body = s.last.Status, s.last.Body
	}
	return k, err
}

// carriers finds the first attempt that carries a number, whosever it is.
type carriers struct {
	journal.Store
	mu   sync.Mutex
	seen []journal.Attempt
}

func (s *carriers) Apply(ctx context.Context, c journal.Change) error {
	s.mu.Lock()
	s.seen = append(s.seen, c.Attempts...)
	s.mu.Unlock()
	return s.Store.Apply(ctx, c)
}

func (s *carriers) ByNumber(_ context.Context, channel, number string) (journal.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.seen, func(a journal.Attempt) bool { return a.Channel == channel && a.Number == number && number != "" })
	if i < 0 {
		return journal.Attempt{}, journal.ErrNotFound
	}
	return s.seen[i], nil
}

// allOpen takes all that is open for undecided.
type allOpen struct{ journal.Store }

func (s allOpen) Undecided(ctx context.Context, before time.Time, limit int) ([]journal.Attempt, error) {
	return s.Due(ctx, before.Add(24*time.Hour), limit)
}

// outOfOrder goes by the time alone.
type outOfOrder struct {
	journal.Store
	journal.Outbox
}

func (s outOfOrder) DueEvents(ctx context.Context, now time.Time, limit int) ([]journal.Event, error) {
	found, err := s.Events(ctx, journal.EventFilter{Caller: "wallet", State: journal.EventWaiting, Limit: 1000})
	found = slices.DeleteFunc(found, func(e journal.Event) bool { return e.NextAt.After(now) })
	return found[:min(limit, len(found))], err
}

// tellsFirst writes events by themselves, before what they tell of.
type tellsFirst struct {
	journal.Store
	journal.Outbox
}

func (s tellsFirst) Apply(ctx context.Context, c journal.Change) error {
	if err := s.Store.Apply(ctx, journal.Change{Events: c.Events}); err != nil {
		return err
	}
	c.Events = nil
	return s.Store.Apply(ctx, c)
}

type showsAll struct{ journal.Store }

func (s showsAll) Bindings(ctx context.Context, f journal.Filter) ([]journal.Binding, error) {
	f.UserID = ""
	return s.Store.Bindings(ctx, f)
}

type backwards struct{ journal.Store }

func (s backwards) Bindings(ctx context.Context, f journal.Filter) ([]journal.Binding, error) {
	found, err := s.Store.Bindings(ctx, f)
	slices.Reverse(found)
	return found, err
}

func (s backwards) Attempts(ctx context.Context, binding string) ([]journal.Attempt, error) {
	found, err := s.Store.Attempts(ctx, binding)
	slices.Reverse(found)
	return found, err
}

// onlyAsked forgets the attempts whose sender never came back.
type onlyAsked struct{ journal.Store }

func (s onlyAsked) Due(ctx context.Context, now time.Time, limit int) ([]journal.Attempt, error) {
	found, err := s.Store.Due(ctx, now, limit)
	return slices.DeleteFunc(found, func(a journal.Attempt) bool { return !a.Settled && a.AskAt.IsZero() }), err
}

// oldestOnly looks at nothing but age.
type oldestOnly struct{ journal.Store }

func (s oldestOnly) Due(ctx context.Context, now time.Time, limit int) ([]journal.Attempt, error) {
	found, err := s.Store.Due(ctx, now, max(limit, 1000))
	return found[:min(limit, len(found))], err
}

type anyState struct{ journal.Store }

func (s anyState) Expired(ctx context.Context, now time.Time, states []string, limit int) ([]journal.Binding, error) {
	return s.Store.Expired(ctx, now, append(slices.Clone(states), "active"), limit)
}

type remembers struct {
	journal.Store
	next atomic.Uint64
}

func (s *remembers) Reserve(_ context.Context, _ string, n uint64) (uint64, error) {
	return s.next.Add(n) - n + 1, nil
}

type reservesOne struct{ journal.Store }

func (s reservesOne) Reserve(ctx context.Context, sequence string, _ uint64) (uint64, error) {
	return s.Store.Reserve(ctx, sequence, 1)
}

// writesLate goes on although the caller has left, and says that it did not.
type writesLate struct{ journal.Store }

func (s writesLate) Apply(ctx context.Context, c journal.Change) error {
	return errors.Join(s.Store.Apply(context.WithoutCancel(ctx), c), ctx.Err())
}

type saysYes struct{ journal.Store }

func (s saysYes) Apply(ctx context.Context, c journal.Change) error {
	if err := s.Store.Apply(ctx, c); !errors.Is(err, journal.ErrClosed) {
		return err
	}
	return nil
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leasesNothing shows what is due to whoever looks.
type leasesNothing struct{ journal.Store }

func (s leasesNothing) LeaseDue(ctx context.Context, l journal.Lease, limit int) ([]journal.Attempt, error) {
	return s.Due(ctx, l.Now, limit)
}

func (s leasesNothing) LeaseOpen(ctx context.Context, _ journal.Lease, id string) (journal.Attempt, error) {
	return s.Attempt(ctx, id)
}

func (s leasesNothing) LeaseEvents(ctx context.Context, l journal.Lease, limit int) ([]journal.Event, error) {
	return s.DueEvents(ctx, l.Now, limit)
}

func (s leasesNothing) DueEvents(ctx context.Context, now time.Time, limit int) ([]journal.Event, error) {
	return s.Store.(journal.Outbox).DueEvents(ctx, now, limit)
}

func (s leasesNothing) Events(ctx context.Context, f journal.EventFilter) ([]journal.Event, error) {
	return s.Store.(journal.Outbox).Events(ctx, f)
}

func (s leasesNothing) Release(context.Context, string, ...string) error { return nil }

// badLeases breaks one promise of leases.
type badLeases struct {
	*journal.SQLite
	hoards, drops, tired, ahead, greedy bool
	latest                              time.Time
}

func (s *badLeases) Release(ctx context.Context, owner string, but ...string) error {
	switch {
	case s.hoards:
		return nil
	case s.drops:
		but = nil
	}
	return s.SQLite.Release(ctx, owner, but...)
}

func (s *badLeases) LeaseDue(ctx context.Context, l journal.Lease, limit int) ([]journal.Attempt, error) {
	switch {
	case s.tired: // its own is shown again, and ends when it would have
		if l.Owner == "one" {
			if s.latest.IsZero() {
				s.latest = l.Now
			}
			if l.Now.Before(s.latest.Add(l.For)) {
				l.Now = s.latest
			}
		}
	case s.ahead:
		if l.Now.Before(s.latest) {
			return nil, nil
		}
		s.latest = l.Now
	case s.greedy:
		found, err := s.Due(ctx, l.Now, 10_000)
		return found[:min(limit, len(found))], err
	}
	return s.SQLite.LeaseDue(ctx, l, limit)
}

// forgetful takes nothing for open.
type forgetful struct{ *journal.SQLite }

func (s forgetful) Apply(ctx context.Context, c journal.Change) error {
	c.Attempts = slices.Clone(c.Attempts)
	for i := range c.Attempts {
		c.Attempts[i].AskAt = time.Time{}
	}
	return s.SQLite.Apply(ctx, c)
}

// hasty looks at the first page alone.
type hasty struct{ *journal.SQLite }

func (s hasty) PruneKeys(ctx context.Context, before time.Time, after string, limit int) (int, string, error) {
	n, _, err := s.SQLite.PruneKeys(ctx, before, after, limit)
	return n, "", err
}

func (s hasty) PruneEvents(ctx context.Context, before time.Time, after string, limit int) (int, string, error) {
	n, _, err := s.SQLite.PruneEvents(ctx, before, after, limit)
	return n, "", err
}
