package iso8583

import (
	"context"
	"fmt"
	"strings"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// reversalCall is 0420, and 0421 where it is said again.
type reversalCall struct {
	*Teller
	m        *iso8583.Reversal
	bank     string
	number   string // its own
	of       string // apply or confirm
	original string
}

// reversal takes a reversal however old its original is. One that is said
// again may be as old and have the trace that it had: the books give the first answer.
func (l *line) reversal(message wire.Message) (teller.Call, *refusal) {
	m := message.(*iso8583.Reversal)
	now := l.beijing()
	number, dated := numberOf(m.Trace, now)
	o := m.Original
	original, known := numberOf(iso8583.Trace{Transmitted: o.Transmitted, STAN: o.STAN}, now)
	bank, member := l.member(m.Header, m.Common.Receiver)
	ours := elevenDigits(l.opts.Institution)
	of := map[string]string{l.opts.SetUpCode: "apply", l.opts.SignCode: "confirm"}[m.Common.ProcessingCode]
	no := first(
		l.admit(m.Common),
		unless(dated && (m.Repeat || near(m.Trace.Transmitted, now)), stale, "field 7 is too far from the bank's clock"),
		unless(member, noSuchIssuer, "no such member"),
		unless(o.MTI == iso8583.TypeRequest && known, iso8583.ResponseFormat, "field 90 names no request"),
		unless(o.Acquirer == ours && o.Forwarder == ours, iso8583.ResponseFormat, "field 90 names another institution's request"),
		unless(of != "", iso8583.ResponseInvalid, "field 3 is of nothing that can be undone"),
	)
	if no != nil {
		return nil, no
	}
	return &reversalCall{Teller: l.Teller, m: m, bank: bank, number: number, of: of, original: original}, nil
}

// Facts implements teller.Call. Behaviour knows undoing as the operation cancel.
func (c *reversalCall) Facts() teller.Facts {
	f := teller.Facts{
		Operation: "cancel", Bank: c.bank, Number: c.number, Subject: c.original, Direct: c.direct(), Request: c.m,
	}
	if !c.m.Common.PAN.IsZero() {
		f.Subject, f.IsCard = c.m.Common.PAN.Reveal(), true
	}
	return f
}

// Execute implements teller.Call.
func (c *reversalCall) Execute(ctx context.Context) (teller.Answer, error) {
	books, err := c.books(ctx, c.bank)
	if err != nil {
		return teller.Answer{}, err
	}
	given, err := books.Reverse(ctx, ledger.Reverse{Request: c.asked("reverse", c.number), Of: c.of, Original: c.original})
	if err != nil {
		return teller.Answer{}, fmt.Errorf("bank %s: %w", c.bank, err)
	}
	return c.answer(c.undone(c.m, codeOf(given.Refusal)))
}

// Excuse implements teller.Call.
func (c *reversalCall) Excuse(why teller.Excuse) (teller.Answer, error) { return c.excuse(c.m, why) }

// undone is 0430.
func (t *Teller) undone(m *iso8583.Reversal, code string) *iso8583.ReversalAnswer {
	common := m.Common
	common.Usages, common.Identity = iso8583.Usages{}, iso8583.Identity{}
	return &iso8583.ReversalAnswer{
		Header: turned(m.Header), Trace: m.Trace, Common: common, ResponseCode: code, Original: m.Original,
	}
}

// elevenDigits is a number of an institution as field 90 has it: with zeros on the left (memory).
func elevenDigits(s string) string { return strings.Repeat("0", max(0, 11-len(s))) + s }
