package flow_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/journal/journaltest"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// diskCase is a wish of a caller, and the state that it begins in.
type diskCase struct {
	kind  op.Kind
	state string
	wish  func(h *house, id string, k flow.Keyed) (flow.Binding, error)
	then  string // where it leads once it can
}

var diskCases = []diskCase{
	{op.Apply, "", func(h *house, _ string, k flow.Keyed) (flow.Binding, error) {
		return h.flow.Create(context.Background(), request(), k)
	}, flow.AwaitingCode},
	{op.Confirm, flow.AwaitingCode, func(h *house, id string, k flow.Keyed) (flow.Binding, error) {
		return h.flow.Confirm(context.Background(), "wallet", id, secret.NewCode(canaryCode), secret.CVV{}, secret.Expiry{}, k)
	}, flow.Active},
	{op.Unsign, flow.Active, func(h *house, id string, k flow.Keyed) (flow.Binding, error) {
		return h.flow.Revoke(context.Background(), "wallet", id, k)
	}, flow.Revoked},
}

// bring makes a binding and brings it to a state.
func (h *house) bring(t *testing.T, state string) (id string) {
	t.Helper()
	if state == "" {
		return ""
	}
	id = h.create(t).ID
	if state == flow.Active {
		if _, err := h.confirm(id, canaryCode); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// eachDiskCase runs all side by side: an answer that can't be written is tried for a second.
func eachDiskCase(t *testing.T, run func(*testing.T, manner, diskCase)) {
	for name, manner := range map[string]manner{"asked": asked, "undoing": undoing} {
		for _, c := range diskCases {
			t.Run(name+"/"+string(c.kind), func(t *testing.T) {
				t.Parallel()
				run(t, manner, c)
			})
		}
	}
}

// A disk that fails before a bank is asked: the caller is told that nothing was
// sent, the bank has heard nothing, and the same key is as good as new.
func TestDiskFailsBeforeTheBankIsAsked(t *testing.T) {
	eachDiskCase(t, func(t *testing.T, manner manner, c diskCase) {
		h := newHouseOf(t, t.TempDir(), shipped(t), manner)
		id := h.bring(t, c.state)
		k := keyed("POST /wish", "key-1", "body")
		before := h.bank.heardOf()
		mend := journaltest.ReadOnly(t, h.store.SQLite)
		for range 2 {
			if _, _, done, err := h.flow.Replay(context.Background(), k); done || err != nil {
				t.Fatalf("%s: replay: %v, %v", c.kind, done, err)
			}
			_, err := c.wish(h, id, k)
			if p := problem(t, err); p.Reason != op.StorageFails || p.Outcome != op.NotSent || p.Asked || p.Binding != id || !errors.Is(err, journal.ErrStorage) {
				t.Errorf("%s: %+v, %v", c.kind, p, err)
			}
		}
		if now := h.bank.heardOf(); now != before {
			t.Errorf("%s: the bank has heard %d times more", c.kind, now-before)
		}
		mend()
		b, err := c.wish(h, id, k)
		if err != nil || b.State != c.then || h.bank.heardOf() != before+1 {
			t.Errorf("%s, once there is room: %s, %v; the bank has heard %d times", c.kind, b.State, err, h.bank.heardOf()-before)
		}
	})
}

// A disk that fails after the bank has answered: nobody will remember what it
// said, so it is found out, or undone where it can't be asked. The caller is told so meanwhile.
func TestDiskFailsAfterTheBankHasAnswered(t *testing.T) {
	eachDiskCase(t, func(t *testing.T, manner manner, c diskCase) {
		h := newHouseOf(t, t.TempDir(), shipped(t), manner)
		id := h.bring(t, c.state)
		mend := func() {}
		var once sync.Once
		h.store.before = func(change journal.Change) error {
			if len(change.Attempts) > 0 && change.Attempts[0].Settled && change.Attempts[0].Kind == c.kind {
				once.Do(func() { mend = journaltest.ReadOnly(t, h.store.SQLite) })
			}
			return nil
		}
		k := keyed("POST /wish", "key-1", "body")
		b, err := c.wish(h, id, k)
		if err != nil || b.State != flow.Processing && b.State != flow.Revoking {
			t.Fatalf("%s: %s, %v", c.kind, b.State, err)
		}
		if h.bank.heard(c.kind) != 1 {
			t.Errorf("%s: the bank has heard %d times", c.kind, h.bank.heard(c.kind))
		}
		// The key's request may still run for all that the journal knows; afterwards nobody can say.
		_, _, done, err := h.flow.Replay(context.Background(), k)
		if p := problem(t, err); done || p.Reason != op.IdempotencyConflict {
			t.Errorf("%s: replay: %+v", c.kind, p)
		}
		h.add(30 * time.Second)
		if _, _, done, err = h.flow.Replay(context.Background(), k); done || !errors.Is(err, journal.ErrStorage) {
			t.Errorf("%s: replay: %v", c.kind, err)
		}
		var p *op.Problem
		if errors.As(err, &p) && p.Outcome == op.NotSent {
			t.Errorf("%s: the caller is told that nothing was sent", c.kind)
		}
		mend()
		h.pass(t, 2*time.Minute)
		found := h.get(t, b.ID)
		want := c.then
		if manner == undoing && c.kind != op.Unsign {
			want = flow.Failed
		}
		if found.State != want {
			t.Errorf("%s, manner %d: found out as %s, want %s", c.kind, manner, found.State, want)
		}
		if live := len(h.bank.live()); live != 0 && want != flow.Active || live != 1 && want == flow.Active {
			t.Errorf("%s: %d agreements are live at the bank", c.kind, live)
		}
		if manner == asked && h.bank.heard(c.kind) != 1 {
			t.Errorf("%s: sent %d times", c.kind, h.bank.heard(c.kind))
		}
		first, body, done, err := h.flow.Replay(context.Background(), k)
		again, same, _, err2 := h.flow.Replay(context.Background(), k)
		if !done || err != nil || err2 != nil || first != again || string(body) != string(same) {
			t.Errorf("%s: the key's answer: %d %s, then %d %s; %v, %v", c.kind, first, body, again, same, err, err2)
		}
	})
}

// What a bank says unasked is acknowledged only where it was written.
func TestDiskFailsUnderANotice(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	id := h.bring(t, flow.Active)
	b, err := h.store.Binding(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	known := op.Notice{Kind: op.Unsign, Channel: b.Channel, Member: b.Member, Agreement: b.Agreement}
	early := known
	early.Agreement = "not known yet"
	mend := journaltest.ReadOnly(t, h.store.SQLite)
	for _, n := range []op.Notice{known, early} {
		if err := h.flow.Heard(context.Background(), n); !errors.Is(err, journal.ErrStorage) {
			t.Errorf("%s: %v", n.Agreement, err)
		}
	}
	mend()
	for _, n := range []op.Notice{known, early, known, early} { // said again, and again
		if err := h.flow.Heard(context.Background(), n); err != nil {
			t.Errorf("%s: %v", n.Agreement, err)
		}
	}
	if got := h.get(t, id); got.State != flow.Revoked {
		t.Errorf("the binding is %s", got.State)
	}
}

func (f *fakeBank) heard(kind op.Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[kind]
}

func (f *fakeBank) heardOf() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, times := range f.counts {
		n += times
	}
	return n
}
