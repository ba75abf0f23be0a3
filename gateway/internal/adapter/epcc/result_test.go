package epcc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

const well = "00000000"

// answer makes the receipt that belongs to an operation.
func answer(o op.Operation, sys, biz, desc string) wire.Message {
	s, b := epcc.SystemResult{SysRtnCd: sys}, epcc.BizResult{BizStsCd: biz, BizStsDesc: desc}
	switch o.Kind {
	case op.Unsign:
		return &epcc.UnsignReceipt{
			SysRtnInf: s, BizInf: b, SgnInf: epcc.UnsignInfo{SgnAcctIssrId: member, SgnAcctTp: "01", SgnAcctShrtId: "0018", SgnNo: agreement},
			InstgInf: epcc.Institution{InstgId: institution}, RescindInf: epcc.Rescind{TrxId: number},
		}
	case op.Query:
		return &epcc.QueryReceipt{
			SysRtnInf: s, BizInf: b,
			OriTrxInf: epcc.QueryTrx{OriTrxCtgy: "0202", OriTrxId: number, SrcInstgId: institution, SinkInstgId: member},
		}
	}
	step := "0201"
	if o.Kind == op.Confirm {
		step = "0202"
		if sys == well && biz == well {
			b.SgnNo = agreement
		}
	}
	return &epcc.SignReceipt{
		SysRtnInf: s, BizInf: b,
		SgnInf:    epcc.ReceiptInfo{SgnAcctIssrId: member, SgnAcctTp: "00", SgnAcctId: secret.NewCard(card), SgnAcctLvl: "1"},
		InstgInf:  epcc.Institution{InstgId: institution},
		OriTrxInf: epcc.OriginalTrx{TrxCtgy: step, TrxId: number},
	}
}

// ignore leaves out what other cases look at.
var ignore = cmpopts.IgnoreFields(op.Result{}, "Err", "Class", "Agreement")

func unknown(reason op.Reason) op.Result {
	return op.Result{Outcome: op.Unknown, Reason: reason, Fault: op.MemberFault}
}

