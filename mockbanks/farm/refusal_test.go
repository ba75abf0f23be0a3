package farm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// stranger is a customer that the test adds to the books, unlike any other.
func stranger(i int) customer {
	return customer{
		Name: "欧阳小明", Document: document{"resident_id", "11010119900307765X"},
		Mobile: fmt.Sprintf("+86139%08d", i), Email: "a@b.example",
		Cards: []card{{Number: fmt.Sprintf("622848%013d", i), Type: "debit", Class: "I", OnlinePayment: true, State: "open"}},
	}
}

func (w *world) add(bank string, c customer) customer {
	w.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if status, said := w.control("POST", "/banks/"+bank+"/customers", string(text)); status != 201 {
		w.t.Fatalf("add a customer: %d %s", status, said)
	}
	return c
}

// Every refusal of a code has the code that the bank's table says.
func TestApplyIsRefused(t *testing.T) {
	w := start(t, nil)
	for i, c := range []struct {
		name   string
		has    func(*customer)
		claims func(*epcc.SignInfo)
		code   string
	}{
		{"all well", nil, nil, "00000000"},
		{"no such card", nil, func(s *epcc.SignInfo) { s.SgnAcctId = secret.NewCard("6228480000000999999") }, "PB511002"},
		{"closed", func(c *customer) { c.Cards[0].State = "closed" }, nil, "PB511005"},
		{"lost", func(c *customer) { c.Cards[0].State = "lost" }, nil, "PB511010"},
		{"locked", func(c *customer) { c.Cards[0].State = "locked" }, nil, "PB511008"},
		{"frozen", func(c *customer) { c.Cards[0].State = "frozen" }, nil, "PB511006"},
		{"expired", credit("2020-01"), sixElements("123", "0120"), "PB511020"},
		{"name", nil, func(s *epcc.SignInfo) { s.SgnAcctNm = secret.NewName("欧阳小亮") }, "PB511017"},
		{"document type", nil, func(s *epcc.SignInfo) { s.IDTp = "03" }, "PB005X02"},
		{"document", nil, func(s *epcc.SignInfo) { s.IDNo = secret.NewDocument("110101199003077651") }, "PB511019"},
		{"one of several documents", foreigner, nil, "00000000"},
		{"other than each of them", nil, func(s *epcc.SignInfo) { s.IDTp = "99" }, "PB005X02"},
		{"no mobile", func(c *customer) { c.Mobile = "" }, func(s *epcc.SignInfo) { s.MobNo = secret.NewMobile("13900000000") }, "PB511014"},
		{"mobile", nil, func(s *epcc.SignInfo) { s.MobNo = secret.NewMobile("13900009999") }, "PB511013"},
		{"credit", credit("2035-12"), sixElements("123", "1235"), "00000000"},
		{"CVV", credit("2035-12"), sixElements("124", "1235"), "PB005203"},
		{"expiry", credit("2035-12"), sixElements("123", "1135"), "PB005212"},
		{"credit card as a debit card", credit("2035-12"), func(s *epcc.SignInfo) { s.SgnAcctTp = "00" }, "PB511002"},
		{"debit card as a credit card", nil, func(s *epcc.SignInfo) { s.SgnAcctTp = "01"; sixElements("123", "1235")(s) }, "PB511002"},
		{"class", func(c *customer) { c.Cards[0].Class = "III" }, nil, "PB511098"},
		{"online payment", func(c *customer) { c.Cards[0].OnlinePayment = false }, nil, "PB511021"},
		{"virtual", func(c *customer) { c.Cards[0].Type, c.Cards[0].OnlinePayment = "virtual", false }, nil, "PB511022"},
	} {
		who := stranger(i + 1)
		if c.has != nil {
			c.has(&who)
		}
		w.add("abc", who)
		if who.Mobile == "" {
			who.Mobile = "+8613900000000"
		}
		m := w.apply(abc, who)
		if c.claims != nil {
			c.claims(&m.SgnInf)
		}
		got := must[*epcc.SignReceipt](w, m)
		if got.SysRtnInf.SysRtnCd != "00000000" || got.BizInf.BizStsCd != c.code || got.BizInf.SgnNo != "" || got.BizInf.BizStsDesc == "" {
			t.Errorf("%s: %+v %+v, want %s", c.name, got.SysRtnInf, got.BizInf, c.code)
		}
		// The query tells the same afterwards.
		asked := must[*epcc.QueryReceipt](w, w.query("0201", m.TrxInf.TrxId, abc))
		if asked.BizInf.BizStsCd != c.code {
			t.Errorf("%s: the query says %s, want %s", c.name, asked.BizInf.BizStsCd, c.code)
		}
		kept := w.exchanges("abc", "number="+m.TrxInf.TrxId)
		refused := strings.TrimPrefix(c.code, "00000000")
		outcome := map[bool]string{true: "answered", false: "refused"}[refused == ""]
		if len(kept) != 2 || kept[1].Outcome != outcome || kept[1].Refusal != refused || kept[1].Operation != "apply" {
			t.Errorf("%s: kept as %+v", c.name, kept)
		}
	}
}

