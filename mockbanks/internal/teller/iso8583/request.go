package iso8583

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// requestCall is 0100: verify, set up, sign or cancel.
type requestCall struct {
	*Teller
	m         *iso8583.Request
	bank      string
	operation string // verify, apply, confirm, unsign
	number    string
	identity  ledger.Identity
	account   string // the wallet's, in a signing and a cancel
}

func (l *line) request(message wire.Message) (teller.Call, *refusal) {
	m := message.(*iso8583.Request)
	now := l.beijing()
	number, dated := numberOf(m.Trace, now)
	bank, member := l.member(m.Header, m.Common.Receiver)
	operation := map[string]string{
		l.opts.VerifyCode: "verify", l.opts.SetUpCode: "apply", l.opts.SignCode: "confirm", l.opts.CancelCode: "unsign",
	}[m.Common.ProcessingCode]
	c := &requestCall{Teller: l.Teller, m: m, bank: bank, operation: operation, number: number}
	c.account = orElse(m.Common.Usages.Wallet.Reveal(), m.Common.Usages.Mandate.UserNumber.Reveal())
	no := first(
		unless(l.signed.Load(), iso8583.ResponseNotAllowed, "nobody has signed on"),
		l.admit(m.Common),
		unless(dated && near(m.Trace.Transmitted, now), stale, "field 7 is too far from the bank's clock"),
		localTime(m.Common, now),
		unless(operation != "", iso8583.ResponseUnsupported, "field 3 is not known"),
		unless(member, noSuchIssuer, "no such member"),
		c.checkFields(),
	)
	if no == nil && !l.seen.claim(m.Trace.Key(), now) {
		no = &refusal{iso8583.ResponseDuplicate, "fields 7, 11, 32 and 33 have come before"}
	}
	if no != nil {
		return nil, no
	}
	return c, nil
}

// member is the bank that a message is for: by field 100, or the channel's own.
func (t *Teller) member(h iso8583.Header, receiver string) (bank string, ok bool) {
	return t.directory.Member(orElse(receiver, h.Destination))
}

// admit compares the numbers of the sender, where they are said.
func (t *Teller) admit(c iso8583.Common) *refusal {
	ours := t.opts.Institution
	return unless((c.Acquirer == "" || c.Acquirer == ours) && (c.Forwarder == "" || c.Forwarder == ours),
		iso8583.ResponseMerchant, "field 32 or 33 is not the channel's institution")
}

// localTime looks at fields 12 and 13, which go together.
func localTime(c iso8583.Common, now time.Time) *refusal {
	switch {
	case c.LocalTime == "" && c.LocalDate == "":
		return nil
	case c.LocalTime == "" || c.LocalDate == "":
		return &refusal{iso8583.ResponseFormat, "field 12 without 13, or 13 without 12"}
	}
	return unless(near(c.LocalDate+c.LocalTime, now), stale, "fields 12 and 13 are too far from the bank's clock")
}

// checkFields demands what each step needs, and nothing that belongs to another.
func (c *requestCall) checkFields() *refusal {
	u := c.m.Common.Usages
	code := !u.Code.IsZero()
	must := func(ok bool, about string) *refusal { return unless(ok, iso8583.ResponseFormat, about) }
	switch c.operation {
	case "verify":
		return first(must(!code && u.Agreement == "", "field 48 has what a verification has not"), c.who())
	case "apply":
		return first(must(!code && u.Agreement == "", "field 48 has what a set-up has not"), c.who())
	case "confirm":
		return first(
			must(code, "field 48 has no code"),
			must(len(u.Order) == 20 && strings.Trim(u.Order, "0123456789") == "", "field 48 does not name the set-up by its number of 20 digits"),
			must(c.account != "", "field 48 has no wallet account"),
			must(u.Agreement == "", "field 48 has an agreement before there is one"),
			c.who(),
		)
	}
	return first(must(u.Agreement != "", "field 48 has no agreement"), must(!code, "field 48 has a code"))
}

