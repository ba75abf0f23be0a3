package e2e

import (
	"errors"
	"testing"
	"time"

	"kaqiao/gateway/app"
	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// Cards are bound with everything sealed that can be, while one key follows
// another under the running gateway; nothing of them lies in its files.
func TestSealedBindings(t *testing.T) {
	p := startPair(t)
	people := p.customers(t, "abc", "credit", 2)
	sealer := p.sealer(t)
	var codes []string
	for i, c := range people {
		in, err := sealer.Binding(request(c))
		if err != nil {
			t.Fatal(err)
		}
		key := client.NewKey()
		a, err := p.client.Create(t.Context(), in, key)
		if err != nil {
			t.Fatal(err)
		}
		code := p.code(t, "abc", c, "").Code.Reveal()
		codes = append(codes, code)
		if i == 0 { // the next key is there; this one still opens
			if _, err := app.AddEnvelopeKey(p.gatewayDir, time.Now(), time.Hour, 0); err != nil {
				t.Fatal(err)
			}
		}
		// Sealed anew it is the same request.
		again, err := p.sealer(t).Binding(request(c))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := p.client.Create(t.Context(), again, key); err != nil || b.ID != a.ID || !b.Replayed {
			t.Errorf("the same request, sealed again: %v, %v", b.Meta, err)
		}
		confirm, err := sealer.Confirm(confirmation(a, c, code))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.client.Confirm(t.Context(), a.ID, confirm, client.NewKey()); err != nil {
			t.Fatal(err)
		}
		if done := p.decided(t, a.ID); done.State != "active" {
			t.Errorf("the binding is %s", done.State)
		}
	}
	p.mustAgree(t)
	p.revokedKey(t, sealer)
	kept := filesIn(t, p.gatewayDir)
	kept["log"] = p.logs.bytes()
	scan(t, "running", kept, people, codes)
}

func (p *pair) sealer(t testing.TB) *client.Sealer {
	t.Helper()
	s, err := p.client.Sealer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// revokedKey: what is sealed to a revoked key is refused with what to do, and the new key serves.
func (p *pair) revokedKey(t *testing.T, old *client.Sealer) {
	t.Helper()
	keys, err := p.client.Keys(t.Context())
	if err != nil || len(keys) != 2 || keys[0].State != "active" || keys[1].State != "retiring" {
		t.Fatalf("keys %+v, %v", keys, err)
	}
	if err := app.RevokeEnvelopeKey(p.gatewayDir, keys[1].ID); err != nil {
		t.Fatal(err)
	}
	c := p.customers(t, "abc", "debit", 1)[0]
	in, err := old.Binding(request(c))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.client.Create(t.Context(), in, client.NewKey())
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Code != "envelope_key_invalid" || len(problem.Errors) != 2 || problem.Outcome != "not_sent" {
		t.Errorf("a revoked key: %v", err)
	}
	p.bindSealed(t, c)
}

func (p *pair) bindSealed(t *testing.T, c control.Customer) {
	t.Helper()
	in, err := p.sealer(t).Binding(request(c))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Create(t.Context(), in, client.NewKey()); err != nil {
		t.Errorf("the new key: %v", err)
	}
}
