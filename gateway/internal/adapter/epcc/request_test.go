package epcc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	adapter "kaqiao/gateway/internal/adapter/epcc"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

const (
	institution = "Z2000000000001"
	member      = "C1010311000014"
	number      = "2024060100000000000000011760001"
	card        = "6228480000000000018"
	agreement   = "SGN20240601000000001"
)

// Ten o'clock in Beijing, said in another zone.
var begun = time.Date(2024, 6, 1, 2, 0, 0, 0, time.UTC)

func options() epcc.Options {
	yes := true
	return epcc.Options{
		Institution: institution, Direction: "11", ReservedDigit: "1", ControlDigits: "760001",
		DebitType: "00", CreditType: "01", CreditFields: &yes, UnsignCategory: "0203",
		DocumentTypes: []epcc.DocumentType{{Type: "resident_id", IDTp: "01"}, {Type: "passport", IDTp: "03"}},
	}
}

func newAdapter() *adapter.Adapter {
	return adapter.New(options(), &profiles.Set{Banks: []*profiles.Bank{{ID: "odd", Codes: []profiles.CodeRule{
		{Code: "PB511024", Reason: "risk_refused"},
		{Code: "PB511027", Operation: "confirm", Reason: "code_locked"},
		{Code: "PB511016", Operation: "confirm", Reason: "bank_timeout"},
		{Code: "PB511018", Reason: "bank_busy"},
	}}}})
}

func person() op.Person {
	return op.Person{
		Card: secret.NewCard(card), CardType: "debit", Name: secret.NewName("张三"),
		DocumentType: "resident_id", Document: secret.NewDocument("11010119900307123X"), Mobile: secret.NewMobile("+8613800138000"),
	}
}

func operation(kind op.Kind) op.Operation {
	o := op.Operation{
		Kind: kind, Channel: "nucc", Bank: "abc", Member: member, Number: number,
		At: begun.Add(90 * time.Second), Begun: begun, Person: person(), Account: "w1",
	}
	switch kind {
	case op.Confirm:
		o.Code = secret.NewCode("123456")
	case op.Unsign:
		o.Agreement, o.CardTail, o.CardType = agreement, "0018", "credit"
	case op.Query:
		o.Number, o.Original = "", &op.Original{Kind: op.Confirm, Number: number, At: begun}
	}
	return o
}

// flat spells a message out, secrets included, so that every value is compared.
func flat(m wire.Message) string {
	switch m := m.(type) {
	case *epcc.Sign:
		g := m.SgnInf
		return fmt.Sprintf("%+v %s %s %s %s %s %s %s cvn2=%s vlddt=%s %s %s %s auth=%s %s acct=%s", m.Header,
			g.SgnAcctIssrId, g.SgnAcctTp, g.SgnAcctId.Reveal(), g.SgnAcctNm.Reveal(), g.IDTp, g.IDNo.Reveal(), g.MobNo.Reveal(),
			g.CVN2.Reveal(), g.VldDt.Reveal(), m.TrxInf.TrxCtgy, m.TrxInf.TrxId, m.TrxInf.TrxDtTm, m.TrxInf.AuthMsg.Reveal(),
			m.InstgInf.InstgId, m.InstgInf.InstgAcct.Reveal())
	case *epcc.Unsign:
		return fmt.Sprintf("%+v %+v %s acct=%s %+v", m.Header, m.SgnInf, m.InstgInf.InstgId, m.InstgInf.InstgAcct.Reveal(), m.RescindInf)
	case *epcc.Query:
		return fmt.Sprintf("%+v %+v", m.Header, m.OriTrxInf)
	}
	return fmt.Sprintf("%T", m)
}

// The expected messages are the assembled samples of the protocol's field lists, filled in by hand.
func TestRequest(t *testing.T) {
	credit := operation(op.Apply)
	credit.Person.CardType, credit.Person.CVV, credit.Person.Expiry = "credit", secret.NewCVV("123"), secret.NewExpiry("2029-08")
	creditConfirm := credit
	creditConfirm.Kind, creditConfirm.Code = op.Confirm, secret.NewCode("123456")
	again := credit
	again.Kind = op.Challenge
	const header = "{SndDt:2024-06-01T10:01:30 IssrId:Z2000000000001 Drctn:11 SignSN:} "
	const who = "C1010311000014 00 6228480000000000018 张三 01 11010119900307123X 13800138000 "
	const creditWho = "C1010311000014 01 6228480000000000018 张三 01 11010119900307123X 13800138000 "
	cases := map[string]struct {
		o    op.Operation
		typ  string
		want string
	}{
		"code request": {operation(op.Apply), "epcc.101.001.01",
			header + who + "cvn2= vlddt= 0201 " + number + " 2024-06-01T10:00:00 auth= Z2000000000001 acct="},
		"code again": {operation(op.Challenge), "epcc.101.001.01",
			header + who + "cvn2= vlddt= 0201 " + number + " 2024-06-01T10:00:00 auth= Z2000000000001 acct="},
		"sign": {operation(op.Confirm), "epcc.101.001.01",
			header + who + "cvn2= vlddt= 0202 " + number + " 2024-06-01T10:00:00 auth=123456 Z2000000000001 acct=w1"},
		"credit card": {credit, "epcc.101.001.01",
			header + creditWho + "cvn2=123 vlddt=0829 0201 " + number + " 2024-06-01T10:00:00 auth= Z2000000000001 acct="},
		"credit card signs": {creditConfirm, "epcc.101.001.01",
			header + creditWho + "cvn2= vlddt= 0202 " + number + " 2024-06-01T10:00:00 auth=123456 Z2000000000001 acct=w1"},
		"credit card, code again": {again, "epcc.101.001.01",
			header + creditWho + "cvn2=123 vlddt=0829 0201 " + number + " 2024-06-01T10:00:00 auth= Z2000000000001 acct="},
		"unsign": {operation(op.Unsign), "epcc.103.001.01",
			header + "{SgnAcctIssrId:C1010311000014 SgnAcctTp:01 SgnAcctShrtId:0018 SgnNo:" + agreement + "} Z2000000000001 acct=w1 {TrxId:" + number + " TrxDtTm:2024-06-01T10:01:30}"},
		"query": {operation(op.Query), "epcc.301.001.01",
			header + "{OriTrxCtgy:0202 OriTrxId:" + number + " SrcInstgId:Z2000000000001 SinkInstgId:C1010311000014}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := newAdapter().Request(c.o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, flat(m)); diff != "" || m.Type() != c.typ {
				t.Errorf("%s (-want +got):\n%s", m.Type(), diff)
			}
		})
	}
}

