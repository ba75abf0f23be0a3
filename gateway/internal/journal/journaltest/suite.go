// Package journaltest is the suite that every store passes. It is itself
// tried on broken twins: a store that forgets one promise must be caught.
package journaltest

import (
	"testing"

	"kaqiao/gateway/internal/journal"
)

// Open opens the store that lives in a folder: the same folder, once the
// store was closed, is the same journal again.
type Open func(t testing.TB, folder string) journal.Store

// Run puts a store through the whole suite.
func Run(t *testing.T, open Open) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// check is one promise of a store.
type check struct {
	name string
	run  func(t testing.TB, open Open)
}

var checks = []check{
	{"what is written is read back whole", readBack},
	{"what is written survives a restart", restart},
	{"a stale version is refused", staleVersion},
	{"of two changes of one version one is written", race},
	{"a refused change leaves nothing", refusedWhole},
	{"a group loses nobody", group},
	{"one live binding of a card", live},
	{"a key is used once", keyOnce},
	{"the first answer of a key stays", firstAnswer},
	{"a number on the wire is used once", numberOnce},
	{"an attempt is found by the number made for it", byNumber},
	{"what nobody could find out", undecided},
	{"events of a subject are due in order", dueEvents},
	{"events stay as they happened", eventsStay},
	{"an attempt needs no binding", unbound},
	{"what was said is kept once", saidOnce},
	{"notices are kept once and found by what they are about", noticesOnce},
	{"shredded data is gone", shred},
	{"sealed data is replaced only where it is as it was", resealed},
	{"all sealed data is gone through once", sealedPages},
	{"pages are newest first and the caller's own", pages},
	{"due attempts are found oldest first", due},
	{"no bank's pile hides another's due attempts", dueInTurn},
	{"what is due is leased to one", leasedOnce},
	{"a lease ends with its time, its attempt or its owner", leaseEnds},
	{"a lease is renewed in time", leaseRenewed},
	{"one that is open is leased by its id", leaseOpen},
	{"a clock set back makes no lease last", clockBack},
	{"no bank's pile hides what may be leased", leasedInTurn},
	{"events are leased to one", leasedEvents},
	{"leases have limits", leaseLimits},
	{"keys of a caller are gone through once", keysOf},
	{"old keys are forgotten, but not of what is open", pruneKeys},
	{"old events are forgotten once they are delivered", pruneEvents},
	{"expired sessions are found oldest first", expired},
	{"attempts stay in order", order},
	{"the greatest ids are found", newest},
	{"reserved numbers never come again", reserve},
	{"limits are kept", limits},
	{"a cancelled change is not written", cancelled},
	{"a closed journal takes nothing", closed},
}

// fresh opens a store in a folder of its own and closes it with the test.
func fresh(t testing.TB, open Open) journal.Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
