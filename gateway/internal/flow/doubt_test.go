package flow_test

import (
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// A confirm that was given up as never arrived arrives after all, and signs.
// The next one is refused because the code is used up: that no is not believed.
func TestNoAfterALateConfirmIsAskedAbout(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.bank.usedUp = true
	b := h.create(t)
	h.bank.fates = []fate{lostBefore}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.pass(t, 30*time.Second)
	if got := h.get(t, b.ID); got.State != flow.AwaitingCode {
		t.Fatalf("before: %s", got.State)
	}
	late := op.Operation{Kind: op.Confirm, Number: b.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)}
	h.bank.carryOut(late)

	got, err := h.confirm(b.ID, canaryCode)
	if err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.pass(t, 2*time.Second)
	if got := h.get(t, b.ID); got.State != flow.Active || got.Agreement != "SGN1" {
		t.Errorf("got %s, agreement %q; the bank has %v", got.State, got.Agreement, h.bank.live())
	}
}

// A no to a code that nothing is in doubt of is a no at once, and so it is in
// the end where the doubt was for nothing.
func TestNoIsANo(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{turnedDown}
	if _, err := h.confirm(b.ID, canaryCode); problem(t, err).Reason != op.AccountFrozen || h.get(t, b.ID).State != flow.Failed {
		t.Errorf("got %v, %s", err, h.get(t, b.ID).State)
	}
	b = h.create(t)
	h.bank.fates = []fate{lostBefore, turnedDown}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.pass(t, 30*time.Second)
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.pass(t, 2*time.Second)
	if got := h.get(t, b.ID); got.State != flow.Failed || got.Reason != op.AccountFrozen {
		t.Errorf("got %s, %s", got.State, got.Reason)
	}
}

// A caller who looks every two seconds while the bank can't be asked has the
// answer no later than one who never looks.
func TestImpatienceDelaysNothing(t *testing.T) {
	foundAfter := func(looks bool) time.Duration {
		h := newHouse(t, t.TempDir(), shipped(t))
		h.bank.fates = []fate{lostAfter}
		b := h.create(t)
		begun := h.Now()
		for range 40 { // no query comes through for the first 40 s
			h.bank.queryFates = []fate{lostBefore, lostBefore}
			h.pass(t, time.Second)
			if !looks {
				continue
			}
			h.hints = nil
			h.get(t, b.ID)
			for _, id := range h.hints {
				a, err := h.store.Attempt(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				h.ask(t, a)
			}
		}
		h.bank.queryFates = nil
		for h.get(t, b.ID).State == flow.Processing {
			h.pass(t, time.Second)
		}
		return h.Now().Sub(begun)
	}
	never, often := foundAfter(false), foundAfter(true)
	if often > never || never > 90*time.Second {
		t.Errorf("found out after %v without looking, %v with", never, often)
	}
}

// A bank that was silent for days and then says "not found" is asked again soon.
func TestNotFoundAfterALongSilence(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.bank.fates = []fate{lostBefore}
	b := h.create(t)
	for range 9 {
		h.bank.queryFates = []fate{lostBefore}
		h.add(24*time.Hour + time.Second)
		h.find(t)
	}
	h.add(24*time.Hour + time.Second)
	for range 30 {
		h.pass(t, time.Second)
	}
	if got := h.get(t, b.ID); got.State != flow.Failed {
		t.Errorf("30 s after the bank has begun to speak: %s", got.State)
	}
}

// A bank ends an agreement before the gateway knows that it was made.
func TestNoticeBeforeTheAgreementIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		fates []fate // of the confirm
		state string // before the outcome is found out
	}{
		"while the confirm is unknown":   {[]fate{lostAfter}, flow.Processing},
		"while the confirm is under way": {nil, flow.Active},
	} {
		t.Run(name, func(t *testing.T) {
			set := shipped(t)
			h := newHouse(t, t.TempDir(), set)
			b := h.create(t)
			notice := op.Notice{Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: "SGN1", Number: "N-1", Heard: "it has ended"}
			h.store.before = func(c journal.Change) error {
				if a := c.Attempts; len(a) == 0 || a[0].Kind != op.Confirm || !a[0].Settled || len(h.bank.live()) == 0 {
					return nil
				}
				h.bank.agreements["SGN1"].live = false
				for range 2 {
					if err := h.flow.Heard(t.Context(), notice); err != nil {
						t.Error(err)
					}
				}
				return nil
			}
			h.bank.fates = c.fates
			if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != c.state {
				t.Fatalf("got %+v, %v", got, err)
			}
			h.wire(set) // and the process that heard it is gone
			h.pass(t, time.Minute)
			if got := h.get(t, b.ID); got.State != flow.Revoked || got.Agreement != "SGN1" {
				t.Errorf("got %s with agreement %q", got.State, got.Agreement)
			}
			if _, err := h.store.Sealed(t.Context(), b.ID); err == nil {
				t.Error("the card is still in the vault")
			}
			if kept, err := h.store.Notices(t.Context(), b.ID); err != nil || len(kept) != 1 || kept[0].ID != "N-1" {
				t.Errorf("the bank has said it once, and kept is %+v, %v", kept, err)
			}
			if again := h.create(t); again.State != flow.AwaitingCode {
				t.Errorf("bound again: %s", again.State)
			}
		})
	}
}