func TestRequestRefuses(t *testing.T) {
	change := func(kind op.Kind, f func(*op.Operation)) op.Operation {
		o := operation(kind)
		f(&o)
		return o
	}
	cases := map[string]struct {
		o    op.Operation
		want error
	}{
		"verify":                {operation(op.Verify), adapter.ErrOperation},
		"cancel":                {operation(op.Cancel), adapter.ErrOperation},
		"unknown document":      {change(op.Apply, func(o *op.Operation) { o.Person.DocumentType = "library_card" }), adapter.ErrDocument},
		"foreign mobile":        {change(op.Apply, func(o *op.Operation) { o.Person.Mobile = secret.NewMobile("+85212345678") }), adapter.ErrMobile},
		"credit without expiry": {change(op.Apply, func(o *op.Operation) { o.Person.CardType = "credit" }), adapter.ErrExpiry},
		"code again without":    {change(op.Challenge, func(o *op.Operation) { o.Person.CardType = "credit" }), adapter.ErrExpiry},
		"expiry the other way":  {change(op.Apply, func(o *op.Operation) { o.Person.CardType, o.Person.Expiry = "credit", secret.NewExpiry("08-2029") }), adapter.ErrExpiry},
		"query of nothing":      {change(op.Query, func(o *op.Operation) { o.Original = nil }), adapter.ErrOperation},
		"query of a query":      {change(op.Query, func(o *op.Operation) { o.Original.Kind = op.Query }), adapter.ErrOperation},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := newAdapter().Request(c.o)
			if m != nil || !errors.Is(err, c.want) {
				t.Fatalf("got %v, %v, want %v", m, err, c.want)
			}
			if strings.Contains(err.Error(), "2029") || strings.Contains(err.Error(), "85212345678") {
				t.Errorf("error quotes a value: %v", err)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	a := newAdapter()
	got, err := a.Number(time.Date(2024, 5, 31, 16, 0, 0, 0, time.UTC), 1)
	if want := "2024060100000000000000011760001"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q: the date is Beijing's", got, err, want)
	}
	if got, err := a.Number(begun, 1e16); err == nil {
		t.Errorf("a serial of 17 digits gave %q", got)
	}
}

func TestRequires(t *testing.T) {
	a := newAdapter()
	for cardType, again := range map[string]string{"debit": "", "semi_credit": "", "credit": "card.cvv,card.expiry"} {
		for kind, want := range map[op.Kind]string{op.Confirm: "code", op.Challenge: again, op.Unsign: ""} {
			if got := strings.Join(a.Requires(kind, cardType), ","); got != want {
				t.Errorf("%s of a %s card: got %s, want %s", kind, cardType, got, want)
			}
		}
	}
}

// What Request or the codec would refuse is named beforehand.
func TestCheck(t *testing.T) {
	a := newAdapter()
	if found := a.Check(person()); found != nil {
		t.Errorf("a good person: %v", found)
	}
	longest := person()
	longest.Name = secret.NewName(strings.Repeat("长", 40))
	if found := a.Check(longest); found != nil {
		t.Errorf("a name of 120 bytes: %v", found)
	}
	bad := op.Person{Name: secret.NewName(strings.Repeat("长", 40) + "x"), DocumentType: "library_card", Mobile: secret.NewMobile("+85212345678")}
	var got []string
	for _, f := range a.Check(bad) {
		got = append(got, f.Pointer)
		if strings.Contains(f.Message, "长") || strings.Contains(f.Message, "library") || strings.Contains(f.Message, "5678") {
			t.Errorf("quotes a value: %s", f.Message)
		}
	}
	if diff := cmp.Diff([]string{"/holder/name", "/holder/document/type", "/holder/mobile"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
