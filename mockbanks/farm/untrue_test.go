package farm_test

import (
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/wire/epcc"
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
