package farm_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/iso8583"
)

// What was done is found by nobody for its time, and then by everybody.
func TestNotFoundForAWhile(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	asks := func(step, number, want string) (found epcc.BizResult) {
		t.Helper()
		if found = must[*epcc.QueryReceipt](w, w.query(step, number, abc)).BizInf; found.BizStsCd != want {
			t.Errorf("the query of %s says %+v, want %s", step, found, want)
		}
		return found
	}
	apply := w.apply(abc, who)
	w.once("/banks/abc", "apply", "not_found_for_a_while", "")
	if got := must[*epcc.SignReceipt](w, apply); got.SysRtnInf.SysRtnCd != "ES000033" {
		t.Errorf("apply: %+v", got.SysRtnInf)
	}
	code := w.code("abc", who.Mobile) // it is there, and the query is blind
	asks("0201", apply.TrxInf.TrxId, "ES000041")
	w.ahead.Add(int64(2900 * time.Millisecond))
	asks("0201", apply.TrxInf.TrxId, "ES000041")
	w.ahead.Add(int64(200 * time.Millisecond)) // more than 3s in all
	asks("0201", apply.TrxInf.TrxId, "00000000")

	w.once("/banks/abc", "confirm", "not_found_for_a_while", `,"for":"1h"`)
	if got := must[*epcc.SignReceipt](w, w.confirm(apply, code)); got.SysRtnInf.SysRtnCd != "ES000033" {
		t.Errorf("confirm: %+v", got.SysRtnInf)
	}
	asks("0201", apply.TrxInf.TrxId, "00000000") // another thing than the confirm of the same number
	if got := asks("0202", apply.TrxInf.TrxId, "ES000041"); got.SgnNo != "" {
		t.Errorf("%+v", got)
	}
	kept := w.exchanges("abc", "number="+apply.TrxInf.TrxId)
	if kept[0].Operation != "query" || kept[0].Fault != "not_found_for_a_while" || kept[1].Fault != "" || kept[2].Outcome != "silent" {
		t.Errorf("kept as %+v", kept[:3])
	}
	w.ahead.Add(int64(time.Hour))
	signed := asks("0202", apply.TrxInf.TrxId, "00000000")
	if signed.SgnNo == "" {
		t.Fatal("nothing was signed")
	}
	unsign := w.unsign(abc, signed.SgnNo, who.Cards[0].Number[15:])
	w.once("/banks/abc", "unsign", "not_found_for_a_while", "")
	if got := must[*epcc.UnsignReceipt](w, unsign); got.SysRtnInf.SysRtnCd != "ES000033" {
		t.Errorf("unsign: %+v", got.SysRtnInf)
	}
	asks("0203", unsign.RescindInf.TrxId, "ES000041")
	w.ahead.Add(int64(4 * time.Second))
	asks("0203", unsign.RescindInf.TrxId, "00000000")
}

// Of queries it strikes those whose original is there and young, at a bank and at its hub.
func TestAQueryThatDoesNotFind(t *testing.T) {
	w := start(t, nil)
	for i, subject := range []string{"/banks/abc", "/channels/nucc"} {
		apply := w.apply(abc, w.customers("abc", "debit")[i])
		w.once(subject, "query", "not_found_for_a_while", `,"for":"10s"`)
		must[*epcc.SignReceipt](w, apply)
		for _, c := range []struct{ number, want string }{
			{w.number(), "ES000041"}, // there is nothing to hide, and the count stands
			{apply.TrxInf.TrxId, "ES000041"},
			{apply.TrxInf.TrxId, "00000000"}, // the count is used up
		} {
			if got := must[*epcc.QueryReceipt](w, w.query("0201", c.number, abc)).BizInf.BizStsCd; got != c.want {
				t.Errorf("%s: %s, want %s", subject, got, c.want)
			}
		}
		w.put(subject, `{"faults":[{"kind":"not_found_for_a_while","operation":"query","for":"10s"}]}`)
		w.ahead.Add(int64(11 * time.Second))
		if got := must[*epcc.QueryReceipt](w, w.query("0201", apply.TrxInf.TrxId, abc)).BizInf.BizStsCd; got != "00000000" {
			t.Errorf("%s: after its time: %s", subject, got)
		}
		w.put(subject, `{"faults":[]}`)
	}
}