// foreigner has a document that shares its IDTp, 99, with others and is not the first of them.
func foreigner(c *customer) { c.Document = document{"foreign_residence", "USA110099010199"} }

func credit(expiry string) func(*customer) {
	return func(c *customer) {
		c.Cards[0].Type, c.Cards[0].Class, c.Cards[0].CVV, c.Cards[0].Expiry = "credit", "", "123", expiry
	}
}

func sixElements(cvv, mmyy string) func(*epcc.SignInfo) {
	return func(s *epcc.SignInfo) { s.CVN2, s.VldDt = secret.NewCVV(cvv), secret.NewExpiry(mmyy) }
}

// Where the channel's dialect has no place for a credit card's two elements, the bank can't ask for them.
func TestCreditCardsOfFourElements(t *testing.T) {
	w := start(t, func(cfg *farm.Config) {
		cfg.Set.Channel("nucc").Options.(*epcc.Options).CreditFields = new(false)
	})
	who := stranger(1)
	credit("2035-12")(&who)
	m := w.apply(abc, w.add("abc", who))
	m.SgnInf.CVN2, m.SgnInf.VldDt = secret.CVV{}, secret.Expiry{}
	if got := must[*epcc.SignReceipt](w, m); got.BizInf.BizStsCd != "00000000" {
		t.Errorf("%+v %+v", got.SysRtnInf, got.BizInf)
	}
	m = w.apply(bob, w.customers("bob", "credit")[0])
	m.SgnInf.CVN2 = secret.NewCVV("0000")
	if got := must[*epcc.SignReceipt](w, m).BizInf.BizStsCd; got != "PB005203" {
		t.Errorf("a wrong one that was said all the same: %s", got)
	}
}

func TestConfirmIsRefused(t *testing.T) {
	w := start(t, nil)
	confirmWith := func(a *epcc.Sign, code string) string {
		return must[*epcc.SignReceipt](w, w.confirm(a, code)).BizInf.BizStsCd
	}
	expect := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	who := w.add("abc", stranger(1))
	expect("no such code", confirmWith(w.apply(abc, who), "123456"), "PB005X12")

	a := w.apply(abc, who)
	must[*epcc.SignReceipt](w, a)
	code := w.code("abc", who.Mobile)
	other := *a
	other.SgnInf.SgnAcctNm = secret.NewName("欧阳小亮")
	expect("other elements", confirmWith(&other, code), "PB511099")
	expect("first wrong code", confirmWith(a, "000000"), "PB511027")
	expect("right code", confirmWith(a, code), "00000000")

	who = w.add("abc", stranger(2))
	a = w.apply(abc, who)
	must[*epcc.SignReceipt](w, a)
	code = w.code("abc", who.Mobile)
	expect("first wrong code", confirmWith(a, "000000"), "PB511027")
	expect("second wrong code", confirmWith(a, "000000"), "PB511027")
	expect("third wrong code", confirmWith(a, "000000"), "PB511027")
	expect("fourth wrong code", confirmWith(a, "000000"), "PB005X09")
	expect("right code, too late", confirmWith(a, code), "PB005X09")
	asked := must[*epcc.QueryReceipt](w, w.query("0202", a.TrxInf.TrxId, abc))
	expect("query of the locked one", asked.BizInf.BizStsCd, "PB005X09")

	// A new code makes the one before useless.
	who = w.add("abc", stranger(3))
	old := w.apply(abc, who)
	must[*epcc.SignReceipt](w, old)
	code = w.code("abc", who.Mobile)
	must[*epcc.SignReceipt](w, w.apply(abc, who))
	expect("an old code", confirmWith(old, code), "PB005X12")
}

