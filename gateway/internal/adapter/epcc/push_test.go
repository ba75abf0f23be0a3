package epcc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	adapter "kaqiao/gateway/internal/adapter/epcc"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/epcc"
)

const (
	waits  = "PB511090"
	denied = "PB511097"
)

func pushAdapter(t *testing.T) *adapter.Adapter {
	t.Helper()
	opts, err := options().Complete()
	if err != nil {
		t.Fatal(err)
	}
	return adapter.New(opts, &profiles.Set{})
}

// A challenge of kind app_push asks in the bank's APP; any other goes as before.
func TestPushIsAskedFor(t *testing.T) {
	a := pushAdapter(t)
	for _, kind := range []op.Kind{op.Apply, op.Challenge} {
		for _, challenge := range []string{"", "sms", "app_push"} {
			o := operation(kind)
			o.Challenge = challenge
			m, err := a.Request(o)
			if err != nil {
				t.Fatal(err)
			}
			sign, push := m.(*epcc.Sign), challenge == "app_push"
			if sign.TrxInf.TrxCtgy != "0201" || (sign.TrxInf.ClbckUrl == "http://127.0.0.1:8081/callbacks/nucc") != push || (sign.InstgInf.InstgAcct.Reveal() == "w1") != push {
				t.Errorf("%s for %q: %+v %+v", kind, challenge, sign.TrxInf, sign.InstgInf.InstgAcct.IsZero())
			}
		}
	}
	o := operation(op.Confirm)
	o.Challenge = "app_push"
	if m, err := a.Request(o); err != nil || m.(*epcc.Sign).TrxInf.ClbckUrl != "" {
		t.Errorf("a confirm carries a callback: %v", err)
	}
}

func TestPushIsAnswered(t *testing.T) {
	a := pushAdapter(t)
	o := operation(op.Challenge)
	o.Challenge = "app_push"
	for biz, want := range map[string]op.Result{
		waits:      {Outcome: op.Pending, RawCode: waits},
		denied:     {Outcome: op.Refused, Reason: op.BankRefused, RawCode: denied},
		"PB511015": {Outcome: op.Refused, Reason: op.NoReservedMobile, RawCode: "PB511015"},
		well:       {Outcome: op.Accepted, RawCode: well, Class: "I", Agreement: agreement},
	} {
		m := answer(o, well, biz, "").(*epcc.SignReceipt)
		if biz == well {
			m.BizInf.SgnNo = agreement
		}
		if diff := cmp.Diff(want, a.Result(o, m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", biz, diff)
		}
	}
	// To a confirm these codes mean nothing.
	for _, biz := range []string{waits, denied} {
		if got := a.Result(operation(op.Confirm), answer(operation(op.Confirm), well, biz, "")); got.Outcome != op.Unknown || !got.Unmapped {
			t.Errorf("%s after a confirm: %+v", biz, got)
		}
	}
}

func TestPushIsQueried(t *testing.T) {
	a := pushAdapter(t)
	o := operation(op.Query)
	o.Original.Kind = op.Challenge
	for biz, want := range map[string]op.Result{
		waits:      {Outcome: op.Pending, RawCode: waits},
		well:       {Outcome: op.Accepted, RawCode: well, Agreement: agreement},
		denied:     {Outcome: op.Refused, Reason: op.BankRefused, RawCode: denied},
		"PB511028": {Outcome: op.Refused, Reason: op.CodeExpired, RawCode: "PB511028"},
	} {
		m := answer(o, well, biz, "").(*epcc.QueryReceipt)
		m.OriTrxInf.OriTrxCtgy, m.BizInf.SgnNo = "0201", ""
		if biz == well {
			m.BizInf.SgnNo = agreement
		}
		if diff := cmp.Diff(op.Result{Outcome: op.Accepted, RawCode: well, Of: &want}, a.Result(o, m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", biz, diff)
		}
	}
}
