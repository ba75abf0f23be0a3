package flow_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// tells makes the house's flow tell a caller of everything.
func (h *house) tells(name string, at time.Time, b flow.Binding) []byte {
	body, _ := json.Marshal(map[string]any{"type": name, "timestamp": at, "state": b.State})
	return body
}

// told is what callers are told, in order, and that each is waiting to be delivered.
func (h *house) told(t *testing.T) []string {
	t.Helper()
	events, err := h.store.Events(context.Background(), journal.EventFilter{Caller: "wallet", State: journal.EventWaiting, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(events, func(a, b journal.Event) int { return int(a.Seq - b.Seq) }) // ids of one millisecond are in no order
	var names []string
	seq := map[string]int64{}
	for _, e := range events {
		names = append(names, e.Type)
		if e.Seq <= seq[e.Subject] {
			t.Errorf("%s has the place %d after %d", e.Type, e.Seq, seq[e.Subject])
		}
		seq[e.Subject] = e.Seq
		var body struct{ Type string }
		if err := json.Unmarshal(e.Body, &body); err != nil || body.Type != e.Type {
			t.Errorf("body %s of %s: %v", e.Body, e.Type, err)
		}
	}
	return names
}

func TestWhatCallersAreTold(t *testing.T) {
	ctx := context.Background()
	unsigned := func(h *house, b flow.Binding) op.Notice {
		return op.Notice{Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: h.get(t, b.ID).Agreement}
	}
	for name, c := range map[string]struct {
		manner manner
		do     func(h *house, b flow.Binding)
		want   []string
	}{
		"bound":  {asked, func(h *house, b flow.Binding) { _, _ = h.confirm(b.ID, canaryCode) }, []string{"binding.active"}},
		"failed": {asked, func(h *house, b flow.Binding) { h.bank.fates = []fate{turnedDown}; _, _ = h.confirm(b.ID, canaryCode) }, []string{"binding.failed"}},
		"found out": {asked, func(h *house, b flow.Binding) {
			h.bank.fates = []fate{lostAfter}
			_, _ = h.confirm(b.ID, canaryCode)
			h.pass(t, 3*time.Second)
		}, []string{"binding.active"}},
		"undone": {undoing, func(h *house, b flow.Binding) {
			h.bank.fates = []fate{lostAfter}
			_, _ = h.confirm(b.ID, canaryCode)
			h.pass(t, 3*time.Second)
		}, []string{"binding.failed"}},
		"approved": {approving, func(h *house, b flow.Binding) { h.hear(t, h.bank.decide(b.Number, "")) }, []string{"binding.active"}},
		"lapsed":   {approving, func(h *house, b flow.Binding) { h.hear(t, h.bank.decide(b.Number, op.CodeExpired)) }, []string{"binding.expired"}},
		"expired":  {asked, func(h *house, _ flow.Binding) { h.pass(t, 16*time.Minute) }, []string{"binding.expired"}},
		"cancelled by the caller itself": {asked, func(h *house, b flow.Binding) {
			_, _ = h.flow.Cancel(ctx, "wallet", b.ID, flow.Keyed{})
		}, nil},
		"revoked": {asked, func(h *house, b flow.Binding) {
			_, _ = h.confirm(b.ID, canaryCode)
			_, _ = h.flow.Revoke(ctx, "wallet", b.ID, flow.Keyed{})
		}, []string{"binding.active", "binding.revoked"}},
		"revoked by the bank": {asked, func(h *house, b flow.Binding) {
			_, _ = h.confirm(b.ID, canaryCode)
			h.hear(t, unsigned(h, b))
			h.hear(t, unsigned(h, b))
		}, []string{"binding.active", "binding.revoked_by_bank"}},
		"an unsigning that the bank refuses": {asked, func(h *house, b flow.Binding) {
			_, _ = h.confirm(b.ID, canaryCode)
			h.bank.fates = []fate{turnedDown}
			_, _ = h.flow.Revoke(ctx, "wallet", b.ID, flow.Keyed{})
		}, []string{"binding.active"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), c.manner)
			h.event = h.tells
			h.wire(h.set)
			b := h.create(t)
			c.do(h, b)
			if got := h.told(t); !slices.Equal(got, c.want) {
				t.Errorf("told %v, want %v", got, c.want)
			}
		})
	}
}

// Without anybody to tell, nothing is written.
func TestNobodyIsTold(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.event = func(string, time.Time, flow.Binding) []byte { return nil }
	h.wire(h.set)
	if _, err := h.confirm(h.create(t).ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	if got := h.told(t); got != nil {
		t.Errorf("told %v", got)
	}
}
