package flow_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
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

// What a process has left in the middle belongs to nobody once another has the
// journal: its caller is answered at once, and it is looked after when the bank
// has had its time, without the grace that a live process gets.
func TestRestartTakesOverWhatADeadProcessLeft(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	b := h.create(t)
	k := keyed("POST /v1/bindings/"+b.ID+"/confirm", "k1", "")
	h.store.before = func(c journal.Change) error {
		if c.Attempts[0].Settled {
			return errors.New("process died")
		}
		return nil
	}
	if _, err := h.flow.Confirm(t.Context(), "wallet", b.ID, secret.NewCode(canaryCode), secret.CVV{}, secret.Expiry{}, k); err != nil {
		t.Fatal(err)
	}
	h.store.before = nil

	h.wire(set)
	h.add(3 * time.Second)
	if err := h.flow.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, body, done, err := h.flow.Replay(t.Context(), k)
	if want, _ := render(h.get(t, b.ID), nil); !done || err != nil || status != want || !strings.Contains(string(body), flow.Processing) {
		t.Errorf("got %d %s, %v, %v, want %d", status, body, done, err, want)
	}
	h.pass(t, 4*time.Second)
	if h.bank.queries() != 0 {
		t.Error("asked while the bank had time to answer")
	}
	h.pass(t, 2*time.Second)
	if got := h.get(t, b.ID); got.State != flow.Active {
		t.Errorf("nine seconds after it was meant: %s", got.State)
	}
	if !strings.Contains(h.log.String(), "ended in the middle") {
		t.Error("nobody was told")
	}
}

// Many that were left in the middle are taken over in few commits.
func TestRestartCommitsTogether(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	var left []journal.Attempt
	for i := range 130 {
		id := fmt.Sprintf("%026d", i)
		left = append(left, journal.Attempt{
			ID: "att_" + id, Binding: "bnd_" + id, Kind: op.Apply, Channel: "nucc", Bank: "abc", Number: id, IntendedAt: h.Now(), Deadline: h.Now().Add(13 * time.Second),
		})
	}
	for some := range slices.Chunk(left, 10) {
		if err := h.store.Apply(t.Context(), journal.Change{Attempts: some}); err != nil {
			t.Fatal(err)
		}
	}
	h.add(9 * time.Second)
	commits := 0
	h.store.before = func(journal.Change) error { commits++; return nil }
	if err := h.flow.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due, err := h.store.Due(t.Context(), h.Now(), 1000); len(due) != len(left) || commits > 3 || err != nil {
		t.Errorf("%d due after %d commits, %v", len(due), commits, err)
	}
}