func TestCodes(t *testing.T) {
	no := func(reason op.Reason) op.Result { return op.Result{Outcome: op.Refused, Reason: reason} }
	unmapped := op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, Fault: op.MemberFault, Unmapped: true}
	yes := op.Result{Outcome: op.Accepted}
	// One column an operation: apply and challenge, confirm, unsign.
	cases := []struct {
		code                   string
		apply, confirm, unsign op.Result
	}{
		{well, yes, yes, yes},
		{"PB511002", no(op.CardInvalid), no(op.CardInvalid), unmapped},
		{"PB511005", no(op.AccountClosed), no(op.AccountClosed), unmapped},
		{"PB511006", no(op.AccountFrozen), no(op.AccountFrozen), unmapped},
		{"PB511008", no(op.AccountFrozen), no(op.AccountFrozen), unmapped},
		{"PB511010", no(op.CardLost), no(op.CardLost), unmapped},
		{"PB511012", no(op.TooManyRequests), no(op.TooManyRequests), unmapped},
		{"PB511013", no(op.MobileMismatch), no(op.MobileMismatch), unmapped},
		{"PB511014", no(op.NoReservedMobile), no(op.NoReservedMobile), unmapped},
		{"PB511015", no(op.NoReservedMobile), no(op.NoReservedMobile), unmapped},
		{"PB511017", no(op.NameMismatch), no(op.NameMismatch), unmapped},
		{"PB511019", no(op.DocumentMismatch), no(op.DocumentMismatch), unmapped},
		{"PB511020", no(op.CardExpired), no(op.CardExpired), unmapped},
		{"PB511021", no(op.OnlinePaymentNotOpened), no(op.OnlinePaymentNotOpened), unmapped},
		{"PB511022", no(op.VirtualCardNoPermission), no(op.VirtualCardNoPermission), unmapped},
		{"PB511025", no(op.SignCountExceeded), no(op.SignCountExceeded), unmapped},
		{"PB511026", no(op.SignCountExceeded), no(op.SignCountExceeded), unmapped},
		{"PB511027", no(op.CodeWrong), no(op.CodeWrong), unmapped},
		{"PB511028", no(op.CodeExpired), no(op.CodeExpired), unmapped},
		{"PB511098", no(op.ClassRestricted), no(op.ClassRestricted), unmapped},
		{"PB511099", no(op.IdentityMismatch), no(op.IdentityMismatch), unmapped},
		{"PB005X02", no(op.DocumentMismatch), no(op.DocumentMismatch), unmapped},
		{"PB005X03", no(op.DocumentMismatch), no(op.DocumentMismatch), unmapped},
		{"PB005X09", no(op.CodeLocked), no(op.CodeLocked), unmapped},
		{"PB005X12", no(op.CodeExpired), no(op.CodeExpired), unmapped},
		{"PB005203", no(op.CVVMismatch), no(op.CVVMismatch), unmapped},
		{"PB005212", no(op.CVVMismatch), no(op.CVVMismatch), unmapped},
		{"EB005000", no(op.IdentityMismatch), no(op.IdentityMismatch), unmapped},
		{"PB512001", unmapped, unmapped, no(op.AgreementNotFound)},
		{"PB512002", unmapped, unmapped, yes},
		{"PB512098", unmapped, unmapped, no(op.BankRefused)},
		{"PB512099", unmapped, unmapped, no(op.BankRefused)},
		{"PS500023", unmapped, unmapped, no(op.BankProtocolError)},
		{"PB003000", no(op.BankRefused), no(op.BankRefused), no(op.BankRefused)},
		{"PB040000", no(op.BankRefused), no(op.BankRefused), no(op.BankRefused)},
		{"PB030X01", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"PS500001", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"PS500004", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"PS500022", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"ES000025", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"PB000025", unmapped, unmapped, unmapped}, // no system code
		{"ES000033", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"ES000098", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"ES000099", no(op.BankBusy), unknown(op.BankBusy), unknown(op.BankBusy)},
		{"PS500098", no(op.BankBusy), unknown(op.BankBusy), unknown(op.BankBusy)},
		{"PS500030", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"RS600030", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"PB528999", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"AB0A2000", unknown(op.BankTimeout), unknown(op.BankTimeout), unknown(op.BankTimeout)},
		{"PB520006", unmapped, unmapped, unmapped}, // a paying code
		{"PB511007", unmapped, unmapped, unmapped}, // in a list without a meaning
		{"ES000041", unmapped, unmapped, unmapped}, // means something in a query only
	}
	a := newAdapter()
	for _, c := range cases {
		for kind, want := range map[op.Kind]op.Result{op.Apply: c.apply, op.Challenge: c.apply, op.Confirm: c.confirm, op.Unsign: c.unsign} {
			want.RawCode = c.code
			layers := map[string]wire.Message{"business layer": answer(operation(kind), well, c.code, "")}
			if c.code != well {
				layers["both layers"] = answer(operation(kind), c.code, c.code, "")
				layers["system layer, business blank"] = answer(operation(kind), c.code, "", "")
			}
			for layer, m := range layers {
				if diff := cmp.Diff(want, a.Result(operation(kind), m), ignore); diff != "" {
					t.Errorf("%s, %s, %s (-want +got):\n%s", c.code, kind, layer, diff)
				}
			}
			if c.code == well {
				continue
			}
			system := &epcc.System{SysRtnInf: epcc.SystemResult{SysRtnCd: c.code}}
			if got := a.Result(operation(kind), system); got.Outcome != want.Outcome || got.Reason != want.Reason {
				t.Errorf("%s, %s, as a 303: got %v %s", c.code, kind, got.Outcome, got.Reason)
			}
			// The same code as the original's fate, in a query.
			q := operation(op.Query)
			q.Original.Kind = kind
			m := answer(q, well, c.code, "").(*epcc.QueryReceipt)
			m.OriTrxInf.OriTrxCtgy = map[op.Kind]string{op.Apply: "0201", op.Challenge: "0201", op.Confirm: "0202", op.Unsign: "0203"}[kind]
			got := a.Result(q, m)
			if c.code == "ES000041" {
				if got.Outcome != op.Accepted || !got.NotFound || got.Of != nil {
					t.Errorf("%s in a query: %+v", c.code, got)
				}
				continue
			}
			if got.Of == nil {
				t.Errorf("%s, query of %s: nothing told: %+v", c.code, kind, got)
				continue
			}
			if diff := cmp.Diff(want, *got.Of, ignore); diff != "" || got.Outcome != op.Accepted {
				t.Errorf("%s, query of %s (-want +got):\n%s", c.code, kind, diff)
			}
		}
	}
}

