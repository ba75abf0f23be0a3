package epcc

import (
	"context"
	"fmt"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// unsignCall is epcc.103.
type unsignCall struct {
	*Teller
	m    *epcc.Unsign
	bank string
}

// unsign compares the wallet account where it is sent. Published messages go both
// with it and without: the agreement's number and the card's tail identify it.
func (t *Teller) unsign(frame wire.Frame, m *epcc.Unsign) (teller.Call, *refusal) {
	bank, member := t.directory.Member(m.SgnInf.SgnAcctIssrId)
	kind, tail := m.SgnInf.SgnAcctTp, m.SgnInf.SgnAcctShrtId
	no := first(
		t.checkHeader(frame, m, m.Header),
		unless(member, notMember, "SgnAcctIssrId is no member of the channel"),
		unless(m.InstgInf.InstgId == m.IssrId, notAllowed, "InstgId is not the sender"),
		unless(kind == t.opts.DebitType || kind == t.opts.CreditType, badValue, "SgnAcctTp is not known"),
		unless(len(tail) == 4 && digits(tail), badValue, "SgnAcctShrtId is not four digits"),
		unless(m.SgnInf.SgnNo != "", fieldFault, "SgnNo is empty"),
		t.checkNumber(m.RescindInf.TrxId),
		checkTime("TrxDtTm", m.RescindInf.TrxDtTm),
	)
	if no != nil {
		return nil, no
	}
	return &unsignCall{Teller: t, m: m, bank: bank}, nil
}

// Facts implements teller.Call.
func (c *unsignCall) Facts() teller.Facts {
	return teller.Facts{
		Operation: "unsign", Bank: c.bank, Number: c.m.RescindInf.TrxId, Subject: c.m.SgnInf.SgnNo, Request: c.m,
	}
}

// Execute implements teller.Call.
func (c *unsignCall) Execute(ctx context.Context) (teller.Answer, error) {
	books, err := c.directory.Ledger(ctx, c.bank)
	if err != nil {
		return teller.Answer{}, err
	}
	given, err := books.Unsign(ctx, ledger.Unsign{
		Request: ledger.Request{
			Channel: c.channel, Operation: "unsign", Number: c.m.RescindInf.TrxId, Institution: c.m.InstgInf.InstgId,
		},
		Agreement: c.m.SgnInf.SgnNo, CardTail: c.m.SgnInf.SgnAcctShrtId, Account: c.m.InstgInf.InstgAcct.Reveal(),
	})
	if err != nil {
		return teller.Answer{}, fmt.Errorf("bank %s: %w", c.bank, err)
	}
	code := unsignCodeOf(given.Refusal)
	return c.receipt(success, epcc.BizResult{SgnNo: c.m.SgnInf.SgnNo, BizStsCd: code, BizStsDesc: words[code]})
}

// Excuse implements teller.Call.
func (c *unsignCall) Excuse(why teller.Excuse) (teller.Answer, error) {
	if why == teller.HubBusy {
		return c.refuse(refusal{busy, "the hub is busy"})
	}
	return c.receipt(excuseCode(why), epcc.BizResult{})
}

// receipt is epcc.104 as an answer.
func (c *unsignCall) receipt(system string, biz epcc.BizResult) (teller.Answer, error) {
	return c.answer(&epcc.UnsignReceipt{
		Header: c.header(), SysRtnInf: c.result(system), BizInf: biz,
		SgnInf: c.m.SgnInf, InstgInf: c.m.InstgInf, RescindInf: c.m.RescindInf,
	}, deciding(system, biz), "")
}

// Unsigned implements teller.Notifier: epcc.104 unasked, with a number of the
// hub's own and no system result (inferred: a source generates a fresh TrxId for 104).
func (t *Teller) Unsigned(e teller.Ended) (wire.Frame, wire.Message, error) {
	number, err := epcc.TrxID(t.now(), e.Serial, t.opts)
	if err != nil {
		return wire.Frame{}, nil, err
	}
	m := &epcc.UnsignReceipt{
		Header: t.header(),
		BizInf: epcc.BizResult{SgnNo: e.Agreement.Number, BizStsCd: success, BizStsDesc: words[success]},
		SgnInf: epcc.UnsignInfo{
			SgnAcctIssrId: e.Member, SgnAcctTp: t.opts.DebitType,
			SgnAcctShrtId: e.Agreement.CardLast4, SgnNo: e.Agreement.Number,
		},
		InstgInf:   epcc.Institution{InstgId: e.Agreement.Institution},
		RescindInf: epcc.Rescind{TrxId: number, TrxDtTm: t.stamp()},
	}
	frame, err := t.codec.Encode(m)
	if err != nil {
		return wire.Frame{}, nil, fmt.Errorf("encode the notice %s: %w", m.Type(), err)
	}
	return frame, m, nil
}
