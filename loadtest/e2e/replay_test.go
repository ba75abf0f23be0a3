package e2e

import (
	"testing"

	"kaqiao/gateway/client"
)

// The same key gives the same answer, and the bank is asked once.
func TestTheSameKeyGivesTheSameAnswer(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 2)
	key := client.NewKey()
	first, err := p.client.Create(t.Context(), request(c[0]), key)
	if err != nil {
		t.Fatal(err)
	}
	asked := p.asked(t)
	again, err := p.client.Create(t.Context(), request(c[0]), key)
	if err != nil || again.ID != first.ID || again.State != first.State || again.Status != first.Status || !again.Replayed || first.Replayed {
		t.Errorf("replayed as %s %s (%d, replayed %v), %v", again.ID, again.State, again.Status, again.Replayed, err)
	}
	_, err = p.client.Create(t.Context(), request(c[1]), key)
	if got := problem(t, err); got.Code != "idempotency_conflict" || got.Meta.Status != 422 {
		t.Errorf("the same key with another body: %v", got)
	}
	if now := p.asked(t); now != asked {
		t.Errorf("the bank was asked %d times more", now-asked)
	}

	code := p.code(t, "abc", c[0], "").Code.Reveal()
	key = client.NewKey()
	signed, err := p.client.Confirm(t.Context(), first.ID, confirmation(first, c[0], code), key)
	if err != nil || signed.State != "active" {
		t.Fatalf("confirm: %s, %v", signed.State, err)
	}
	asked = p.asked(t)
	again, err = p.client.Confirm(t.Context(), first.ID, confirmation(first, c[0], code), key)
	if err != nil || again.State != "active" || again.Agreement.Number != signed.Agreement.Number {
		t.Errorf("replayed as %s, %v", again.State, err)
	}
	if now := p.asked(t); now != asked {
		t.Errorf("the bank was asked %d times more", now-asked)
	}
	p.mustAgree(t)
}

// A refusal is replayed like any other answer.
func TestARefusalIsReplayed(t *testing.T) {
	p := startPair(t)
	in := request(p.customers(t, "abc", "debit", 1)[0])
	in.Holder.Name = "王某某"
	key := client.NewKey()
	_, err := p.client.Create(t.Context(), in, key)
	first := problem(t, err)
	if first.Code != "name_mismatch" || first.Category != "information" || first.Outcome != "refused" {
		t.Fatalf("a wrong name: %v", first)
	}
	asked := p.asked(t)
	_, err = p.client.Create(t.Context(), in, key)
	if again := problem(t, err); again.Code != first.Code || again.Meta.Status != first.Meta.Status {
		t.Errorf("replayed as %v", again)
	}
	if now := p.asked(t); now != asked {
		t.Errorf("the bank was asked %d times more", now-asked)
	}
}

// The third wrong code locks; nothing is signed.
func TestWrongCodes(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	wrong := "000000"
	if p.code(t, "abc", c, "").Code.Reveal() == wrong {
		wrong = "000001"
	}
	for i, want := range []client.ProblemCode{"code_wrong", "code_wrong", "code_locked"} {
		_, err := p.client.Confirm(t.Context(), a.ID, client.ConfirmRequest{Code: wrong}, client.NewKey())
		got := problem(t, err)
		if got.Code != want {
			t.Errorf("wrong code %d: %s, want %s", i+1, got.Code, want)
		}
		if want == "code_wrong" && (got.AttemptsLeft == nil || *got.AttemptsLeft != 2-i) {
			t.Errorf("wrong code %d: attempts left %v", i+1, got.AttemptsLeft)
		}
	}
	if got := p.agreements(t, "abc", c); len(got) != 0 {
		t.Errorf("the bank says %+v", got)
	}
	p.mustAgree(t)
}