// A code dies of age only where it is the right one (found in an issuer's own code).
func TestCodesAge(t *testing.T) {
	w := start(t, nil)
	who := w.add("abc", stranger(1))
	a := w.apply(abc, who)
	must[*epcc.SignReceipt](w, a)
	code := w.code("abc", who.Mobile)
	w.ahead.Store(int64(5 * time.Minute))
	for given, want := range map[string]string{"000000": "PB511027", code: "PB511028"} {
		if got := must[*epcc.SignReceipt](w, w.confirm(a, given)).BizInf.BizStsCd; got != want {
			t.Errorf("after five minutes: %s, want %s", got, want)
		}
	}
}

func TestPaceIsLimited(t *testing.T) {
	w := start(t, nil)
	who := w.customers("bob", "debit")[0]
	again := func() string {
		return must[*epcc.SignReceipt](w, w.apply(bob, who)).BizInf.BizStsCd
	}
	for i, want := range []string{"00000000", "PB511012"} {
		if got := again(); got != want {
			t.Errorf("code %d inside the pause: %s, want %s", i+1, got, want)
		}
	}
	w.ahead.Store(int64(time.Minute))
	if got := again(); got != "00000000" {
		t.Errorf("after the pause: %s", got)
	}
	who = w.customers("abc", "debit")[0]
	last := ""
	for range 21 {
		last = must[*epcc.SignReceipt](w, w.apply(abc, who)).BizInf.BizStsCd
	}
	if last != "PB511025" {
		t.Errorf("the 21st code of a day: %s, want PB511025", last)
	}
}

func TestUnsignIsRefused(t *testing.T) {
	w := start(t, nil)
	for name, m := range map[string]*epcc.Unsign{
		"no agreement": w.unsign(abc, "ABC20260101000000000001", "0001"),
	} {
		if got := must[*epcc.UnsignReceipt](w, m).BizInf.BizStsCd; got != "PB512001" {
			t.Errorf("%s: %s", name, got)
		}
	}
	who := w.add("abc", stranger(1))
	a := w.apply(abc, who)
	must[*epcc.SignReceipt](w, a)
	signed := must[*epcc.SignReceipt](w, w.confirm(a, w.code("abc", who.Mobile))).BizInf.SgnNo
	m := w.unsign(abc, signed, "0001")
	m.InstgInf.InstgAcct = secret.NewKey("wallet-2")
	if got := must[*epcc.UnsignReceipt](w, m).BizInf.BizStsCd; got != "PB512001" {
		t.Errorf("another's wallet account: %s", got)
	}
	m = w.unsign(abc, signed, "0001")
	m.InstgInf.InstgAcct = secret.Key{}
	if got := must[*epcc.UnsignReceipt](w, m).BizInf.BizStsCd; got != "00000000" {
		t.Errorf("no wallet account: %s", got)
	}
	m.SgnInf.SgnAcctShrtId = "0002"
	if got := must[*epcc.UnsignReceipt](w, m).BizInf.BizStsCd; got != "PB512099" {
		t.Errorf("the same number with other contents: %s", got)
	}
	asked := must[*epcc.QueryReceipt](w, w.query("0202", w.number(), abc))
	if asked.SysRtnInf.SysRtnCd != "00000000" || asked.BizInf.BizStsCd != "ES000041" || asked.BizInf.SgnNo != "" {
		t.Errorf("query of nothing: %+v %+v", asked.SysRtnInf, asked.BizInf)
	}
}

