package flow_test

import (
	"errors"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

const createRoute = "POST /v1/bindings"

func TestReplay(t *testing.T) {
	for name, c := range map[string]struct{ fate fate }{
		"accepted": {arrives}, "refused": {turnedDown}, "not sent": {noLine}, "unknown": {lostAfter},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			k := keyed(createRoute, "k1", "body")
			if _, _, done, err := h.flow.Replay(t.Context(), k); done || err != nil {
				t.Fatalf("before it was used: %v, %v", done, err)
			}
			h.bank.fates = []fate{c.fate}
			b, err := h.flow.Create(t.Context(), request(), k)
			var p *op.Problem
			errors.As(err, &p)
			status, body := render(b, p)
			for range 2 {
				gotStatus, gotBody, done, err := h.flow.Replay(t.Context(), k)
				if !done || err != nil || gotStatus != status || string(gotBody) != string(body) {
					t.Errorf("got %d %s, %v, %v\nwant %d %s", gotStatus, gotBody, done, err, status, body)
				}
				h.pass(t, time.Minute) // whatever becomes of it, the answer stands
			}
			_, _, done, err := h.flow.Replay(t.Context(), keyed(createRoute, "k1", "another body"))
			if p := problem(t, err); done || p.Reason != op.IdempotencyConflict || p.RetryAfterS != 0 {
				t.Errorf("another body: %+v", p)
			}
			for _, other := range []flow.Keyed{keyed(createRoute, "k2", "body"), keyed("DELETE x", "k1", "body"), {Caller: "other", Route: createRoute, Key: "k1", Fingerprint: []byte("body")}, {}} {
				if _, _, done, err := h.flow.Replay(t.Context(), other); done || err != nil {
					t.Errorf("%+v: %v, %v", other, done, err)
				}
			}
		})
	}
}

func TestTheSameRequestTwiceAtOnce(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	k := keyed(createRoute, "k1", "body")
	inside := false
	h.store.before = func(c journal.Change) error {
		if len(c.Attempts) == 1 && c.Attempts[0].Settled && !inside { // the first is away at the bank
			inside = true
			_, _, done, err := h.flow.Replay(t.Context(), k)
			if p := problem(t, err); done || p.Reason != op.IdempotencyConflict || p.RetryAfterS == 0 {
				t.Errorf("replay while it runs: %+v", p)
			}
			_, err = h.flow.Create(t.Context(), request(), k)
			if p := problem(t, err); p.Reason != op.IdempotencyConflict || p.RetryAfterS == 0 {
				t.Errorf("create while it runs: %+v", p)
			}
		}
		return nil
	}
	if _, err := h.flow.Create(t.Context(), request(), k); err != nil || !inside {
		t.Fatal(err, inside)
	}
	if h.bank.counts[op.Apply] != 1 {
		t.Errorf("the bank was asked %d times", h.bank.counts[op.Apply])
	}
}

// The process that ran a request is gone: the key answers the present state, and keeps to it.
func TestReplayOfARequestThatDied(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	b := h.create(t)
	k := keyed("POST /v1/bindings/"+b.ID+"/confirm", "k1", "")
	died := errors.New("process died")
	h.store.before = func(c journal.Change) error {
		if c.Attempts[0].Settled {
			return died
		}
		return nil
	}
	got, err := h.flow.Confirm(t.Context(), "wallet", b.ID, secret.NewCode(canaryCode), secret.CVV{}, secret.Expiry{}, k)
	if err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.store.before = nil
	h.wire(set)
	if _, _, _, err := h.flow.Replay(t.Context(), k); problem(t, err).RetryAfterS == 0 {
		t.Errorf("while it may still run: %v", err)
	}
	h.pass(t, 14*time.Second)
	status, body, done, err := h.flow.Replay(t.Context(), k)
	want, text := render(h.get(t, b.ID), nil)
	if !done || err != nil || status != want {
		t.Fatalf("got %d %s, %v, %v, want %d %s", status, body, done, err, want, text)
	}
	for range 2 {
		again, same, done, err := h.flow.Replay(t.Context(), k)
		if !done || err != nil || again != status || string(same) != string(body) {
			t.Errorf("the second replay differs: %d %s, %v, %v", again, same, done, err)
		}
		h.pass(t, time.Minute)
	}
	if h.get(t, b.ID).State != flow.Active {
		t.Errorf("got %s", h.get(t, b.ID).State)
	}
}

func TestKeysOfLocalSteps(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	k := keyed("POST /v1/bindings/"+b.ID+"/cancel", "k1", "")
	got, err := h.flow.Cancel(t.Context(), "wallet", b.ID, k)
	if err != nil {
		t.Fatal(err)
	}
	status, body, done, err := h.flow.Replay(t.Context(), k)
	if want, text := render(got, nil); !done || err != nil || status != want || string(body) != string(text) {
		t.Errorf("got %d %s, %v, %v", status, body, done, err)
	}
}