func TestTimeoutsUnderBusy(t *testing.T) {
	a := newAdapter()
	for _, desc := range []string{"PS500030", "PS500031 peer", "RS600030"} {
		got := a.Result(operation(op.Apply), answer(operation(op.Apply), well, "ES000099", desc))
		if got.Outcome != op.Unknown || got.Reason != op.BankTimeout || got.Fault != op.MemberFault {
			t.Errorf("%s: %+v", desc, got)
		}
	}
}

func TestOverrides(t *testing.T) {
	a := newAdapter()
	cases := []struct {
		bank string
		kind op.Kind
		code string
		want op.Outcome
		why  op.Reason
	}{
		{"odd", op.Apply, "PB511024", op.Refused, op.RiskRefused},
		{"abc", op.Apply, "PB511024", op.Unknown, op.BankProtocolError},
		{"odd", op.Confirm, "PB511027", op.Refused, op.CodeLocked},
		{"odd", op.Apply, "PB511027", op.Refused, op.CodeWrong},
		{"odd", op.Confirm, "PB511016", op.Unknown, op.BankTimeout},
		{"odd", op.Apply, "PB511018", op.Refused, op.BankBusy},
		{"odd", op.Confirm, "PB511018", op.Unknown, op.BankBusy},
	}
	for _, c := range cases {
		o := operation(c.kind)
		o.Bank = c.bank
		if got := a.Result(o, answer(o, well, c.code, "")); got.Outcome != c.want || got.Reason != c.why {
			t.Errorf("%s %s %s: got %v %s, want %v %s", c.bank, c.kind, c.code, got.Outcome, got.Reason, c.want, c.why)
		}
	}
}

func TestAccepted(t *testing.T) {
	a := newAdapter()
	got := a.Result(operation(op.Confirm), answer(operation(op.Confirm), well, well, ""))
	if got.Outcome != op.Accepted || got.Agreement != agreement || got.Class != "I" {
		t.Errorf("sign: %+v", got)
	}
	q := answer(operation(op.Query), well, well, "").(*epcc.QueryReceipt)
	q.BizInf.SgnNo = agreement
	got = a.Result(operation(op.Query), q)
	if got.Of == nil || got.Of.Outcome != op.Accepted || got.Of.Agreement != agreement {
		t.Errorf("query: %+v", got)
	}
	q.BizInf.SgnNo = ""
	if got = a.Result(operation(op.Query), q); got.Of == nil || got.Of.Outcome != op.Unknown {
		t.Errorf("signed without a number: %+v", got)
	}
	for level, want := range map[string]string{"1": "I", "二级账户": "II", "Ⅲ": "III", "9": "", "": ""} {
		m := answer(operation(op.Apply), well, well, "").(*epcc.SignReceipt)
		m.SgnInf.SgnAcctLvl = level
		if got := a.Result(operation(op.Apply), m).Class; got != want {
			t.Errorf("level %q: got %q, want %q", level, got, want)
		}
	}
}