// What the hub itself refuses is answered with 303, and no bank hears of it.
func TestTheHubRefuses(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	sign := func(change func(*epcc.Sign)) wire.Message {
		m := w.apply(abc, who)
		change(m)
		return m
	}
	yesterday2 := time.Now().Add(-50 * time.Hour)
	for _, c := range []struct {
		name string
		m    wire.Message
		code string
	}{
		{"stale", sign(func(m *epcc.Sign) { m.SndDt = stamp(w.now().Add(-11 * time.Minute)) }), "PS500004"},
		{"from the future", sign(func(m *epcc.Sign) { m.SndDt = stamp(w.now().Add(11 * time.Minute)) }), "PS500004"},
		{"another institution", sign(func(m *epcc.Sign) { m.IssrId = "Z2000000000002" }), "PB003000"},
		{"for another institution", sign(func(m *epcc.Sign) { m.InstgInf.InstgId = "Z2000000000002" }), "PB003000"},
		{"wrong direction", sign(func(m *epcc.Sign) { m.Drctn = "22" }), "PS500002"},
		{"unknown member", sign(func(m *epcc.Sign) { m.SgnInf.SgnAcctIssrId = nowhere }), "PB040000"},
		{"unknown account type", sign(func(m *epcc.Sign) { m.SgnInf.SgnAcctTp = "77" }), "PB030X01"},
		{"unknown document type", sign(func(m *epcc.Sign) { m.SgnInf.IDTp = "77" }), "PB030X01"},
		{"no mobile number", sign(func(m *epcc.Sign) { m.SgnInf.MobNo = secret.NewMobile("23900000000") }), "PB030X01"},
		{"an old number", sign(func(m *epcc.Sign) { m.TrxInf.TrxId = yesterday2.Format("20060102") + m.TrxInf.TrxId[8:] }), "PB030X01"},
		{"unknown step", sign(func(m *epcc.Sign) { m.TrxInf.TrxCtgy = "0209" }), "PB030X01"},
		{"a code too early", sign(func(m *epcc.Sign) { m.TrxInf.AuthMsg = secret.NewCode("123456") }), "PS500002"},
		{"an account too early", sign(func(m *epcc.Sign) { m.InstgInf.InstgAcct = secret.NewKey("w") }), "PS500002"},
		{"no code", sign(func(m *epcc.Sign) { m.TrxInf.TrxCtgy = "0202"; m.InstgInf.InstgAcct = secret.NewKey("w") }), "PS500002"},
		{"no account", sign(func(m *epcc.Sign) { m.TrxInf.TrxCtgy = "0202"; m.TrxInf.AuthMsg = secret.NewCode("123456") }), "PS500002"},
		{"credit without CVV", sign(func(m *epcc.Sign) { m.SgnInf.SgnAcctTp = "01"; m.SgnInf.VldDt = secret.NewExpiry("1235") }), "PS500002"},
		{"credit without expiry", sign(func(m *epcc.Sign) { m.SgnInf.SgnAcctTp = "01"; m.SgnInf.CVN2 = secret.NewCVV("123") }), "PS500002"},
		{"unsign at no member", w.unsign(nowhere, "A1", "0001"), "PB040000"},
		{"query at no member", w.query("0201", w.number(), nowhere), "PB040000"},
		{"query of nothing known", w.query("0299", w.number(), abc), "PB030X01"},
		{"a receipt", &epcc.System{Header: w.header(), SysRtnInf: epcc.SystemResult{SysRtnCd: "00000000"}}, "PB040000"},
	} {
		got := must[*epcc.System](w, c.m)
		if got.SysRtnInf.SysRtnCd != c.code || got.SysRtnInf.SysRtnDesc == "" {
			t.Errorf("%s: %+v, want %s", c.name, got.SysRtnInf, c.code)
		}
	}
	if kept := w.exchanges("abc", ""); len(kept) > 0 {
		t.Errorf("the bank has heard of %+v", kept)
	}
	var page struct{ Exchanges []exchange }
	w.show("/channels/nucc/exchanges?limit=1", &page)
	if len(page.Exchanges) != 1 || page.Exchanges[0].Outcome != "refused" || page.Exchanges[0].Refusal != "PB040000" {
		t.Errorf("the hub kept %+v", page.Exchanges)
	}
}

