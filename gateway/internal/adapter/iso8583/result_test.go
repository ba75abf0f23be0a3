package iso8583_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

const (
	institution = "04990000"
	member      = "04031000"
	number      = "20240601100130070042" // node 07, serial …0042
	setUp       = "20240601100000070041"
	card        = "6217000000000000012"
	agreement   = "BOB0000000000000001"
)

// Half a minute past ten in Beijing, said in another zone.
var at = time.Date(2024, 6, 1, 2, 1, 30, 0, time.UTC)

func options() iso8583.Options {
	opts, err := iso8583.Options{}.Complete()
	if err != nil {
		panic(err)
	}
	return opts
}

func set() *profiles.Set {
	return &profiles.Set{Banks: []*profiles.Bank{
		{ID: "bob", Routes: []profiles.Route{{Channel: "bob", Member: member}}},
		{ID: "odd", Routes: []profiles.Route{{Channel: "hub", Member: "04030000"}}, Codes: []profiles.CodeRule{
			{Code: "76", Reason: "risk_refused"},
			{Code: "55", Operation: "confirm", Reason: "code_locked"},
			{Code: "77", Operation: "confirm", Reason: "bank_timeout"},
			{Code: "78", Reason: "bank_busy"},
		}},
	}}
}

func newAdapter() *adapter.Adapter { return adapter.New(options(), "bob", set()) }

func person() op.Person {
	return op.Person{
		Card: secret.NewCard(card), CardType: "debit", Name: secret.NewName("张三"),
		DocumentType: "resident_id", Document: secret.NewDocument("11010119900307123X"), Mobile: secret.NewMobile("+8613800138000"),
	}
}

func operation(kind op.Kind) op.Operation {
	o := op.Operation{
		Kind: kind, Channel: "bob", Bank: "bob", Member: member, Number: number, At: at, Begun: at, Person: person(), Account: "w1",
	}
	switch kind {
	case op.Confirm:
		o.Code, o.Signing = secret.NewCode("123456"), setUp
	case op.Unsign:
		o.Person, o.Agreement = op.Person{}, agreement
	case op.Reverse:
		o.Original = &op.Original{Kind: op.Confirm, Number: setUp, At: at}
	}
	return o
}

var processing = map[op.Kind]string{op.Verify: "890000", op.Apply: "891000", op.Challenge: "891000", op.Confirm: "892000", op.Unsign: "893000"}

// answer is what a bank says to an operation, written by hand.
func answer(kind op.Kind, code string) *iso8583.Answer {
	m := &iso8583.Answer{
		Header: iso8583.Header{Destination: institution, Source: member}, Trace: iso8583.Trace{Transmitted: "0601100130", STAN: "070042"},
		Common:       iso8583.Common{PAN: secret.NewCard(card), ProcessingCode: processing[kind], Acquirer: institution, Forwarder: institution, Receiver: member},
		ResponseCode: code,
	}
	switch {
	case kind == op.Unsign:
		m.Common.PAN, m.Common.Usages.Agreement = secret.Card{}, agreement
	case kind == op.Confirm && code == "00":
		m.Common.Usages.Order, m.Common.Usages.Agreement = setUp, agreement
	}
	return m
}

func undone(code string) *iso8583.ReversalAnswer {
	return &iso8583.ReversalAnswer{
		Header: iso8583.Header{Destination: institution, Source: member}, Trace: iso8583.Trace{Transmitted: "0601100130", STAN: "070042"},
		Common: iso8583.Common{ProcessingCode: "892000"}, ResponseCode: code,
		Original: iso8583.Original{MTI: "0100", STAN: "070041", Transmitted: "0601100000", Acquirer: "00004990000", Forwarder: "00004990000"},
	}
}

var ignore = cmpopts.IgnoreFields(op.Result{}, "Err", "RawCode", "Agreement")

func no(r op.Reason) op.Result { return op.Result{Outcome: op.Refused, Reason: r} }
func maybe(r op.Reason) op.Result {
	return op.Result{Outcome: op.Unknown, Reason: r, Fault: op.MemberFault}
}

var (
	yes      = op.Result{Outcome: op.Accepted}
	unmapped = op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, Fault: op.MemberFault, Unmapped: true}
	failure  = op.Result{Outcome: op.Refused, Reason: op.BankRefused, Unmapped: true}
)