// Each row is an answer that must not be believed, whatever it says.
func TestNotBelieved(t *testing.T) {
	sign := func(biz string, f func(*epcc.SignReceipt)) wire.Message {
		m := answer(operation(op.Confirm), well, biz, "").(*epcc.SignReceipt)
		f(m)
		return m
	}
	unsign := func(f func(*epcc.UnsignReceipt)) wire.Message {
		m := answer(operation(op.Unsign), well, well, "").(*epcc.UnsignReceipt)
		f(m)
		return m
	}
	query := func(biz string, f func(*epcc.QueryReceipt)) wire.Message {
		m := answer(operation(op.Query), well, biz, "").(*epcc.QueryReceipt)
		f(m)
		return m
	}
	other := strings.Replace(number, "1", "2", 1)
	cases := map[string]struct {
		kind op.Kind
		m    wire.Message
	}{
		"no message":              {op.Confirm, nil},
		"a request":               {op.Confirm, &epcc.Sign{}},
		"empty receipt":           {op.Confirm, &epcc.SignReceipt{}},
		"empty 104":               {op.Unsign, &epcc.UnsignReceipt{}},
		"empty 302":               {op.Query, &epcc.QueryReceipt{}},
		"303 that says well":      {op.Confirm, &epcc.System{SysRtnInf: epcc.SystemResult{SysRtnCd: well}}},
		"receipt of another kind": {op.Unsign, answer(operation(op.Confirm), well, well, "")},
		"302 for a sign":          {op.Confirm, answer(operation(op.Query), well, well, "")},
		"other number":            {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.OriTrxInf.TrxId = other })},
		"other number refused":    {op.Confirm, sign("PB511027", func(m *epcc.SignReceipt) { m.OriTrxInf.TrxId = other })},
		"no number":               {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.OriTrxInf.TrxId = "" })},
		"other step":              {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.OriTrxInf.TrxCtgy = "0201" })},
		"other step refused":      {op.Confirm, sign("PB511017", func(m *epcc.SignReceipt) { m.OriTrxInf.TrxCtgy = "0201" })},
		"other member":            {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.SgnInf.SgnAcctIssrId = "C1010511000019" })},
		"other institution":       {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.InstgInf.InstgId = "Z2000000000009" })},
		"other card":              {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.SgnInf.SgnAcctId = secret.NewCard("6228480000000000026") })},
		"no agreement number":     {op.Confirm, sign(well, func(m *epcc.SignReceipt) { m.BizInf.SgnNo = "" })},
		"business blank":          {op.Confirm, sign("", func(*epcc.SignReceipt) {})},
		"layers contradict":       {op.Confirm, answer(operation(op.Confirm), "ES000099", well, "")},
		"unsign of another":       {op.Unsign, unsign(func(m *epcc.UnsignReceipt) { m.SgnInf.SgnNo = "SGN2" })},
		"unsign, other number":    {op.Unsign, unsign(func(m *epcc.UnsignReceipt) { m.RescindInf.TrxId = other })},
		"unsign, other member":    {op.Unsign, unsign(func(m *epcc.UnsignReceipt) { m.SgnInf.SgnAcctIssrId = "C1010511000019" })},
		"query of another":        {op.Query, query(well, func(m *epcc.QueryReceipt) { m.OriTrxInf.OriTrxId = other })},
		"not found, of another":   {op.Query, query("ES000041", func(m *epcc.QueryReceipt) { m.OriTrxInf.OriTrxId = other })},
		"query, other step":       {op.Query, query(well, func(m *epcc.QueryReceipt) { m.OriTrxInf.OriTrxCtgy = "0201" })},
		"query, other bank":       {op.Query, query(well, func(m *epcc.QueryReceipt) { m.OriTrxInf.SinkInstgId = "C1010511000019" })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := newAdapter().Result(operation(c.kind), c.m)
			if got.Outcome != op.Unknown || got.Of != nil || got.NotFound || got.Err == nil {
				t.Fatalf("believed: %+v", got)
			}
			if strings.Contains(got.Err.Error(), number) || strings.Contains(got.Err.Error(), card) {
				t.Errorf("error quotes a field: %v", got.Err)
			}
		})
	}
}

func TestQuerysOwnTroubleTellsNothing(t *testing.T) {
	a := newAdapter()
	for _, code := range []string{"ES000033", "ES000099", "PS500025", "XX999999"} {
		m := answer(operation(op.Query), code, well, "")
		if got := a.Result(operation(op.Query), m); got.Of != nil || got.NotFound || got.Outcome == op.Accepted {
			t.Errorf("%s: %+v", code, got)
		}
	}
}

