package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/route"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// checked is what the checks have made of a request.
type checked struct {
	person op.Person
	row    bins.Row
	bank   *profiles.Bank
	way    route.Choice
}

// Faults implements API.
func (s *Service) Faults(in NewBinding) []op.Field {
	_, found := s.look(in, s.cfg.Now(), op.Apply)
	return found.fields()
}

// check is everything that can be said before a bank is asked.
func (s *Service) check(in NewBinding, now time.Time, kind op.Kind) (checked, *op.Problem) {
	out, found := s.look(in, now, kind)
	p := found.problem()
	if p != nil && out.bank != nil {
		p.Bank = out.bank.ID
	}
	return out, p
}

// look finds all that is wrong, in the order in which a person would want to
// hear it: the phone, the wallet, the card, the holder. What hangs on something
// that is wrong itself is left out. kind is what the bank shall be asked for.
func (s *Service) look(in NewBinding, now time.Time, kind op.Kind) (checked, faults) {
	var found faults
	platform := s.cfg.Set.Platform(in.Platform)
	if platform == nil {
		found.misfit(op.Field{Pointer: "/platform", Message: "must be a platform of this gateway"})
	} else {
		found = checkTerminal(in.Terminal, platform.Terminal)
	}
	row, _ := s.card(in.Card.Reveal())
	out := checked{row: row, bank: s.cfg.Set.Bank(row.Bank)}
	if out.bank != nil {
		checkClient(&found, in.Terminal, out.bank.Client)
	}
	checkIdentity(&found, in.IdentityLevel, platform)
	s.lookCard(&found, in, platform)
	name, ok := normaliseName(in.Name.Reveal())
	if !ok {
		found.add(op.NameFormat, "the name has the wrong form", "/holder/name", nameRule)
	}
	document, misfits := checkDocument(in.DocumentType, in.Document.Reveal(), now)
	if platform != nil && !slices.Contains(platform.Documents, in.DocumentType) {
		found.add(op.UnsupportedOnPlatform, "the platform does not take this type of document", "/holder/document/type", "must be a type of document that the platform takes")
	} else {
		found.misfit(misfits...)
	}
	found.misfit(s.checkFields(in, out.row, out.bank)...)
	if !in.Expiry.IsZero() && expired(in.Expiry.Reveal(), now) {
		found.add(op.CardExpired, "the card's month of expiry is over", "/card/expiry", "must not be in the past")
	}
	out.person = op.Person{
		Card: in.Card, CardType: out.row.Type, Name: secret.NewName(name), DocumentType: in.DocumentType,
		Document: secret.NewDocument(document), Mobile: in.Mobile, CVV: in.CVV, Expiry: in.Expiry,
	}
	if out.bank == nil {
		return out, found
	}
	if out.way = s.cfg.Router.Choose(out.bank, kind); out.way.Found {
		found.misfit(s.cfg.Banks.Check(out.way.Channel, out.person)...)
	}
	return out, found
}

// checkIdentity compares how surely the wallet knows its user with the platform's rule (M31).
func checkIdentity(found *faults, level string, platform *profiles.Platform) {
	const at = "/identity_level"
	levels := profiles.IdentityLevels()
	has := slices.Index(levels, level)
	switch {
	case level == "":
	case has < 0:
		found.misfit(op.Field{Pointer: at, Message: "must be one of " + strings.Join(levels, ", ")})
	case platform != nil && has < slices.Index(levels, platform.RealName):
		found.add(op.IdentityLevelTooLow, "the platform asks for a higher identity level", at, "must be "+platform.RealName+" or higher")
	}
}

// lookCard finds what is wrong with the card, as far as its number can tell.
func (s *Service) lookCard(found *faults, in NewBinding, platform *profiles.Platform) {
	const at = "/card/number"
	row, p := s.card(in.Card.Reveal())
	switch {
	case p != nil:
		found.add(p.Reason, p.Detail, at, p.Fields[0].Message)
	case platform != nil && !slices.Contains(platform.Schemes, row.Scheme):
		found.add(op.UnsupportedOnPlatform, "the platform does not take cards of this network", at, "must be a card of a network that the platform takes")
	case row.Offline:
		found.add(op.OnlinePaymentUnsupported, "cards of this kind do not support UnionPay online payment", at, "must be a card that supports UnionPay online payment")
	case s.cfg.Set.Bank(row.Bank) == nil:
		found.add(op.CardInvalid, "the card's issuer is not served here", at, "must be a card of a bank that is served")
	}
	// A mark that cannot stand on a card of this number, or must: the number or the card is not what it seems (M20).
	if in.QuickPass != nil && ((*in.QuickPass && row.QuickPass == bins.Never) || (!*in.QuickPass && row.QuickPass == bins.Always)) {
		found.add(op.StepUpRequired, "the card's QuickPass mark does not go with its number", "/card/quickpass",
			"must be as it stands on the card; cards of this number "+row.QuickPass+" carry the mark: check the number too")
	}
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

// checkFields looks at every other field. The bank may be nil.
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
	const wish = "/agreement/password_free"
	switch {
	case bank != nil:
		fields = append(fields, s.checkPasswordFree(bank.ID, in.PasswordFree, wish)...)
	case in.PasswordFree.Enabled && in.PasswordFree.LimitFen < 1:
		at(wish+"/limit/minor", "must be at least 1 fen")
	}
	return fields
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