func TestCodes(t *testing.T) {
	a := newAdapter()
	for _, c := range []struct {
		code                           string
		verify, apply, confirm, unsign op.Result
	}{
		{"00", yes, yes, yes, yes},
		{"05", no(op.IdentityMismatch), no(op.IdentityMismatch), no(op.IdentityMismatch), unmapped},
		{"09", failure, no(op.TooManyRequests), unmapped, unmapped},
		{"12", no(op.BankRefused), no(op.BankRefused), no(op.BankRefused), no(op.BankRefused)},
		{"14", no(op.CardInvalid), no(op.CardInvalid), no(op.CardInvalid), unmapped},
		{"25", failure, unmapped, no(op.CodeExpired), no(op.AgreementNotFound)},
		{"30", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"38", no(op.SignCountExceeded), no(op.SignCountExceeded), no(op.CodeLocked), unmapped},
		{"41", no(op.CardLost), no(op.CardLost), no(op.CardLost), unmapped},
		{"43", no(op.CardLost), no(op.CardLost), no(op.CardLost), unmapped},
		{"54", no(op.CardExpired), no(op.CardExpired), no(op.CardExpired), unmapped},
		{"55", no(op.CVVMismatch), no(op.CVVMismatch), no(op.CodeWrong), unmapped},
		{"57", no(op.OnlinePaymentNotOpened), no(op.OnlinePaymentNotOpened), no(op.OnlinePaymentNotOpened), unmapped},
		{"58", no(op.BankRefused), no(op.BankRefused), no(op.BankRefused), no(op.BankRefused)},
		{"59", no(op.RiskRefused), no(op.RiskRefused), no(op.RiskRefused), unmapped},
		{"62", no(op.AccountFrozen), no(op.AccountFrozen), no(op.AccountFrozen), unmapped},
		{"65", no(op.SignCountExceeded), no(op.SignCountExceeded), no(op.SignCountExceeded), unmapped},
		{"75", no(op.SignCountExceeded), no(op.SignCountExceeded), no(op.CodeLocked), unmapped},
		{"A0", no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError), no(op.BankProtocolError)},
		{"06", no(op.BankBusy), no(op.BankBusy), maybe(op.BankBusy), maybe(op.BankBusy)},
		{"96", no(op.BankBusy), no(op.BankBusy), maybe(op.BankBusy), maybe(op.BankBusy)},
		{"68", maybe(op.BankTimeout), maybe(op.BankTimeout), maybe(op.BankTimeout), maybe(op.BankTimeout)},
		{"98", maybe(op.BankTimeout), maybe(op.BankTimeout), maybe(op.BankTimeout), maybe(op.BankTimeout)},
		{"91", maybe(op.BankUnavailable), maybe(op.BankUnavailable), maybe(op.BankUnavailable), maybe(op.BankUnavailable)},
		{"94", maybe(op.BankProtocolError), maybe(op.BankProtocolError), maybe(op.BankProtocolError), maybe(op.BankProtocolError)},
		{"51", failure, unmapped, unmapped, unmapped}, // a paying code
		{"ZZ", failure, unmapped, unmapped, unmapped},
	} {
		for kind, want := range map[op.Kind]op.Result{op.Verify: c.verify, op.Apply: c.apply, op.Challenge: c.apply, op.Confirm: c.confirm, op.Unsign: c.unsign} {
			got := a.Result(operation(kind), answer(kind, c.code))
			if diff := cmp.Diff(want, got, ignore); diff != "" || got.RawCode != c.code {
				t.Errorf("%s, %s (-want +got):\n%s", c.code, kind, diff)
			}
		}
	}
}

func TestReversalAnswers(t *testing.T) {
	a := newAdapter()
	for code, want := range map[string]op.Result{
		"00": {Outcome: op.Accepted, Undone: true}, "25": {Outcome: op.Accepted, Undone: true, NotFound: true}, "12": {Outcome: op.Accepted, Undone: true},
		"68": maybe(op.BankTimeout), "96": maybe(op.BankBusy), "94": maybe(op.BankProtocolError), "05": unmapped,
		"A0": no(op.BankProtocolError), "58": no(op.BankRefused),
	} {
		if diff := cmp.Diff(want, a.Result(operation(op.Reverse), undone(code)), ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", code, diff)
		}
	}
}

func TestOverrides(t *testing.T) {
	a := newAdapter()
	for _, c := range []struct {
		bank, code string
		kind       op.Kind
		want       op.Outcome
		why        op.Reason
	}{
		{"odd", "76", op.Apply, op.Refused, op.RiskRefused},
		{"bob", "76", op.Apply, op.Unknown, op.BankProtocolError},
		{"odd", "55", op.Confirm, op.Refused, op.CodeLocked},
		{"odd", "55", op.Apply, op.Refused, op.CVVMismatch},
		{"odd", "77", op.Confirm, op.Unknown, op.BankTimeout},
		{"odd", "78", op.Apply, op.Refused, op.BankBusy},
		{"odd", "78", op.Confirm, op.Unknown, op.BankBusy},
	} {
		o := operation(c.kind)
		o.Bank = c.bank
		if got := a.Result(o, answer(c.kind, c.code)); got.Outcome != c.want || got.Reason != c.why {
			t.Errorf("%s %s %s: got %v %s", c.bank, c.kind, c.code, got.Outcome, got.Reason)
		}
	}
}

