package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// checked is what the checks have made of a request.
type checked struct {
	person op.Person
	row    bins.Row
	bank   *profiles.Bank
}

// check is everything that can be said before a bank is asked, in the order in
// which a person would want to hear it: the phone, the wallet, the card, the holder.
func (s *Service) check(in NewBinding, now time.Time) (checked, *op.Problem) {
	platform := s.cfg.Set.Platform(in.Platform)
	if platform == nil {
		return checked{}, invalid(op.Field{Pointer: "/platform", Message: "must be a platform of this gateway"})
	}
	if p := checkTerminal(in.Terminal, platform.Terminal); p != nil {
		return checked{}, p
	}
	if !slices.Contains(platform.Documents, in.DocumentType) {
		return checked{}, notHere("/holder/document/type", "the platform does not take this type of document")
	}
	row, p := s.card(in.Card.Reveal())
	if p != nil {
		return checked{}, p
	}
	if !slices.Contains(platform.Schemes, row.Scheme) {
		return checked{}, notHere("/card/number", "the platform does not take cards of this network")
	}
	bank := s.cfg.Set.Bank(row.Bank)
	if bank == nil {
		return checked{}, &op.Problem{Reason: op.CardInvalid, Outcome: op.NotSent, Detail: "the card's issuer is not served here",
			Fields: []op.Field{{Pointer: "/card/number", Message: "must be a card of a bank that is served"}}}
	}
	name, ok := normaliseName(in.Name.Reveal())
	if !ok {
		return checked{}, &op.Problem{Reason: op.NameFormat, Outcome: op.NotSent, Bank: bank.ID, Detail: "the name has the wrong form",
			Fields: []op.Field{{Pointer: "/holder/name", Message: nameRule}}}
	}
	document, fields := checkDocument(in.DocumentType, in.Document.Reveal(), now)
	fields = append(fields, s.checkFields(in, row, bank)...)
	if fields != nil {
		p := invalid(fields...)
		p.Bank = bank.ID
		return checked{}, p
	}
	if !in.Expiry.IsZero() && expired(in.Expiry.Reveal(), now) {
		return checked{}, &op.Problem{Reason: op.CardExpired, Outcome: op.NotSent, Bank: bank.ID, Detail: "the card's month of expiry is over",
			Fields: []op.Field{{Pointer: "/card/expiry", Message: "must not be in the past"}}}
	}
	return checked{row: row, bank: bank, person: op.Person{
		Card: in.Card, CardType: row.Type, Name: secret.NewName(name), DocumentType: in.DocumentType,
		Document: secret.NewDocument(document), Mobile: in.Mobile, CVV: in.CVV, Expiry: in.Expiry,
	}}, nil
}

// card tells a card from its number: the table first, because it knows which cards carry no Luhn digit.
func (s *Service) card(number string) (bins.Row, *op.Problem) {
	wrong := func(detail, message string) (bins.Row, *op.Problem) {
		return bins.Row{}, &op.Problem{Reason: op.CardInvalid, Outcome: op.NotSent, Detail: detail,
			Fields: []op.Field{{Pointer: "/card/number", Message: message}}}
	}
	row, known := s.cfg.Set.BINs.Lookup(number)
	switch {
	case !isDigits(number) || len(number) < 13 || len(number) > 19:
		return wrong("this is no card number", "must be 13 to 19 digits")
	case (!known || !row.NoLuhn) && !bins.Luhn(number):
		return wrong("the card number's check digit is wrong", "must end in its Luhn digit")
	case !known:
		return wrong("no issuer is known for this card number", "must begin with the prefix of a known issuer and have its length")
	}
	return row, nil
}

// checkFields names every other field at fault.
func (s *Service) checkFields(in NewBinding, row bins.Row, bank *profiles.Bank) []op.Field {
	var fields []op.Field
	at := func(pointer, message string) { fields = append(fields, op.Field{Pointer: pointer, Message: message}) }
	if national, ok := strings.CutPrefix(in.Mobile.Reveal(), "+86"); !ok || len(national) != 11 || !isDigits(national) || national[0] != '1' {
		at("/holder/mobile", "must be +86 and 11 digits that begin with 1")
	}
	credit := row.Type == "credit"
	cvv, expiry := in.CVV.Reveal(), in.Expiry.Reveal()
	if (cvv != "" || credit) && (!isDigits(cvv) || len(cvv) < 3 || len(cvv) > 4) {
		at("/card/cvv", "must be 3 or 4 digits; a credit card needs it")
	}
	if _, err := time.Parse("2006-01", expiry); (expiry != "" || credit) && err != nil {
		at("/card/expiry", "must be YYYY-MM; a credit card needs it")
	}
	return append(fields, s.checkPasswordFree(bank.ID, in.PasswordFree, "/agreement/password_free")...)
}

func (s *Service) checkPasswordFree(bankID string, want journal.PasswordFree, pointer string) []op.Field {
	if !want.Enabled {
		return nil
	}
	var of profiles.PasswordFree
	if bank := s.cfg.Set.Bank(bankID); bank != nil {
		of = bank.Accounts.PasswordFree
	}
	switch {
	case !of.Supported:
		return []op.Field{{Pointer: pointer + "/enabled", Message: "must be false: the bank does not open password-free payment"}}
	case want.LimitFen < 1 || want.LimitFen > of.MaxFen:
		return []op.Field{{Pointer: pointer + "/limit/minor", Message: fmt.Sprintf("must be 1 to %d fen", of.MaxFen)}}
	}
	return nil
}

// expired: a card is good to the end of its month, in Beijing.
func expired(expiry string, now time.Time) bool {
	return expiry < now.In(profiles.Beijing).Format("2006-01")
}

func invalid(fields ...op.Field) *op.Problem {
	return &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Detail: "some fields are not as they must be", Fields: fields}
}

func notHere(pointer, detail string) *op.Problem {
	return &op.Problem{Reason: op.UnsupportedOnPlatform, Outcome: op.NotSent, Detail: detail, Fields: []op.Field{{Pointer: pointer, Message: detail}}}
}
