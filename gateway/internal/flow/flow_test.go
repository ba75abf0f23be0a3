package flow_test

import (
	"context"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// Where a bank writes to people, its challenge says to which address, as far as the caller has told.
func TestChallengeByEmail(t *testing.T) {
	for address, want := range map[string]string{"zhangsan@mail.example": "z****@mail.example", "": ""} {
		set := shipped(t)
		set.Bank("abc").Challenge.Kinds = []string{"email", "phone"}
		h := newHouseOf(t, t.TempDir(), set, approving)
		in := request()
		in.Email = secret.NewEmail(address)
		b, err := h.flow.Create(t.Context(), in, flow.Keyed{})
		if err != nil || b.Challenge.Kind != "email" || b.Challenge.To != want {
			t.Errorf("%q: %+v, %v", address, b.Challenge, err)
		}
	}
}

func TestBindAndUnbind(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	if b.State != flow.AwaitingCode || b.Bank != "abc" || b.Tier != "state" || b.Channel != "nucc" || b.CardLast4 != "0018" || b.Class != "I" {
		t.Fatalf("created: %+v", b)
	}
	c := b.Challenge
	if c.Kind != "sms" || c.To != "138****8000" || !c.ExpiresAt.Equal(start.Add(5*time.Minute)) || !c.ResendAt.Equal(start.Add(time.Minute)) || c.AttemptsLeft != 3 {
		t.Errorf("challenge: %+v", c)
	}
	if b.Next.Action != "confirm" || len(b.Next.Requires) != 1 || !b.Next.Before.Equal(c.ExpiresAt) || b.AttemptNumber == "" {
		t.Errorf("next: %+v, number %q", b.Next, b.AttemptNumber)
	}

	b, err := h.confirm(b.ID, canaryCode)
	if err != nil || b.State != flow.Active || b.Agreement != "SGN1" || b.Next.Action != "none" {
		t.Fatalf("confirmed: %+v, %v", b, err)
	}
	if a := h.bank.agreements["SGN1"]; !a.live || len(a.account) != 32 {
		t.Errorf("the bank has %+v", a)
	}
	again, err := h.confirm(b.ID, canaryCode)
	if err != nil || again.State != flow.Active || h.bank.counts[op.Confirm] != 1 {
		t.Errorf("confirmed again: %+v, %v", again, err)
	}

	b, err = h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{})
	if err != nil || b.State != flow.Revoked || len(h.bank.live()) != 0 {
		t.Fatalf("revoked: %+v, %v; the bank has %v", b, err, h.bank.live())
	}
	if _, err := h.store.Sealed(t.Context(), b.ID); err == nil {
		t.Error("the card is still in the vault")
	}
	history := h.get(t, b.ID).History
	if len(history) != 3 || history[0].Kind != op.Apply && history[1].Kind != op.Apply && history[2].Kind != op.Apply {
		t.Errorf("history: %+v", history)
	}
	for _, a := range history {
		if !a.Settled || a.Outcome != op.Accepted || !a.AskAt.IsZero() {
			t.Errorf("attempt: %+v", a)
		}
	}
	if again := h.create(t); again.State != flow.AwaitingCode {
		t.Errorf("the card can't be bound again: %+v", again)
	}
	if leaks := h.leaks(); leaks != nil {
		t.Errorf("written down: %v", leaks)
	}
}
