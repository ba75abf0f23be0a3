package farm_test

import (
	"net/url"
	"testing"
	"time"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire/epcc"
)

type letter struct{ ID, Kind, To, Code, Text, Approval string }

func (w *world) letters(bank, to string) []letter {
	w.t.Helper()
	var page struct{ Messages []letter }
	w.show("/banks/"+bank+"/inbox?to="+url.QueryEscape(to), &page)
	return page.Messages
}

// say plays the person who got a message.
func (w *world) say(bank, message, word string, want int) {
	w.t.Helper()
	if status, text := w.control("POST", "/banks/"+bank+"/inbox/"+message+"/"+word, ""); status != want {
		w.t.Errorf("%s %s: %d %s, want %d", word, message, status, text, want)
	}
}

// push is an apply that the customer approves in the bank's APP.
func (w *world) push(member string, c customer) *epcc.Sign {
	m := w.apply(member, c)
	m.TrxInf.ClbckUrl = "https://wallet.example/signed"
	m.InstgInf.InstgAcct = secret.NewKey("wallet-1")
	return m
}

func TestACustomerApprovesInTheAPP(t *testing.T) {
	w := start(t, nil)
	for i, c := range []struct {
		name, word string
		ahead      time.Duration
		then, code string
	}{
		{"approved", "approve", 0, "deny", "00000000"},
		{"denied", "deny", 0, "approve", "PB511097"},
		{"expired", "", 15 * time.Minute, "approve", "PB511028"},
	} {
		who := w.add("abc", stranger(100+i))
		apply := w.push(abc, who)
		for range 2 {
			expectReceipt(t, must[*epcc.SignReceipt](w, apply), "00000000", "PB511090", "")
		}
		query := func() epcc.BizResult {
			return must[*epcc.QueryReceipt](w, w.query(epcc.StepCode, apply.TrxInf.TrxId, abc)).BizInf
		}
		if got := query(); got.BizStsCd != "PB511090" || got.SgnNo != "" {
			t.Errorf("%s: while it waits the query says %+v", c.name, got)
		}
		messages := w.letters("abc", who.Mobile)
		if len(messages) != 1 || messages[0].Kind != "app_push" || messages[0].Approval != "received" || messages[0].Code != "" {
			t.Fatalf("%s: messages %+v", c.name, messages)
		}
		w.ahead.Add(int64(c.ahead))
		for range 2 {
			if c.word != "" {
				w.say("abc", messages[0].ID, c.word, 204)
			}
		}
		w.say("abc", messages[0].ID, c.then, 409)
		got := query()
		if got.BizStsCd != c.code || (got.SgnNo != "") != (c.word == "approve") {
			t.Errorf("%s: the query says %+v", c.name, got)
		}
		if c.word == "approve" {
			expectAgreement(t, w, "abc", who.Cards[0].Number, got.SgnNo, "signed")
			expectReceipt(t, must[*epcc.SignReceipt](w, apply), "00000000", "00000000", got.SgnNo)
		}
	}
}

func TestWhatAnApprovalIsRefusedFor(t *testing.T) {
	w := start(t, nil)
	who := w.add("abc", stranger(200))
	bare := w.push(abc, who)
	bare.InstgInf.InstgAcct = secret.Key{}
	if m := must[*epcc.System](w, bare); m.SysRtnInf.SysRtnCd != "PS500002" {
		t.Errorf("no wallet account: %+v", m)
	}
	other := w.push(abc, who)
	other.SgnInf.SgnAcctNm = secret.NewName("欧阳小亮")
	expectReceipt(t, must[*epcc.SignReceipt](w, other), "00000000", "PB511017", "")
	expectReceipt(t, must[*epcc.SignReceipt](w, w.push(bob, w.add("bob", stranger(201)))), "00000000", "PB511015", "")

	// A code after a push needs no pause and takes its place.
	first := w.push(abc, who)
	expectReceipt(t, must[*epcc.SignReceipt](w, first), "00000000", "PB511090", "")
	expectReceipt(t, must[*epcc.SignReceipt](w, w.apply(abc, who)), "00000000", "00000000", "")
	asked := must[*epcc.QueryReceipt](w, w.query(epcc.StepCode, first.TrxInf.TrxId, abc))
	if asked.BizInf.BizStsCd != "PB005X12" {
		t.Errorf("the push that was replaced: %+v", asked.BizInf)
	}
	messages := w.letters("abc", who.Mobile)
	w.say("abc", messages[0].ID, "approve", 409) // a code asks for no approval
	w.say("abc", messages[1].ID, "approve", 409) // replaced
	w.say("abc", "999999", "approve", 404)
	w.say("abc", "x", "deny", 404)
	w.say("abc", messages[1].ID, "deny?reason=no%20answer", 400)
}