// A foreign bank's case is not found either, and goes on.
func TestNotFoundForAWhileAbroad(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	who := a.denizen(1)
	a.once("/banks/hsbc", "apply", "not_found_for_a_while", "")
	a.lost("c1", order{method: "POST", path: "mandate-consents", body: consentBody("c1", who)})
	if got := a.ask("c1"); got.status != 404 {
		t.Errorf("%+v", got)
	}
	a.say("hsbc", a.letters("hsbc", who.Mobile)[0].ID, "approve", 204)
	if got := a.ask("c1"); got.status != 404 {
		t.Errorf("%+v", got)
	}
	a.ahead.Add(int64(4 * time.Second))
	got := a.ask("c1")
	if got.status != 200 || got.text("Status") != "Approved" {
		t.Errorf("%+v", got)
	}
	end := order{
		method: "POST", path: "mandates/" + got.text("MandateId") + "/revocations",
		body: `{"Type":"revocation","Bank":"HSBCCNSH","Data":{"RequestId":"r1","MandateId":"` + got.text("MandateId") +
			`","AccountTail":"` + who.Cards[0].Number[12:] + `","WalletAccount":"w-1"}}`,
	}
	a.once("/banks/hsbc", "unsign", "not_found_for_a_while", "")
	a.lost("r1", end)
	revoked := order{method: "GET", path: "revocations/r1"}
	if got := a.send(revoked); got.status != 404 {
		t.Errorf("%+v", got)
	}
	a.ahead.Add(int64(4 * time.Second))
	if got := a.send(revoked); got.status != 200 || got.text("RequestId") != "r1" {
		t.Errorf("%+v", got)
	}
}

