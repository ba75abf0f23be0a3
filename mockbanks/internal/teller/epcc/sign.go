package epcc

import (
	"context"
	"fmt"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// signCall is epcc.101 in either of its steps.
type signCall struct {
	*Teller
	m        *epcc.Sign
	bank     string
	identity ledger.Identity
}

func (t *Teller) sign(frame wire.Frame, m *epcc.Sign) (teller.Call, *refusal) {
	bank, member := t.directory.Member(m.SgnInf.SgnAcctIssrId)
	document, others := t.documentTypes(m.SgnInf.IDTp)
	mobile := m.SgnInf.MobNo.Reveal()
	expiry, dated := month(m.SgnInf.VldDt.Reveal())
	number := m.SgnInf.SgnAcctId.Reveal()
	kind := m.SgnInf.SgnAcctTp
	no := first(
		t.checkHeader(frame, m, m.Header),
		unless(member, notMember, "SgnAcctIssrId is no member of the channel"),
		unless(m.InstgInf.InstgId == m.IssrId, notAllowed, "InstgId is not the sender"),
		unless(kind == t.opts.DebitType || kind == t.opts.CreditType, badValue, "SgnAcctTp is not known"),
		unless(digits(number) && len(number) >= 13 && len(number) <= 19, badValue, "SgnAcctId is not 13 to 19 digits"),
		unless(!m.SgnInf.SgnAcctNm.IsZero(), fieldFault, "SgnAcctNm is empty"),
		unless(document != "", badValue, "IDTp is not known"),
		unless(!m.SgnInf.IDNo.IsZero(), fieldFault, "IDNo is empty"),
		unless(digits(mobile) && len(mobile) == 11 && mobile[0] == '1', badValue, "MobNo is not a mobile number of 11 digits"),
		unless(dated, badValue, "VldDt is not a month, MMYY"),
		t.checkNumber(m.TrxInf.TrxId),
		checkTime("TrxDtTm", m.TrxInf.TrxDtTm),
		t.checkStep(m),
	)
	if no != nil {
		return nil, no
	}
	return &signCall{Teller: t, m: m, bank: bank, identity: ledger.Identity{
		Card: m.SgnInf.SgnAcctId, CardType: t.cardType(kind), Name: m.SgnInf.SgnAcctNm,
		DocumentType: document, OtherTypes: others, Document: m.SgnInf.IDNo,
		Mobile: secret.NewMobile("+86" + mobile), CVV: m.SgnInf.CVN2, Expiry: expiry,
		FourElements: !t.creditFields(),
	}}, nil
}

// checkStep checks what differs between asking for a code and bringing it.
func (t *Teller) checkStep(m *epcc.Sign) *refusal {
	code, account := !m.TrxInf.AuthMsg.IsZero(), !m.InstgInf.InstgAcct.IsZero()
	switch m.TrxInf.TrxCtgy {
	case epcc.StepCode:
		return first(
			unless(!code, fieldFault, "AuthMsg must be empty before there is a code"),
			unless(account || !byApproval(m), fieldFault, "InstgAcct is empty, and no other step could name it"),
			unless(!account || byApproval(m), fieldFault, "InstgAcct must be empty before there is a code"),
			t.checkCredit(m),
		)
	case epcc.StepSign:
		return first(
			unless(code, fieldFault, "AuthMsg is empty"),
			unless(account, fieldFault, "InstgAcct is empty"),
		)
	}
	return &refusal{badValue, "TrxCtgy is neither step of signing"}
}

// byApproval reports whether the customer shall approve in the bank's APP
// instead of bringing a code: then the step names where to come back to (found),
// and the wallet account, because it signs by itself (assigned).
func byApproval(m *epcc.Sign) bool {
	return m.TrxInf.TrxCtgy == epcc.StepCode && m.TrxInf.ClbckUrl != ""
}

// checkCredit demands the two elements more of a credit card, in the dialect that has them.
func (t *Teller) checkCredit(m *epcc.Sign) *refusal {
	if m.SgnInf.SgnAcctTp != t.opts.CreditType || !t.creditFields() {
		return nil
	}
	return first(
		unless(!m.SgnInf.CVN2.IsZero(), fieldFault, "CVN2 is empty for a credit card"),
		unless(!m.SgnInf.VldDt.IsZero(), fieldFault, "VldDt is empty for a credit card"),
	)
}

// creditFields reports whether the channel's dialect has a place for CVN2 and VldDt.
func (t *Teller) creditFields() bool { return t.opts.CreditFields == nil || *t.opts.CreditFields }

func (t *Teller) cardType(kind string) string {
	if kind == t.opts.CreditType {
		return "credit"
	}
	return "debit"
}

// Facts implements teller.Call.
func (c *signCall) Facts() teller.Facts {
	operation := "apply"
	if c.m.TrxInf.TrxCtgy == epcc.StepSign {
		operation = "confirm"
	}
	return teller.Facts{
		Operation: operation, Bank: c.bank, Number: c.m.TrxInf.TrxId,
		Subject: c.m.SgnInf.SgnAcctId.Reveal(), IsCard: true, Request: c.m,
	}
}

// Execute implements teller.Call.
func (c *signCall) Execute(ctx context.Context) (teller.Answer, error) {
	books, err := c.directory.Ledger(ctx, c.bank)
	if err != nil {
		return teller.Answer{}, err
	}
	asked := ledger.Request{
		Channel: c.channel, Operation: c.Facts().Operation, Number: c.m.TrxInf.TrxId, Institution: c.m.InstgInf.InstgId,
	}
	account := c.m.InstgInf.InstgAcct.Reveal()
	var given ledger.Answer
	switch {
	case c.m.TrxInf.TrxCtgy == epcc.StepSign:
		given, err = books.Confirm(ctx, ledger.Confirm{
			Request: asked, Identity: c.identity, Code: c.m.TrxInf.AuthMsg, Account: account,
		})
	case byApproval(c.m):
		given, err = books.Propose(ctx, ledger.Proposal{
			Request: asked, Identity: c.identity, Account: account, Kinds: []string{"app_push"},
		})
	default:
		given, err = books.Apply(ctx, ledger.Apply{Request: asked, Identity: c.identity})
	}
	if err != nil {
		return teller.Answer{}, fmt.Errorf("bank %s: %w", c.bank, err)
	}
	return c.receipt(success, c.decided(given), level(given.Class))
}

// decided is the bank's layer for what its books say.
func (t *Teller) decided(given ledger.Answer) epcc.BizResult {
	code := codeOf(given.Refusal)
	text := words[code]
	switch {
	case given.Case.State.Open():
		code, text = t.opts.PendingCode, words[pending]
	case given.Refusal == ledger.ApprovalDenied:
		code = t.opts.DeniedCode
	}
	biz := epcc.BizResult{BizStsCd: code, BizStsDesc: text}
	if given.Refusal == "" {
		biz.SgnNo = given.Agreement
	}
	return biz
}

// Excuse implements teller.Call.
func (c *signCall) Excuse(why teller.Excuse) (teller.Answer, error) {
	if why == teller.HubBusy {
		return c.refuse(refusal{busy, "the hub is busy"})
	}
	return c.receipt(excuseCode(why), epcc.BizResult{}, "")
}

// receipt is epcc.102. An excuse leaves the bank's layer blank: then the system's code counts (found).
func (c *signCall) receipt(system string, biz epcc.BizResult, level string) (teller.Answer, error) {
	m := c.m
	return c.answer(&epcc.SignReceipt{
		Header: c.header(), SysRtnInf: c.result(system), BizInf: biz,
		SgnInf: epcc.ReceiptInfo{
			SgnAcctIssrId: m.SgnInf.SgnAcctIssrId, SgnAcctTp: m.SgnInf.SgnAcctTp,
			SgnAcctId: m.SgnInf.SgnAcctId, SgnAcctNm: m.SgnInf.SgnAcctNm, SgnAcctLvl: level,
		},
		InstgInf:  m.InstgInf,
		OriTrxInf: epcc.OriginalTrx{TrxCtgy: m.TrxInf.TrxCtgy, TrxId: m.TrxInf.TrxId, TrxDtTm: m.TrxInf.TrxDtTm},
	}, deciding(system, biz), biz.SgnNo)
}

// deciding is the code that counts: the system's, unless it is well and the bank has spoken.
func deciding(system string, biz epcc.BizResult) string {
	if system == success && biz.BizStsCd != "" {
		return biz.BizStsCd
	}
	return system
}

func excuseCode(why teller.Excuse) string {
	if why == teller.MemberSilent {
		return memberSilent
	}
	return busy
}

// level is SgnAcctLvl for a class; the values are inferred.
func level(class string) string {
	switch class {
	case "I":
		return "1"
	case "II":
		return "2"
	case "III":
		return "3"
	}
	return "" // credit cards have none
}

// documentTypes are the documents behind an IDTp: 99 stands for several.
func (t *Teller) documentTypes(idtp string) (first string, others []string) {
	for _, d := range t.opts.DocumentTypes {
		switch {
		case d.IDTp != idtp:
		case first == "":
			first = d.Type
		default:
			others = append(others, d.Type)
		}
	}
	return first, others
}

// month turns MMYY into YYYY-MM; nothing stays nothing.
func month(mmyy string) (secret.Expiry, bool) {
	if mmyy == "" {
		return secret.Expiry{}, true
	}
	if len(mmyy) != 4 || !digits(mmyy) || mmyy[:2] < "01" || mmyy[:2] > "12" {
		return secret.Expiry{}, false
	}
	return secret.NewExpiry("20" + mmyy[2:] + "-" + mmyy[:2]), true
}
