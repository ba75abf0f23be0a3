package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Create implements API: every check that needs no bank, then the bank's own.
func (s *Service) Create(ctx context.Context, in NewBinding, k Keyed) (Binding, error) {
	now := s.cfg.Now()
	checked, p := s.check(in, now, op.Apply)
	if p != nil {
		return Binding{}, p
	}
	bank, way := checked.bank, checked.way
	for _, skipped := range way.Skipped {
		s.cfg.Log.DebugContext(ctx, "a route was not taken", "bank", bank.ID, "channel", skipped.Channel, "why", skipped.Why)
	}
	if !way.Found {
		return Binding{}, &op.Problem{Reason: op.ChannelUnavailable, Outcome: op.NotSent, Bank: bank.ID, Detail: "none of the bank's channels is connected"}
	}
	number, err := s.number(ctx, way.Channel, now)
	if err != nil {
		return Binding{}, err
	}
	b := journal.Binding{
		ID: s.id("bnd_", now), Version: 1,
		Caller: in.Caller, UserID: in.UserID, Platform: in.Platform,
		Bank: bank.ID, Tier: bank.Tier, Channel: way.Channel, Member: way.Member,
		State:    s.table[""][meantApply].to,
		CardHash: s.cfg.Vault.CardHash(in.Card), CardLast4: last4(in.Card.Reveal()),
		CardType: checked.row.Type, CardScheme: checked.row.Scheme,
		Challenge: journal.Challenge{To: reached(bank, in)},
		Number:    number, Begun: now, PasswordFree: in.PasswordFree,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(s.cfg.SessionTTL),
	}
	b.Live = live(b.State)
	wallet := account(in.Caller, in.Platform, in.UserID)
	sealed, err := s.cfg.Vault.Seal(b.ID, checked.person, wallet)
	if err != nil {
		return Binding{}, err
	}
	o := op.Operation{
		Kind: op.Apply, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: number, At: now, Begun: now,
		Person: checked.person, Account: wallet,
	}
	return s.carry(ctx, step{binding: b, op: o, sealed: &sealed, keyed: k})
}

// account is the wallet account under which a bank knows the user: the same
// for all of a user's cards, of bounded length, and nothing that a bank could read a user's name from.
func account(caller, platform, user string) string {
	sum := sha256.Sum256([]byte(caller + "\x00" + platform + "\x00" + user))
	return hex.EncodeToString(sum[:16])
}

// reached is how the bank reaches the customer, masked: by e-mail where that is
// its first way, and by telephone otherwise. Empty: at an address that the caller has not told.
func reached(bank *profiles.Bank, in NewBinding) string {
	if firstKind(bank.Challenge.Kinds, false) == "email" {
		return in.Email.String()
	}
	return in.Mobile.String()
}

func last4(number string) string { return number[max(0, len(number)-4):] }
