package flow

import (
	"context"
	"slices"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// Resolve implements API. A typed number is told about whatever it is; of
// photographed ones the best must stand all checks alone, else the card comes
// back zero: a person must type it.
func (s *Service) Resolve(_ context.Context, platform string, cards []Candidate) (Resolution, secret.Card, error) {
	var found faults
	if platform != "" && s.cfg.Set.Platform(platform) == nil {
		found.misfit(op.Field{Pointer: "/platform", Message: "must be a platform of this gateway"})
	}
	card, why := s.recognised(cards)
	if len(cards) == 1 && cards[0].Typed {
		card = cards[0].Number
	}
	if card.IsZero() && len(found) == 0 {
		return Resolution{ManualReason: why}, secret.Card{}, nil
	}
	number := card.Reveal()
	row, known := s.cfg.Set.BINs.Lookup(number)
	if !known && !card.IsZero() {
		_, p := s.card(number)
		found.add(p.Reason, p.Detail, "/number", p.Fields[0].Message)
	}
	if p := s.cfg.Set.Platform(platform); known && p != nil && !slices.Contains(p.Schemes, row.Scheme) {
		found.add(op.UnsupportedOnPlatform, "the platform does not take cards of this network", "/platform", "must be a platform that takes cards of this network")
	}
	if p := found.problem(); p != nil {
		return Resolution{}, secret.Card{}, p
	}
	out := Resolution{Row: row, Bank: s.cfg.Set.Bank(row.Bank), LuhnOK: row.NoLuhn || bins.Luhn(number)}
	out.Elements = elements(row)
	if out.Bank != nil {
		out.Open = out.Bank.ClosedAt(s.cfg.Now()) == profiles.Hours{}
		for _, r := range out.Bank.Routes {
			out.Channels = append(out.Channels, r.Channel)
		}
	}
	return out, card, nil
}

// elements are what a bank compares: four, and six of a credit card (M01).
func elements(row bins.Row) []string {
	four := []string{"name", "document", "card", "mobile"}
	if row.Type == "credit" {
		return append(four, "cvv", "expiry")
	}
	return four
}
