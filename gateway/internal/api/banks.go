package api

import (
	"context"
	"time"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/guard"
	"kaqiao/profiles"
)

// ListBanks shows every bank.
func (s *Server) ListBanks(ctx context.Context, _ gen.ListBanksRequestObject) (gen.ListBanksResponseObject, error) {
	now := s.Now()
	page := gen.BankPage{Banks: make([]gen.Bank, len(s.Set.Banks))}
	for i, b := range s.Set.Banks {
		page.Banks[i] = s.bank(b, now, false)
	}
	return s.ok(ctx, page)
}

// GetBank shows one.
func (s *Server) GetBank(ctx context.Context, r gen.GetBankRequestObject) (gen.GetBankResponseObject, error) {
	b := s.Set.Bank(r.ID)
	if b == nil {
		return nil, notFound()
	}
	return s.ok(ctx, s.bank(b, s.Now(), true))
}

// bank shows a bank, whole or as it stands in a list.
func (s *Server) bank(b *profiles.Bank, now time.Time, whole bool) gen.Bank {
	own, _ := s.Gates.Snapshot(guard.OfBank, b.ID)
	channels := make([]guard.Snapshot, len(b.Routes))
	out := gen.Bank{
		ID: b.ID, Tier: gen.Tier(b.Tier), Name: gen.Text{Zh: b.Name.ZH, En: b.Name.EN},
		Open: b.ClosedAt(now) == profiles.Hours{}, QuietHours: b.QuietHours.String(), ChallengeKinds: kinds(b), Limits: limits(b),
		Channels: make([]string, len(b.Routes)), AccountClasses: make([]gen.BankAccountClasses, len(b.Accounts.Classes)),
	}
	for i, route := range b.Routes {
		out.Channels[i] = route.Channel
		channels[i], _ = s.Gates.Snapshot(guard.OfChannel, route.Channel)
		if whole {
			out.ChannelHealth = append(out.ChannelHealth, gen.ChannelHealth{ID: route.Channel, Health: gateHealth(channels[i], nil, true)})
		}
	}
	out.Health = gateHealth(own, channels, whole)
	if whole && out.Health.State != gen.HealthStateHealthy {
		out.Health.Because = because(gen.HealthReasonGateBank, b.ID, own)
		for i, channel := range channels {
			out.Health.Because = append(out.Health.Because, because(gen.HealthReasonGateChannel, b.Routes[i].Channel, channel)...)
		}
	}
	for i, class := range b.Accounts.Classes {
		out.AccountClasses[i] = gen.BankAccountClasses(class)
	}
	for _, hours := range b.Closed {
		out.Closed = append(out.Closed, hours.String())
	}
	return out
}

func summary(b *profiles.Bank) gen.BankSummary {
	return gen.BankSummary{ID: b.ID, Tier: gen.Tier(b.Tier), Name: gen.Text{Zh: b.Name.ZH, En: b.Name.EN}}
}

func kinds(b *profiles.Bank) []gen.ChallengeKind {
	out := make([]gen.ChallengeKind, len(b.Challenge.Kinds))
	for i, kind := range b.Challenge.Kinds {
		out[i] = gen.ChallengeKind(kind)
	}
	return out
}

func limits(b *profiles.Bank) gen.MoneyLimits {
	out := gen.MoneyLimits{Single: yuan(b.Money.SingleFen), Daily: yuan(b.Money.DailyFen)}
	if b.Accounts.PasswordFree.Supported {
		out.PasswordFree = yuan(b.Accounts.PasswordFree.MaxFen)
	}
	return out
}