// who reads field 61 and what goes with it.
func (c *requestCall) who() *refusal {
	common, id := c.m.Common, c.m.Common.Identity
	must := func(ok bool, about string) *refusal { return unless(ok, iso8583.ResponseFormat, about) }
	document, others := c.documents(id.DocumentType)
	expiry, dated := month(common.Expiry.Reveal())
	mobile := id.Mobile.Reveal()
	no := first(
		must(!common.PAN.IsZero(), "field 2 is missing"),
		must(!id.Name.IsZero(), "field 61 has no name"),
		must(document != "", "field 61: the document's type is not known"),
		must(!id.Document.IsZero() && id.Document.Reveal() != iso8583.NoDocument, "field 61 has no document"),
		must(strings.HasPrefix(mobile, "1"), "field 61 has no mobile number"),
		must(dated, "field 14 is no month"),
	)
	if no != nil {
		return no
	}
	c.identity = ledger.Identity{
		Card: common.PAN, Name: id.Name, DocumentType: document, OtherTypes: others,
		Document: id.Document, Mobile: secret.NewMobile("+86" + mobile), Expiry: expiry,
	}
	if cvn2 := id.CVN2.Reveal(); cvn2 != iso8583.NoCVN2 {
		c.identity.CVV = id.CVN2
	}
	return nil
}

// documents are the types behind two digits: 99 stands for several.
func (t *Teller) documents(code string) (first string, others []string) {
	for _, d := range t.opts.DocumentTypes {
		switch {
		case d.Code != code:
		case first == "":
			first = d.Type
		default:
			others = append(others, d.Type)
		}
	}
	return first, others
}

// month turns YYMM into YYYY-MM. 0000 is none (found in the sample).
func month(yymm string) (secret.Expiry, bool) {
	if yymm == "" || yymm == "0000" {
		return secret.Expiry{}, true
	}
	if yymm[2:] < "01" || yymm[2:] > "12" {
		return secret.Expiry{}, false
	}
	return secret.NewExpiry("20" + yymm[:2] + "-" + yymm[2:]), true
}

// Facts implements teller.Call.
func (c *requestCall) Facts() teller.Facts {
	f := teller.Facts{
		Operation: c.operation, Bank: c.bank, Number: c.number,
		Subject: c.m.Common.PAN.Reveal(), IsCard: true, Direct: c.direct(), Request: c.m,
	}
	if c.operation == "unsign" {
		f.Subject, f.IsCard = c.m.Common.Usages.Agreement, false
	}
	return f
}

// Execute implements teller.Call.
func (c *requestCall) Execute(ctx context.Context) (teller.Answer, error) {
	books, err := c.books(ctx, c.bank)
	if err != nil {
		return teller.Answer{}, err
	}
	given, err := c.ask(ctx, books)
	if err != nil {
		return teller.Answer{}, fmt.Errorf("bank %s: %w", c.bank, err)
	}
	if given.Repeated { // the memory of traces is lost with the process, the books are not
		return c.refuse(c.m, refusal{iso8583.ResponseDuplicate, "the books know this number"})
	}
	code := codeOf(given.Refusal)
	if c.operation == "confirm" {
		code = signCodeOf(given.Refusal)
	}
	reply := c.reply(c.m, code)
	reply.Common.Details = withClass(reply.Common.Details, given.Class)
	if c.operation == "confirm" && given.Refusal == "" {
		reply.Common.Usages.Agreement = given.Agreement
	}
	return c.answer(reply)
}

func (c *requestCall) ask(ctx context.Context, books teller.Ledger) (ledger.Answer, error) {
	asked, u := c.asked(c.operation, c.number), c.m.Common.Usages
	switch c.operation {
	case "verify":
		return books.Verify(ctx, ledger.Verify{Request: asked, Identity: c.identity})
	case "apply":
		return books.Apply(ctx, ledger.Apply{Request: asked, Identity: c.identity})
	case "confirm":
		return books.Confirm(ctx, ledger.Confirm{
			Request: asked, Of: u.Order, Identity: c.identity, Code: u.Code, Account: c.account,
		})
	}
	tail := c.m.Common.PAN.Reveal()
	return books.Unsign(ctx, ledger.Unsign{
		Request: asked, Agreement: u.Agreement, CardTail: tail[max(0, len(tail)-4):], Account: c.account,
	})
}

// Excuse implements teller.Call.
func (c *requestCall) Excuse(why teller.Excuse) (teller.Answer, error) { return c.excuse(c.m, why) }

// reply is 0110: what came goes back, without who the holder is and without what stood in field 48.
func (t *Teller) reply(m *iso8583.Request, code string) *iso8583.Answer {
	common := m.Common
	common.Usages, common.Identity = iso8583.Usages{}, iso8583.Identity{}
	common.SettlementDate = t.beijing().Format("0102")
	return &iso8583.Answer{Header: turned(m.Header), Trace: m.Trace, Common: common, ResponseCode: code}
}

// withClass puts the account's class in its place in field 60.11 (found).
func withClass(d iso8583.Details, class string) iso8583.Details {
	if digit := map[string]string{"I": "1", "II": "2", "III": "3"}[class]; digit != "" {
		d.AccountClass = digit
	}
	return d
}