// Whatever an answer holds, there is a result, and it accepts only what is surely ours.
func TestHostileAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", well, number, member, institution, agreement, "0201", "0202", "0203", "PB511027", "ES000041", "ES0", "\x00", "汉字"})
		pick := func(label string) string { return text.Draw(t, label) }
		biz := epcc.BizResult{SgnNo: pick("sgn"), BizStsCd: pick("biz"), BizStsDesc: pick("desc")}
		sys := epcc.SystemResult{SysRtnCd: pick("sys")}
		inst := epcc.Institution{InstgId: pick("inst")}
		m := rapid.SampledFrom([]wire.Message{
			&epcc.SignReceipt{SysRtnInf: sys, BizInf: biz, InstgInf: inst,
				SgnInf:    epcc.ReceiptInfo{SgnAcctIssrId: pick("issr"), SgnAcctId: secret.NewCard(pick("card")), SgnAcctLvl: pick("lvl")},
				OriTrxInf: epcc.OriginalTrx{TrxCtgy: pick("ctgy"), TrxId: pick("trx")}},
			&epcc.UnsignReceipt{SysRtnInf: sys, BizInf: biz, InstgInf: inst,
				SgnInf:     epcc.UnsignInfo{SgnAcctIssrId: pick("issr"), SgnNo: pick("no")},
				RescindInf: epcc.Rescind{TrxId: pick("trx")}},
			&epcc.QueryReceipt{SysRtnInf: sys, BizInf: biz, OriTrxInf: epcc.QueryTrx{OriTrxCtgy: pick("ctgy"), OriTrxId: pick("trx"), SinkInstgId: pick("sink")}},
			&epcc.System{SysRtnInf: sys}, (*epcc.Sign)(nil), nil,
		}).Draw(t, "message")
		kind := rapid.SampledFrom([]op.Kind{op.Apply, op.Challenge, op.Confirm, op.Unsign, op.Query, op.Verify, op.Cancel, "dance"}).Draw(t, "kind")
		o := operation(kind)
		got := newAdapter().Result(o, m)
		if got.Outcome == op.NotSent || got.Outcome == op.Pending {
			t.Fatalf("an answer can't be %v", got.Outcome)
		}
		if got.Outcome == op.Accepted {
			if s, ok := m.(*epcc.SignReceipt); ok && (s.OriTrxInf.TrxId != number || (kind == op.Confirm && got.Agreement == "")) {
				t.Fatalf("accepted what is not ours: %+v", got)
			}
		}
		_, _, _ = newAdapter().Heard(m, begun)
	})
}

func TestHeard(t *testing.T) {
	notice := func(f func(*epcc.UnsignReceipt)) *epcc.UnsignReceipt {
		m := &epcc.UnsignReceipt{
			SgnInf:   epcc.UnsignInfo{SgnAcctIssrId: member, SgnAcctTp: "00", SgnAcctShrtId: "0018", SgnNo: agreement},
			InstgInf: epcc.Institution{InstgId: institution}, RescindInf: epcc.Rescind{TrxId: number},
		}
		f(m)
		return m
	}
	a := newAdapter()
	got, ack, ok := a.Heard(notice(func(*epcc.UnsignReceipt) {}), begun)
	want := op.Notice{Kind: op.Unsign, Member: member, Agreement: agreement, Number: number}
	system, isSystem := ack.(*epcc.System)
	if !ok || got != want || !isSystem || system.SysRtnInf.SysRtnCd != well || system.SndDt != "2024-06-01T10:00:00" {
		t.Fatalf("got %+v, %+v, %v", got, ack, ok)
	}
	for name, m := range map[string]wire.Message{
		"an answer":         notice(func(m *epcc.UnsignReceipt) { m.SysRtnInf.SysRtnCd = well }),
		"no agreement":      notice(func(m *epcc.UnsignReceipt) { m.SgnInf.SgnNo = "" }),
		"not unsigned":      notice(func(m *epcc.UnsignReceipt) { m.BizInf.BizStsCd = "PB512099" }),
		"other institution": notice(func(m *epcc.UnsignReceipt) { m.InstgInf.InstgId = "Z2000000000009" }),
		"another type":      &epcc.System{},
		"nothing":           nil,
	} {
		if got, _, ok := a.Heard(m, begun); ok {
			t.Errorf("%s: taken for %+v", name, got)
		}
	}
}
