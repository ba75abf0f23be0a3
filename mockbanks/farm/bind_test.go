package farm_test

import (
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire/epcc"
)

// The main job: a code, an agreement, the same again, and its end; each of
// them can be asked for afterwards.
func TestACardIsBoundAndUnbound(t *testing.T) {
	w := start(t, nil)
	for _, kind := range []string{"debit", "credit", "class_ii"} {
		who := w.customers("abc", kind)[0]
		apply := w.apply(abc, who)
		first := must[*epcc.SignReceipt](w, apply)
		expectReceipt(t, first, "00000000", "00000000", "")
		if first.OriTrxInf != (epcc.OriginalTrx{TrxCtgy: "0201", TrxId: apply.TrxInf.TrxId, TrxDtTm: apply.TrxInf.TrxDtTm}) {
			t.Errorf("%s: the original is echoed as %+v", kind, first.OriTrxInf)
		}
		level := map[string]string{"debit": "1", "class_ii": "2"}[kind]
		if got := first.SgnInf; !got.SgnAcctId.Equal(apply.SgnInf.SgnAcctId) || !got.SgnAcctNm.Equal(apply.SgnInf.SgnAcctNm) ||
			got.SgnAcctLvl != level || got.SgnAcctIssrId != abc || got.SgnAcctTp != apply.SgnInf.SgnAcctTp {
			t.Errorf("%s: the account is echoed as %+v", kind, got)
		}
		if h := first.Header; h.IssrId != w.opts.Platform || h.Drctn != w.opts.AnswerDirection {
			t.Errorf("%s: the hub's header is %+v", kind, h)
		}

		confirm := w.confirm(apply, w.code("abc", who.Mobile))
		signed := must[*epcc.SignReceipt](w, confirm)
		number := signed.BizInf.SgnNo
		if number == "" {
			t.Fatalf("%s: no agreement: %+v", kind, signed)
		}
		expectReceipt(t, signed, "00000000", "00000000", number)
		expectReceipt(t, must[*epcc.SignReceipt](w, confirm), "00000000", "00000000", number)

		for category, agreement := range map[string]string{"0201": "", "0202": number} {
			asked := must[*epcc.QueryReceipt](w, w.query(category, apply.TrxInf.TrxId, abc))
			if asked.SysRtnInf.SysRtnCd != "00000000" || asked.BizInf.BizStsCd != "00000000" || asked.BizInf.SgnNo != agreement {
				t.Errorf("%s: query of %s says %+v %+v", kind, category, asked.SysRtnInf, asked.BizInf)
			}
		}
		expectAgreement(t, w, "abc", who.Cards[0].Number, number, "signed")

		end := w.unsign(abc, number, tail(who))
		if kind == "credit" {
			end.InstgInf.InstgAcct = secret.Key{} // published messages go without as well
		}
		ended := must[*epcc.UnsignReceipt](w, end)
		if ended.BizInf.BizStsCd != "00000000" || ended.RescindInf != end.RescindInf || ended.SgnInf != end.SgnInf {
			t.Errorf("%s: unsign says %+v", kind, ended)
		}
		expectAgreement(t, w, "abc", who.Cards[0].Number, number, "unsigned")
		asked := must[*epcc.QueryReceipt](w, w.query(w.opts.UnsignCategory, end.RescindInf.TrxId, abc))
		if asked.BizInf.BizStsCd != "00000000" {
			t.Errorf("%s: query of the unsigning says %+v", kind, asked.BizInf)
		}
		again := must[*epcc.UnsignReceipt](w, w.unsign(abc, number, tail(who)))
		if again.BizInf.BizStsCd != "PB512002" {
			t.Errorf("%s: unsigning twice says %s", kind, again.BizInf.BizStsCd)
		}
	}
}

func tail(c customer) string { return c.Cards[0].Number[len(c.Cards[0].Number)-4:] }

func expectReceipt(t *testing.T, r *epcc.SignReceipt, system, biz, agreement string) {
	t.Helper()
	if r.SysRtnInf.SysRtnCd != system || r.BizInf.BizStsCd != biz || r.BizInf.SgnNo != agreement {
		t.Errorf("the receipt says %s %s %q, want %s %s %q",
			r.SysRtnInf.SysRtnCd, r.BizInf.BizStsCd, r.BizInf.SgnNo, system, biz, agreement)
	}
}

func expectAgreement(t *testing.T, w *world, bank, card, number, state string) {
	t.Helper()
	var page struct {
		Agreements []struct {
			Number    string `json:"number"`
			State     string `json:"state"`
			CardLast4 string `json:"card_last4"`
		}
	}
	w.show("/banks/"+bank+"/agreements?card="+card, &page)
	for _, a := range page.Agreements {
		if a.Number == number && a.State == state && a.CardLast4 == card[len(card)-4:] {
			return
		}
	}
	t.Errorf("no agreement %s %s among %+v", number, state, page.Agreements)
}