// Bytes that carry no valid seal, or none at all.
func TestTheHubRefusesBytes(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	good, err := w.codec.Encode(w.apply(abc, who))
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndex(string(good.Body), "{S:")
	for _, c := range []struct {
		name, body string
		ending     string
	}{
		{"no seal", string(good.Body[:cut]), "022"},
		{"changed after sealing", strings.Replace(string(good.Body), "<IDTp>01", "<IDTp>03", 1), "025"},
		{"another's seal", string(good.Body[:cut]) + "{S:MEUCIQCqAAAA}", "025"},
		{"unknown serial", strings.Replace(string(good.Body), "<SignSN>4000000001", "<SignSN>4999999999", 1), "025"},
		{"the bank's own serial", strings.Replace(string(good.Body), "<SignSN>4000000001", "<SignSN>4000000101", 1), "025"},
		{"no XML", "hello", ""},
		{"nothing", "", ""},
		{"an entity bomb", `<!DOCTYPE a [<!ENTITY b "c">]><root>&b;</root>{S:AAAA}`, ""},
		{"deep", strings.Repeat("<root>", 5000) + "{S:AAAA}", ""},
		{"half", string(good.Body[:len(good.Body)/2]), ""},
	} {
		answer, err := w.post(wire.Frame{Headers: good.Headers, Body: []byte(c.body)})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		m, err := w.codec.Decode(answer)
		system, ok := m.(*epcc.System)
		if err != nil || !ok {
			t.Errorf("%s: %v %v", c.name, m, err)
			continue
		}
		if code := system.SysRtnInf.SysRtnCd; code == "00000000" || !strings.HasSuffix(code, c.ending) {
			t.Errorf("%s: %s, want …%s", c.name, code, c.ending)
		}
	}
	// The transport's lines must say what the body says.
	for name, headers := range map[string][]wire.Header{
		"another type":   {{Name: "Content-Type", Value: "application/xml"}, {Name: "MsgTp", Value: "epcc.103.001.01"}},
		"no type":        {{Name: "Content-Type", Value: "application/xml"}},
		"another sender": {{Name: "Content-Type", Value: "application/xml"}, {Name: "MsgTp", Value: "epcc.101.001.01"}, {Name: "OriIssrId", Value: "Z2000000000009"}},
	} {
		answer, err := w.post(wire.Frame{Headers: headers, Body: good.Body})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := w.codec.Decode(answer)
		if system, ok := m.(*epcc.System); err != nil || !ok || system.SysRtnInf.SysRtnCd != "PS500002" {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
	if got := must[*epcc.SignReceipt](w, w.apply(abc, who)); got.BizInf.BizStsCd != "00000000" {
		t.Errorf("afterwards: %+v", got.BizInf)
	}
}

// A card of one bank is unknown to another: the hub switches by the issuer number alone.
func TestTheHubSwitches(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	if got := must[*epcc.SignReceipt](w, w.apply(bob, who)); got.BizInf.BizStsCd != "PB511002" {
		t.Errorf("bob knows abc's card: %+v", got.BizInf)
	}
	bobs := w.customers("bob", "debit")[0]
	if got := must[*epcc.SignReceipt](w, w.apply(bob, bobs)); got.BizInf.BizStsCd != "00000000" {
		t.Errorf("bob does not know his own: %+v", got.BizInf)
	}
	if len(w.exchanges("bob", "")) != 2 || len(w.exchanges("abc", "")) != 0 {
		t.Error("an exchange is kept at the wrong bank")
	}
}
