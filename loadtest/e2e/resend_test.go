package e2e

import (
	"slices"
	"testing"

	"kaqiao/gateway/client"
)

// Nobody keeps a credit card's CVV and expiry, and the bank wants both with
// each request for a code: so the wallet brings them again for another code, and only then.
func TestAnotherCodeOfACreditCard(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "icbc", "credit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), "")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Next.Requires, []client.NextRequires{"code"}) ||
		!slices.Equal(a.Challenge.ResendRequires, []client.ChallengeResendRequires{"card.cvv", "card.expiry"}) {
		t.Fatalf("confirm wants %v, another code %v", a.Next.Requires, a.Challenge.ResendRequires)
	}
	first := p.code(t, "icbc", c, "")
	before := p.asked(t)
	_, err = p.client.Challenge(t.Context(), a.ID, client.ChallengeRequest{}, "")
	if refused := problem(t, err); refused.Code != "validation" || !slices.Equal(pointers(refused), []string{"/card/cvv", "/card/expiry"}) {
		t.Errorf("without: %s %v", refused.Code, pointers(refused))
	}
	if n := p.asked(t) - before; n != 0 {
		t.Errorf("the bank was asked %d times", n)
	}
	card := client.CardAnew{Cvv: c.Cards[0].CVV.Reveal(), Expiry: c.Cards[0].Expiry.Reveal()}
	if a, err = p.client.Challenge(t.Context(), a.ID, client.ChallengeRequest{Card: card}, ""); err != nil || a.State != "awaiting_code" {
		t.Fatalf("another code: %s, %v", a.State, err)
	}
	code := p.code(t, "icbc", c, first.ID).Code.Reveal()
	if a, err = p.client.Confirm(t.Context(), a.ID, client.ConfirmRequest{Code: code}, ""); err != nil || a.State != "active" {
		t.Fatalf("confirm: %s, %v", a.State, err)
	}
	p.mustAgree(t)
}

// The bank looks at the two when another code is asked for, so a wrong one is refused there.
func TestAnotherCodeWithAWrongCVV(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "icbc", "credit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), "")
	if err != nil {
		t.Fatal(err)
	}
	code := p.code(t, "icbc", c, "").Code.Reveal()
	cvv := []byte(c.Cards[0].CVV.Reveal())
	cvv[0] = '0' + (cvv[0]-'0'+1)%10
	card := client.CardAnew{Cvv: string(cvv), Expiry: c.Cards[0].Expiry.Reveal()}
	_, err = p.client.Challenge(t.Context(), a.ID, client.ChallengeRequest{Card: card}, "")
	if refused := problem(t, err); refused.Code != "cvv_mismatch" {
		t.Errorf("refused with %s", refused.Code)
	}
	// The earlier code counts still.
	if a, err = p.client.Confirm(t.Context(), a.ID, client.ConfirmRequest{Code: code}, ""); err != nil || a.State != "active" {
		t.Fatalf("confirm: %s, %v", a.State, err)
	}
	p.mustAgree(t)
}

func pointers(p *client.Problem) []string {
	var all []string
	for _, f := range p.Errors {
		all = append(all, f.Pointer)
	}
	return all
}