// What a kind can't strike is refused with what it can.
func TestNotFoundForAWhileIsForQueries(t *testing.T) {
	w := start(t, nil)
	status, text := w.control("PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"not_found_for_a_while","operation":"verify"}]}`)
	if status != 400 || !strings.Contains(text, "strikes only apply, confirm, query, unsign") {
		t.Errorf("%d %s", status, text)
	}
}

// A bank signs and is silent; the first query is told that it refused, the next the truth.
func TestAContradiction(t *testing.T) {
	w := start(t, nil)
	asks := func(step, number, want string) (found epcc.BizResult) {
		t.Helper()
		if found = must[*epcc.QueryReceipt](w, w.query(step, number, abc)).BizInf; found.BizStsCd != want {
			t.Errorf("the query of %s says %+v, want %s", step, found, want)
		}
		return found
	}
	who := w.customers("abc", "debit")[0]
	apply := must1(w, w.apply(abc, who))
	w.once("/banks/abc", "confirm", "contradiction", "")
	if got := must[*epcc.SignReceipt](w, w.confirm(apply, w.code("abc", who.Mobile))); got.SysRtnInf.SysRtnCd != "ES000033" {
		t.Errorf("confirm: %+v", got.SysRtnInf)
	}
	number := apply.TrxInf.TrxId
	if lie := asks("0202", number, "PB511017"); lie.SgnNo != "" {
		t.Errorf("%+v", lie)
	}
	if kept := w.exchanges("abc", "number="+number); kept[0].Fault != "contradiction" || kept[1].Outcome != "silent" {
		t.Errorf("kept as %+v", kept[:2])
	}
	if asks("0202", number, "00000000").SgnNo == "" {
		t.Error("nothing was signed")
	}

	// Of queries it strikes those that would say that something is done, at a bank and at its hub.
	for i, subject := range []string{"/banks/abc", "/channels/nucc"} {
		apply := must1(w, w.apply(abc, w.customers("abc", "debit")[i]))
		w.once(subject, "query", "contradiction", "")
		asks("0201", w.number(), "ES000041") // there is nothing to contradict, and the count stands
		asks("0202", apply.TrxInf.TrxId, "ES000041")
		asks("0201", apply.TrxInf.TrxId, "PB511017")
		asks("0201", apply.TrxInf.TrxId, "00000000")
	}

	// What the bank refuses has no opposite.
	w.once("/banks/abc", "apply", "contradiction", "")
	refused := w.apply(abc, who)
	refused.SgnInf.SgnAcctNm = secret.NewName("别人")
	must[*epcc.SignReceipt](w, refused)
	asks("0201", refused.TrxInf.TrxId, "PB511017")
	asks("0201", refused.TrxInf.TrxId, "PB511017")
}

// must1 sends an apply that must go well, and returns it.
func must1(w *world, m *epcc.Sign) *epcc.Sign {
	w.t.Helper()
	if got := must[*epcc.SignReceipt](w, m); got.BizInf.BizStsCd != "00000000" {
		w.t.Fatalf("%+v", got.BizInf)
	}
	return m
}

// A foreign bank's query says that people have rejected what they have approved.
func TestAContradictionAbroad(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	who := a.denizen(1)
	a.once("/banks/hsbc", "apply", "contradiction", "")
	a.lost("c1", order{method: "POST", path: "mandate-consents", body: consentBody("c1", who)})
	if got := a.ask("c1"); got.text("Status") != "CallbackScheduled" {
		t.Errorf("before anybody has decided: %+v", got)
	}
	a.say("hsbc", a.letters("hsbc", who.Mobile)[0].ID, "approve", 204)
	if got := a.ask("c1"); got.status != 200 || got.text("Status") != "Rejected" || got.text("Reason") == "" || got.text("MandateId") != "" {
		t.Errorf("the lie: %+v", got)
	}
	if got := a.ask("c1"); got.text("Status") != "Approved" || got.text("MandateId") == "" {
		t.Errorf("the truth: %+v", got)
	}
	a.once("/banks/hsbc", "query", "contradiction", "")
	if got := a.ask("c1"); got.text("Status") != "Rejected" {
		t.Errorf("struck: %+v", got)
	}
	if status, _ := a.control("PUT", "/banks/hsbc/behaviour", `{"faults":[{"kind":"contradiction","operation":"unsign"}]}`); status != 400 {
		t.Errorf("a revocation has no opposite: %d", status)
	}
}

// A line gives two answers: the true one, and its opposite.
func TestAContradictionOnALine(t *testing.T) {
	w := startLines(t)
	l := w.dial()
	who := w.customers("njcb", "debit")
	twice := func(operation, first, second string, m wire.Message) (agreements []string) {
		t.Helper()
		w.once("/banks/njcb", operation, "contradiction", "")
		l.send(m)
		var got []string
		for range 2 {
			switch a := l.next().(type) {
			case *iso8583.Answer:
				got, agreements = append(got, a.ResponseCode), append(agreements, a.Common.Usages.Agreement)
			case *iso8583.ReversalAnswer:
				got = append(got, a.ResponseCode)
			}
		}
		if !slices.Equal(got, []string{first, second}) {
			t.Errorf("%s: the line says %v", operation, got)
		}
		return agreements
	}
	twice("verify", "00", "12", w.ask8583("890000", who[1]))
	setUp := w.ask8583("891000", who[0])
	twice("apply", "00", "12", setUp)
	code := w.code("njcb", who[0].Mobile)
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	if got := twice("confirm", "55", "00", w.sign8583(setUp, who[0], wrong)); !strings.HasPrefix(got[1], "NOBODYS") {
		t.Errorf("%v", got)
	}
	signed := twice("confirm", "00", "12", w.sign8583(setUp, who[0], code))
	if signed[0] == "" || signed[1] != "" {
		t.Errorf("%v", signed)
	}
	cancel := &iso8583.Request{Header: w.header8583(), Trace: w.trace()}
	cancel.Common = iso8583.Common{ProcessingCode: "893000", Usages: iso8583.Usages{Agreement: signed[0]}}
	twice("unsign", "00", "12", cancel)
	twice("cancel", "25", "00", w.undo8583(w.ask8583("891000", who[2])))
	if status, text := w.control("PUT", "/banks/njcb/behaviour", `{"faults":[{"kind":"contradiction","operation":"query"}]}`); status != 400 {
		t.Errorf("there is no query here: %d %s", status, text)
	}
}
