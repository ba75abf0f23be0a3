package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
)

// A gateway whose clock was a year ahead leaves an attempt that it knew to be
// unknown and one that it died in. After a start with the right clock both are found out.
func TestClockSetBack(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	right := h.Now()
	h.add(365 * 24 * time.Hour)
	h.bank.fates = []fate{lostAfter}
	known := h.createFor(t, "u_1")
	h.store.before = func(c journal.Change) error {
		if c.Attempts[0].Settled {
			return errors.New("process died")
		}
		return nil
	}
	died := h.createFor(t, "u_2")
	h.store.before = nil

	h.wire(set)
	h.add(right.Sub(h.Now()))
	if err := h.flow.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.pass(t, time.Second)
	if h.bank.queries() != 0 {
		t.Error("asked before its time")
	}
	h.pass(t, time.Minute)
	for _, id := range []string{known.ID, died.ID} {
		if got := h.get(t, id); got.State != flow.AwaitingCode {
			t.Errorf("a minute later: %s", got.State)
		}
	}
	if !strings.Contains(h.log.String(), "set back") {
		t.Error("nobody was told")
	}
}

// Under a clock that goes on as it should, a start moves nothing.
func TestRestartMovesNothing(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.bank.fates = []fate{lostAfter}
	b := h.create(t)
	h.bank.queryFates = []fate{lostBefore}
	h.pass(t, 3*time.Second)
	before := h.get(t, b.ID).History[0]
	if err := h.flow.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := h.get(t, b.ID).History[0]; after != before {
		t.Errorf("%+v became %+v", before, after)
	}
}