func TestAccepted(t *testing.T) {
	a := newAdapter()
	m := answer(op.Confirm, "00")
	m.Common.Details.AccountClass = "2"
	got := a.Result(operation(op.Confirm), m)
	if got.Outcome != op.Accepted || got.Agreement != agreement || got.Class != "II" {
		t.Errorf("sign: %+v", got)
	}
	virtual := operation(op.Apply)
	virtual.Person.CardType = "virtual"
	if got := a.Result(virtual, answer(op.Apply, "57")); got.Reason != op.VirtualCardNoPermission {
		t.Errorf("a virtual card: %+v", got)
	}
}

// Each row is an answer that must not be believed, whatever it says.
func TestNotBelieved(t *testing.T) {
	sign := func(code string, f func(*iso8583.Answer)) wire.Message {
		m := answer(op.Confirm, code)
		f(m)
		return m
	}
	undo := func(f func(*iso8583.ReversalAnswer)) wire.Message {
		m := undone("00")
		f(m)
		return m
	}
	bounce := func(f func(*iso8583.Bounced)) wire.Message {
		m := bounced("00045")
		f(m)
		return m
	}
	for name, c := range map[string]struct {
		kind op.Kind
		m    wire.Message
	}{
		"no message":              {op.Confirm, nil},
		"a typed nothing":         {op.Confirm, (*iso8583.Answer)(nil)},
		"a request":               {op.Confirm, &iso8583.Request{}},
		"an empty answer":         {op.Confirm, &iso8583.Answer{}},
		"an answer to a reversal": {op.Confirm, undone("00")},
		"an answer for reversals": {op.Reverse, answer(op.Confirm, "00")},
		"another STAN":            {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Trace.STAN = "070043" })},
		"another STAN, refused":   {op.Confirm, sign("55", func(m *iso8583.Answer) { m.Trace.STAN = "070043" })},
		"another second":          {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Trace.Transmitted = "0601100131" })},
		"another card":            {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Common.PAN = secret.NewCard("6217000000000000020") })},
		"another card, refused":   {op.Confirm, sign("14", func(m *iso8583.Answer) { m.Common.PAN = secret.NewCard("6217000000000000020") })},
		"another step":            {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Common.ProcessingCode = "891000" })},
		"another order":           {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Common.Usages.Order = number })},
		"another bank":            {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Header.Source = "04030000" })},
		"to somebody else":        {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Header.Destination = "04990001" })},
		"another receiver":        {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Common.Receiver = "04030000" })},
		"no agreement":            {op.Confirm, sign("00", func(m *iso8583.Answer) { m.Common.Usages.Agreement = "" })},
		"no code":                 {op.Confirm, sign("", func(*iso8583.Answer) {})},
		"another agreement": {op.Unsign, func() wire.Message {
			m := answer(op.Unsign, "00")
			m.Common.Usages.Agreement = "BOB2"
			return m
		}()},
		"reversal of another":         {op.Reverse, undo(func(m *iso8583.ReversalAnswer) { m.Original.STAN = "070040" })},
		"reversal, another STAN":      {op.Reverse, undo(func(m *iso8583.ReversalAnswer) { m.Trace.STAN = "070040" })},
		"reversal of another step":    {op.Reverse, undo(func(m *iso8583.ReversalAnswer) { m.Common.ProcessingCode = "891000" })},
		"reversal, no code":           {op.Reverse, undo(func(m *iso8583.ReversalAnswer) { m.ResponseCode = "" })},
		"another's message came back": {op.Confirm, bounce(func(m *iso8583.Bounced) { m.Trace.STAN = "070043" })},
		"another type came back":      {op.Confirm, bounce(func(m *iso8583.Bounced) { m.MTI = "0420" })},
	} {
		t.Run(name, func(t *testing.T) {
			got := newAdapter().Result(operation(c.kind), c.m)
			if got.Outcome != op.Unknown || got.Undone || got.Err == nil {
				t.Fatalf("believed: %+v", got)
			}
			if strings.Contains(got.Err.Error(), card) || strings.Contains(got.Err.Error(), number) {
				t.Errorf("error quotes a field: %v", got.Err)
			}
		})
	}
}

func bounced(reject string) *iso8583.Bounced {
	return &iso8583.Bounced{
		Header: iso8583.Header{Destination: institution, Source: member}, Reject: reject, MTI: "0100",
		Trace: iso8583.Trace{Transmitted: "0601100130", STAN: "070042"},
	}
}

// What came back unread was not executed.
func TestBounced(t *testing.T) {
	for reject, why := range map[string]op.Reason{"00045": op.BankProtocolError, "00025": op.ProtocolVersionUnsupported} {
		got := newAdapter().Result(operation(op.Confirm), bounced(reject))
		if got.Outcome != op.Refused || got.Reason != why || got.RawCode != reject {
			t.Errorf("%s: %+v", reject, got)
		}
	}
}

