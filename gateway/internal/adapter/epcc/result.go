package epcc

import (
	"errors"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// What makes an answer useless. None quotes a field.
var (
	errType      = errors.New("answer is of another message type")
	errNoNumber  = errors.New("answer says signed and names no agreement")
	errContrary  = errors.New("answer's layers contradict each other")
	errNoVerdict = errors.New("answer has no business code")
)

// Result implements bank.Adapter. An answer that is not surely about o, or not
// surely a yes or a no, is an Unknown result.
func (a *Adapter) Result(o op.Operation, m wire.Message) op.Result {
	switch m := m.(type) {
	case *epcc.SignReceipt:
		if o.Kind == op.Apply || o.Kind == op.Challenge || o.Kind == op.Confirm {
			return a.signed(o, m)
		}
	case *epcc.UnsignReceipt:
		if o.Kind == op.Unsign {
			return a.unsigned(o, m)
		}
	case *epcc.QueryReceipt:
		if o.Kind == op.Query && o.Original != nil {
			return a.told(o, m)
		}
	case *epcc.System:
		return a.system(o, m)
	}
	return nonsense(errType)
}

func (a *Adapter) signed(o op.Operation, m *epcc.SignReceipt) op.Result {
	r := a.verdict(o.Bank, o.Kind, m.SysRtnInf.SysRtnCd, m.BizInf)
	sure := r.Outcome == op.Accepted
	step := a.category(o.Kind)
	ours := same(m.OriTrxInf.TrxId, o.Number, sure) && same(m.OriTrxInf.TrxCtgy, step, sure) &&
		same(m.SgnInf.SgnAcctIssrId, o.Member, sure) && same(m.InstgInf.InstgId, a.opts.Institution, false) &&
		(m.SgnInf.SgnAcctId.IsZero() || m.SgnInf.SgnAcctId.Equal(o.Person.Card))
	if !ours {
		return nonsense(op.ErrNotOurs)
	}
	if sure && o.Kind == op.Confirm {
		if m.BizInf.SgnNo == "" {
			return nonsense(errNoNumber)
		}
		r.Agreement = m.BizInf.SgnNo
	}
	if sure && o.Challenge == appPush {
		r.Agreement = m.BizInf.SgnNo // approved as fast as that
	}
	if sure {
		r.Class = class(m.SgnInf.SgnAcctLvl)
	}
	return r
}

func (a *Adapter) unsigned(o op.Operation, m *epcc.UnsignReceipt) op.Result {
	r := a.verdict(o.Bank, o.Kind, m.SysRtnInf.SysRtnCd, m.BizInf)
	sure := r.Outcome == op.Accepted
	if !same(m.RescindInf.TrxId, o.Number, sure) || !same(m.SgnInf.SgnNo, o.Agreement, false) ||
		!same(m.BizInf.SgnNo, o.Agreement, false) || !same(m.SgnInf.SgnAcctIssrId, o.Member, sure) ||
		!same(m.InstgInf.InstgId, a.opts.Institution, false) {
		return nonsense(op.ErrNotOurs)
	}
	return r
}

// told reads the two layers of a 302: the query's own fate, and below it that of the original.
func (a *Adapter) told(o op.Operation, m *epcc.QueryReceipt) op.Result {
	if m.SysRtnInf.SysRtnCd == "" {
		return nonsense(errNoVerdict)
	}
	if m.SysRtnInf.SysRtnCd != success {
		return a.meaning(o.Bank, op.Query, m.SysRtnInf.SysRtnCd, "")
	}
	t := m.OriTrxInf
	if !same(t.OriTrxId, o.Original.Number, true) || !same(t.OriTrxCtgy, a.category(o.Original.Kind), true) ||
		!same(t.SrcInstgId, a.opts.Institution, false) || !same(t.SinkInstgId, o.Member, false) {
		return nonsense(op.ErrNotOurs)
	}
	r := op.Result{Outcome: op.Accepted, RawCode: success}
	if m.BizInf.BizStsCd == originalNotFound {
		r.NotFound, r.RawCode = true, originalNotFound
		return r
	}
	of := a.verdict(o.Bank, o.Original.Kind, m.SysRtnInf.SysRtnCd, m.BizInf)
	if of.Outcome == op.Accepted && o.Original.Kind == op.Confirm {
		of.Agreement = m.BizInf.SgnNo
		if of.Agreement == "" {
			of = nonsense(errNoNumber)
		}
	}
	if of.Outcome == op.Accepted && step0201(o.Original.Kind) {
		of.Agreement = m.BizInf.SgnNo // where the customer has approved it in the bank's APP
	}
	r.Of = &of
	return r
}

// system reads a 303. It carries no verdict of a bank, so it never accepts,
// and it names no transaction: it counts as the answer because it came as one.
func (a *Adapter) system(o op.Operation, m *epcc.System) op.Result {
	if m.SysRtnInf.SysRtnCd == success {
		return nonsense(errNoVerdict)
	}
	return a.meaning(o.Bank, o.Kind, m.SysRtnInf.SysRtnCd, m.SysRtnInf.SysRtnDesc)
}

// verdict reads system and business layer together. Success needs both: a
// blank business code under system success is none (inferred), although one
// code base lets the system code count then; under a system failure it does count (found).
func (a *Adapter) verdict(bank string, kind op.Kind, sys string, biz epcc.BizResult) op.Result {
	switch {
	case sys == success && biz.BizStsCd == "", sys == "":
		return nonsense(errNoVerdict)
	case sys != success && biz.BizStsCd == success:
		return nonsense(errContrary)
	case sys != success && (biz.BizStsCd == "" || !a.mapped(bank, kind, biz.BizStsCd)):
		return a.meaning(bank, kind, sys, biz.BizStsDesc)
	}
	return a.meaning(bank, kind, biz.BizStsCd, biz.BizStsDesc)
}

// Heard implements bank.Listener: a 104 with an empty system part is the
// bank's word that it has unsigned (inferred). The acknowledgement is a 303 (inferred).
func (a *Adapter) Heard(m wire.Message, at time.Time) (op.Notice, wire.Message, bool) {
	n, ok := m.(*epcc.UnsignReceipt)
	if !ok || n.SysRtnInf.SysRtnCd != "" || n.SgnInf.SgnNo == "" || n.SgnInf.SgnAcctIssrId == "" ||
		(n.BizInf.BizStsCd != "" && n.BizInf.BizStsCd != success) || !same(n.InstgInf.InstgId, a.opts.Institution, false) {
		return op.Notice{}, nil, false
	}
	notice := op.Notice{Kind: op.Unsign, Member: n.SgnInf.SgnAcctIssrId, Agreement: n.SgnInf.SgnNo, Number: n.RescindInf.TrxId}
	ack := &epcc.System{Header: a.header(at), SysRtnInf: epcc.SystemResult{SysRtnCd: success, SysRtnTm: clock(at)}}
	return notice, ack, true
}

func step0201(kind op.Kind) bool { return kind == op.Apply || kind == op.Challenge }

// same reports whether an echoed field is what was sent. A blank one is, unless it must be there.
func same(echo, sent string, needed bool) bool { return echo == sent || (echo == "" && !needed) }

// nonsense is an answer that says nothing: the operation may have been carried out.
func nonsense(err error) op.Result {
	return op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, Fault: op.ChannelFault, Err: err}
}

// class reads SgnAcctLvl. Its values are not public: digits are inferred, the text is a stub's.
func class(level string) string {
	switch level {
	case "1", "I", "Ⅰ", "一级账户", "一类账户":
		return "I"
	case "2", "II", "Ⅱ", "二级账户", "二类账户":
		return "II"
	case "3", "III", "Ⅲ", "三级账户", "三类账户":
		return "III"
	}
	return ""
}
