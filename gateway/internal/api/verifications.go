package api

import (
	"context"
	"encoding/json"
	"net/http"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
)

// CreateVerification has a bank check a holder's details and binds nothing.
func (s *Server) CreateVerification(ctx context.Context, r gen.CreateVerificationRequestObject) (gen.CreateVerificationResponseObject, error) {
	this := callOf(ctx)
	in := asked(ctx, r.Body.UserID, r.Body.Platform, r.Body.IdentityLevel, r.Body.Card, r.Body.Holder, r.Body.Terminal)
	keyed := s.keyed(this)
	keyed.Verified = func(v flow.Verification, p *op.Problem) (int, []byte) { return s.verification(this, v, p) }
	if a, err := s.replayed(ctx, this, keyed); a != nil || err != nil {
		return a, err
	}
	v, err := s.Flow.Verify(ctx, in, keyed)
	this.bank = v.Bank
	p, special, ok := problemOf(err)
	if err != nil && (!ok || special != nil) {
		return nil, err
	}
	if p != nil {
		this.code, this.bank = p.Reason, p.Bank
	}
	code, body := s.verification(this, v, p)
	a := s.answer(this, code, body)
	a.number, a.bankTook = v.AttemptNumber, v.BankTook
	return a, nil
}

func (s *Server) verification(this *call, v flow.Verification, p *op.Problem) (int, []byte) {
	if p != nil {
		return s.document(p, this)
	}
	out := gen.Verification{
		Result: gen.VerificationResultMatched, Bank: gen.BindingBank{ID: v.Bank, Tier: gen.Tier(v.Tier)}, Channel: v.Channel,
		Card:       gen.BindingCard{Last4: v.CardLast4, Type: gen.CardType(v.CardType), Scheme: gen.Scheme(v.CardScheme)},
		VerifiedAt: beijing(v.At),
	}
	for _, e := range v.Elements {
		out.Elements = append(out.Elements, gen.VerificationElements(e))
	}
	body, err := json.Marshal(out)
	if err != nil {
		return s.document(&op.Problem{Reason: op.Internal, Detail: "the answer could not be written"}, this)
	}
	return http.StatusOK, body
}
