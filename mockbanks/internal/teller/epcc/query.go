package epcc

import (
	"context"
	"fmt"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

var (
	_ teller.Asker        = (*queryCall)(nil)
	_ teller.Contradictor = (*queryCall)(nil)
)

// queryCall is epcc.301.
type queryCall struct {
	*Teller
	m         *epcc.Query
	bank      string
	operation string // of the original
}

func (t *Teller) query(frame wire.Frame, m *epcc.Query) (teller.Call, *refusal) {
	bank, member := t.directory.Member(m.OriTrxInf.SinkInstgId)
	operation, known := map[string]string{
		epcc.StepCode: "apply", epcc.StepSign: "confirm", t.opts.UnsignCategory: "unsign",
	}[m.OriTrxInf.OriTrxCtgy]
	no := first(
		t.checkHeader(frame, m, m.Header),
		unless(known, badValue, "OriTrxCtgy is not known"),
		unless(member, notMember, "SinkInstgId is no member of the channel"),
		unless(m.OriTrxInf.SrcInstgId == m.IssrId, notAllowed, "SrcInstgId is not the sender"),
		// Not its day: an original may be as old as it likes.
		unless(len(m.OriTrxInf.OriTrxId) == 31 && digits(m.OriTrxInf.OriTrxId), badValue, "OriTrxId is not 31 digits"),
	)
	if no != nil {
		return nil, no
	}
	return &queryCall{Teller: t, m: m, bank: bank, operation: operation}, nil
}

// Facts implements teller.Call.
func (c *queryCall) Facts() teller.Facts {
	id := c.m.OriTrxInf.OriTrxId
	return teller.Facts{Operation: "query", Bank: c.bank, Number: id, Subject: id, Request: c.m}
}

// Of implements teller.Asker.
func (c *queryCall) Of() (operation, number string) { return c.operation, c.m.OriTrxInf.OriTrxId }

// Done implements teller.Asker.
func (c *queryCall) Done(ctx context.Context) (time.Time, bool, error) {
	given, found, err := c.recall(ctx)
	if given.Case.State != "" {
		given.At = given.Case.Opened // what its people make of it is another matter
	}
	return given.At, found, err
}

// NotFound implements teller.Asker.
func (c *queryCall) NotFound() (teller.Answer, error) {
	return c.receipt(success, epcc.BizResult{BizStsCd: noOriginal, BizStsDesc: words[noOriginal]})
}

// Contradict implements teller.Contradictor: of a step of signing that is done it
// says that the bank has refused it, because the name differs. What was refused
// stays so: a yes would need an agreement that nobody has.
func (c *queryCall) Contradict(given teller.Answer) (teller.Answer, bool, error) {
	m, ok := given.Message.(*epcc.QueryReceipt)
	if !ok || c.operation == "unsign" || m.SysRtnInf.SysRtnCd != success || m.BizInf.BizStsCd != success {
		return teller.Answer{}, false, nil
	}
	code := codeOf(ledger.NameMismatch)
	answer, err := c.receipt(success, epcc.BizResult{BizStsCd: code, BizStsDesc: words[code]})
	return answer, err == nil, err
}

func (c *queryCall) recall(ctx context.Context) (ledger.Answer, bool, error) {
	books, err := c.directory.Ledger(ctx, c.bank)
	if err != nil {
		return ledger.Answer{}, false, err
	}
	given, found, err := books.Recall(ctx, c.channel, c.operation, c.m.OriTrxInf.OriTrxId)
	if err != nil {
		return ledger.Answer{}, false, fmt.Errorf("bank %s: %w", c.bank, err)
	}
	return given, found, nil
}

// Execute implements teller.Call. An original that is still being worked on is not found yet.
func (c *queryCall) Execute(ctx context.Context) (teller.Answer, error) {
	given, found, err := c.recall(ctx)
	switch {
	case err != nil:
		return teller.Answer{}, err
	case !found:
		return c.NotFound()
	}
	return c.receipt(success, c.decided(given))
}

// Excuse implements teller.Call.
func (c *queryCall) Excuse(why teller.Excuse) (teller.Answer, error) {
	if why == teller.HubBusy {
		return c.refuse(refusal{busy, "the hub is busy"})
	}
	return c.receipt(excuseCode(why), epcc.BizResult{})
}

// receipt is epcc.302.
func (c *queryCall) receipt(system string, biz epcc.BizResult) (teller.Answer, error) {
	return c.answer(&epcc.QueryReceipt{
		Header: c.header(), SysRtnInf: c.result(system), BizInf: biz, OriTrxInf: c.m.OriTrxInf,
	}, deciding(system, biz), "")
}