func TestHeard(t *testing.T) {
	a := newAdapter()
	late := at.Add(40 * time.Second)
	n, ack, ok := a.Heard(answer(op.Confirm, "00"), late)
	if !ok || ack != nil || n.Kind != op.Confirm || n.Member != member || n.Of != number || n.Result == nil ||
		n.Result.Outcome != op.Accepted || n.Result.Agreement != agreement || n.Card.Reveal() != card {
		t.Errorf("a late yes: %+v, %v, %v", n, ack, ok)
	}
	if n, _, ok = a.Heard(answer(op.Apply, "62"), late); !ok || n.Kind != op.Apply || n.Result.Reason != op.AccountFrozen {
		t.Errorf("a late no: %+v, %v", n, ok)
	}
	if n, _, ok = a.Heard(bounced("00045"), late); !ok || n.Of != number || n.Result.Outcome != op.Refused {
		t.Errorf("a late bounce: %+v, %v", n, ok)
	}
	for name, m := range map[string]wire.Message{
		"nothing": nil, "a reversal's": undone("00"), "a typed nothing": (*iso8583.Answer)(nil),
		"an echo's":   &iso8583.NetworkAnswer{Code: "301", ResponseCode: "00"},
		"no step":     &iso8583.Answer{Header: iso8583.Header{Destination: institution, Source: member}},
		"to somebody": func() wire.Message { m := answer(op.Confirm, "00"); m.Header.Destination = "1"; return m }(),
		"no time":     func() wire.Message { m := answer(op.Confirm, "00"); m.Trace.Transmitted = "0230100000"; return m }(),
	} {
		if n, _, ok := a.Heard(m, late); ok {
			t.Errorf("%s: taken for %+v", name, n)
		}
	}
}

// Field 7 has no year: it is the one that lies nearest.
func TestHeardAtNewYear(t *testing.T) {
	m := answer(op.Confirm, "00")
	m.Trace.Transmitted = "1231235959"
	n, _, _ := newAdapter().Heard(m, time.Date(2025, 1, 1, 0, 0, 20, 0, profiles.Beijing))
	if n.Of != "20241231235959070042" {
		t.Errorf("got %s", n.Of)
	}
	m.Trace.Transmitted = "0101000001"
	n, _, _ = newAdapter().Heard(m, time.Date(2024, 12, 31, 23, 59, 58, 0, profiles.Beijing))
	if n.Of != "20250101000001070042" {
		t.Errorf("a bank whose clock is ahead: got %s", n.Of)
	}
}

// Whatever an answer holds, there is a result, and it accepts only what is surely ours.
func TestHostileAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "00", "25", "55", member, institution, agreement, number, setUp, "892000", "891000", "0601100130", "070042", "\x00", "汉字"})
		pick := func(label string) string { return text.Draw(t, label) }
		head := iso8583.Header{Destination: pick("to"), Source: pick("from")}
		trace := iso8583.Trace{Transmitted: pick("f7"), STAN: pick("f11")}
		common := iso8583.Common{
			PAN: secret.NewCard(pick("pan")), ProcessingCode: pick("f3"), Receiver: pick("f100"), Acquirer: pick("f32"),
			Usages: iso8583.Usages{Order: pick("on"), Agreement: pick("ag")}, Details: iso8583.Details{AccountClass: pick("class")},
		}
		m := rapid.SampledFrom([]wire.Message{
			&iso8583.Answer{Header: head, Trace: trace, Common: common, ResponseCode: pick("f39")},
			&iso8583.ReversalAnswer{Header: head, Trace: trace, Common: common, ResponseCode: pick("f39"), Original: iso8583.Original{STAN: pick("o11"), Transmitted: pick("o7")}},
			&iso8583.Bounced{Header: head, Trace: trace, Reject: pick("reject"), MTI: pick("mti")},
			&iso8583.NetworkAnswer{ResponseCode: "00"}, &iso8583.Request{}, nil,
		}).Draw(t, "message")
		kind := rapid.SampledFrom([]op.Kind{op.Verify, op.Apply, op.Challenge, op.Confirm, op.Unsign, op.Reverse, op.Query, op.Cancel, "dance"}).Draw(t, "kind")
		got := newAdapter().Result(operation(kind), m)
		if got.Outcome == op.NotSent || got.Outcome == op.Pending {
			t.Fatalf("an answer can't be %v", got.Outcome)
		}
		if got.Outcome == op.Accepted && (iso8583.TraceOf(m) != iso8583.Trace{Transmitted: "0601100130", STAN: "070042"} || kind == op.Confirm && got.Agreement == "") {
			t.Fatalf("accepted what is not ours: %+v", got)
		}
		_, _, _ = newAdapter().Heard(m, at)
	})
}
