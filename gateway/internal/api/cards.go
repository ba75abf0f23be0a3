package api

import (
	"context"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
)

// ResolveCard tells a card from its number or from a recogniser's candidates.
func (s *Server) ResolveCard(ctx context.Context, r gen.ResolveCardRequestObject) (gen.ResolveCardResponseObject, error) {
	candidates := make([]flow.Candidate, 0, len(r.Body.Candidates)+1)
	for _, c := range r.Body.Candidates {
		candidates = append(candidates, flow.Candidate{Number: c.Number, Confidence: c.Confidence})
	}
	typed := !r.Body.Number.IsZero()
	if typed == (len(candidates) > 0) {
		return nil, &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Detail: "send exactly one of number and candidates", Fields: []op.Field{
			{Pointer: "/number", Message: "exactly one of number and candidates is required"},
			{Pointer: "/candidates", Message: "exactly one of number and candidates is required"},
		}}
	}
	if typed {
		candidates = append(candidates, flow.Candidate{Number: r.Body.Number, Confidence: 1, Typed: true})
	}
	found, card, err := s.Flow.Resolve(ctx, r.Body.Platform, candidates)
	if err != nil {
		return nil, err
	}
	if card.IsZero() {
		return s.ok(ctx, gen.CardResolution{
			Result: gen.CardResolutionResultManualEntryRequired, ManualReason: gen.CardResolutionManualReason(found.ManualReason),
		})
	}
	out := s.resolution(found, card.Reveal())
	if !typed {
		for i, c := range candidates {
			if c.Number.Reveal() == card.Reveal() {
				out.Candidate = &i
				break
			}
		}
	}
	return s.ok(ctx, out)
}

func (s *Server) resolution(found flow.Resolution, number string) gen.CardResolution {
	served, online := found.Bank != nil, !found.Row.Offline
	out := gen.CardResolution{
		Result: gen.CardResolutionResultCard, Served: &served, Issuer: found.Row.Table, Channels: found.Channels,
		Card: gen.BindingCard{
			Last4: number[max(0, len(number)-4):], Type: gen.CardType(found.Row.Type), Scheme: gen.Scheme(found.Row.Scheme),
		},
		Length: int(found.Row.Length), Luhn: &found.LuhnOK, OnlinePayment: &online,
	}
	for _, e := range found.Elements {
		out.Elements = append(out.Elements, gen.CardResolutionElements(e))
	}
	if served {
		out.Bank = summary(found.Bank)
		out.ChallengeKinds = kinds(found.Bank)
		out.Limits = limits(found.Bank)
		out.QuietHours = found.Bank.QuietHours.String()
		out.Open = &found.Open
	}
	return out
}
