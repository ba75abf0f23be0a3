package epcc_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

func TestNewTellsAllFaultsAtOnce(t *testing.T) {
	_, err := epcc.New(epcc.Options{Direction: "1", CipherMode: "gcm"}, seal.NewRing(seal.Gateway, nil))
	if err == nil || !errors.Is(err, wire.ErrKey) {
		t.Fatalf("an empty ring: %v", err)
	}
	for _, want := range []string{
		"direction:", "cipher_mode:", "no active sm2 key for sign of the gateway", "encrypt of the gateway", "sign of the bank", "encrypt of the bank",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestNewSeesThatKeysFit(t *testing.T) {
	for name, spoil := range map[string]func(*seal.Key){
		"no private half": func(k *seal.Key) { k.Private = nil },
		"another type":    func(k *seal.Key) { k.Private = "key" },
		"retiring only":   func(k *seal.Key) { k.State = "retiring" },
	} {
		all := keys(t)
		for i := range all {
			if all[i].Serial == gatewaySigns {
				spoil(&all[i])
			}
		}
		if _, err := epcc.New(epcc.Options{}, seal.NewRing(seal.Gateway, all)); !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all := keys(t)
	for i := range all {
		if all[i].Serial == bankOpens {
			all[i].Public = nil
		}
	}
	if _, err := epcc.New(epcc.Options{}, seal.NewRing(seal.Gateway, all)); !errors.Is(err, wire.ErrKey) {
		t.Errorf("no public half of the bank's: %v", err)
	}
}

func TestHeadersGoWithTheMessage(t *testing.T) {
	c := codec(t, seal.Gateway, epcc.Options{})
	frame, err := c.Encode(signMessage())
	must(t, err)
	want := []wire.Header{
		{Name: "Content-Type", Value: "application/xml;charset=utf-8"}, {Name: "MsgTp", Value: "epcc.101.001.01"},
		{Name: "OriIssrId", Value: "Z2000000000001"}, {Name: "ReservedField"}, {Name: "PyerAcctTp", Value: "00"},
	}
	if diff := cmp.Diff(want, frame.Headers); diff != "" {
		t.Errorf("101 (-want +got):\n%s", diff)
	}
	m := &epcc.System{Header: signMessage().Header, SysRtnInf: epcc.SystemResult{SysRtnCd: "00000000"}}
	frame, err = c.Encode(m)
	must(t, err)
	if frame.Header("msgtp") != epcc.TypeSystem || frame.Header("PyerAcctTp") != "" {
		t.Errorf("303: %v", frame.Headers)
	}
	if strings.Contains(string(frame.Body), "NcrptnSN") || strings.Contains(string(frame.Body), "DgtlEnvlp") {
		t.Errorf("303 has an envelope though nothing in it is secret: %s", frame.Body)
	}
}

// One session key serves one message: equal messages must not look equal.
func TestEachMessageHasItsOwnSessionKey(t *testing.T) {
	c := codec(t, seal.Gateway, epcc.Options{})
	seen := map[string]bool{}
	for range 20 {
		frame, err := c.Encode(signMessage())
		must(t, err)
		_, rest, _ := strings.Cut(string(frame.Body), "<SgnAcctId>")
		card, _, ok := strings.Cut(rest, "<")
		if !ok || seen[card] {
			t.Fatalf("the same card is written as %s again", card)
		}
		seen[card] = true
		for _, plain := range []string{"6217000000000000012", "张三", "11010519491231002X", "13800138000", "wallet-1"} {
			if strings.Contains(string(frame.Body), plain) {
				t.Errorf("%s travels in plain text", plain)
			}
		}
	}
}

func TestEncodeTellsWhenChanceFails(t *testing.T) {
	c := codec(t, seal.Gateway, epcc.Options{})
	c.SetRandom(strings.NewReader(""))
	if _, err := c.Encode(signMessage()); !errors.Is(err, io.EOF) {
		t.Errorf("without chance: %v", err)
	}
}

func TestLenientSidePassesOverWhatBanksAdd(t *testing.T) {
	f := forge{t, seal.Bank, "ecb"}
	q := f.query()
	for name, bent := range map[string]string{
		"field":        strings.Replace(q, "<OriTrxInf>", "<OriTrxInf><New>1</New>", 1),
		"blank field":  strings.Replace(q, "<OriTrxInf>", "<OriTrxInf><New/>", 1),
		"group":        strings.Replace(q, "<OriTrxInf>", "<New><A>1</A>t<B><C/></B></New><OriTrxInf>", 1),
		"same twice":   strings.Replace(q, "<OriTrxInf>", "<New/><New/><OriTrxInf>", 1),
		"nested one":   strings.Replace(q, "<SndDt>", "<New><A>1</A></New><SndDt>", 1),
		"header field": strings.Replace(q, "<SndDt>", "<New>1</New><SndDt>", 1),
		"envelope":     strings.Replace(q, "</SignSN>", "</SignSN><NcrptnSN>1</NcrptnSN><DgtlEnvlp>AAAA</DgtlEnvlp>", 1),
	} {
		m, err := codec(t, seal.Gateway, epcc.Options{}).Decode(wire.Frame{Body: f.sealed(bent)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := m.(*epcc.Query).OriTrxInf.SinkInstgId; got != "C1000000000001" {
			t.Errorf("%s: SinkInstgId %q", name, got)
		}
	}
	twice := strings.Replace(q, "<OriTrxInf>", "<OriTrxInf><SrcInstgId>Z2000000000001</SrcInstgId>", 1)
	if _, err := codec(t, seal.Gateway, epcc.Options{}).Decode(wire.Frame{Body: f.sealed(twice)}); !errors.Is(err, wire.ErrField) {
		t.Errorf("a known field twice: %v", err)
	}
	for name, deep := range map[string]string{
		"deep": strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17), "wide": strings.Repeat("<a/>", 256),
	} {
		bent := strings.Replace(q, "<OriTrxInf>", deep+"<OriTrxInf>", 1)
		if _, err := codec(t, seal.Gateway, epcc.Options{}).Decode(wire.Frame{Body: f.sealed(bent)}); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Others' writers put the same message in other words.
func TestTheSameMessageInOtherWords(t *testing.T) {
	f := forge{t, seal.Gateway, "ecb"}
	q := f.query()
	for name, bent := range map[string]string{
		"single quotes":     strings.Replace(q, `"namespace_string"`, "'namespace_string'", 1),
		"no namespace":      strings.Replace(q, ` xmlns="namespace_string"`, "", 1),
		"a line an element": strings.ReplaceAll(q, "><", ">\r\n\t<"),
		"empty elements":    strings.Replace(q, "</SignSN>", "</SignSN><NcrptnSN/><DgtlEnvlp></DgtlEnvlp>", 1),
		"another order":     strings.Replace(strings.Replace(q, "<Drctn>11</Drctn>", "", 1), "<SndDt>", "<Drctn>11</Drctn><SndDt>", 1),
	} {
		m, err := codec(t, seal.Bank, epcc.Options{}).Decode(wire.Frame{Body: f.sealed(bent)})
		if err != nil || m.(*epcc.Query).OriTrxInf.SinkInstgId != "C1000000000001" || m.(*epcc.Query).Drctn != "11" {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

// Which address the browser comes back to stands behind the code, in plain text.
func TestCallbackAddress(t *testing.T) {
	m := signMessage()
	m.TrxInf.ClbckUrl = "https://wallet.example/signed?a=1&b=2"
	frame, err := codec(t, seal.Gateway, epcc.Options{}).Encode(m)
	must(t, err)
	if want := "</AuthMsg><ClbckUrl>https://wallet.example/signed?a=1&amp;b=2</ClbckUrl></TrxInf>"; !strings.Contains(string(frame.Body), want) {
		t.Errorf("no %s in %s", want, frame.Body)
	}
	got, err := codec(t, seal.Bank, epcc.Options{}).Decode(frame)
	must(t, err)
	if got.(*epcc.Sign).TrxInf.ClbckUrl != m.TrxInf.ClbckUrl {
		t.Errorf("read as %s", got.(*epcc.Sign).TrxInf.ClbckUrl)
	}
}

func TestRetiringKeysStillVerify(t *testing.T) {
	all := keys(t)
	for i := range all {
		if all[i].Serial == bankSigns {
			all[i].Serial = bankRetired
		}
	}
	sender, err := epcc.New(epcc.Options{}, seal.NewRing(seal.Bank, all))
	must(t, err)
	frame, err := sender.Encode(signMessage())
	must(t, err)
	m, err := codec(t, seal.Gateway, epcc.Options{}).Decode(frame)
	must(t, err)
	if sign := m.(*epcc.Sign); sign.SignSN != bankRetired || !sign.SgnInf.MobNo.Equal(secret.NewMobile("13800138000")) {
		t.Errorf("signed by %s", sign.SignSN)
	}
}

// What stands where is told, what stood there is not.
func TestErrorsNameTheField(t *testing.T) {
	m := signMessage()
	m.SgnInf.MobNo = secret.NewMobile("138001380001")
	_, err := codec(t, seal.Gateway, epcc.Options{}).Encode(m)
	var field *wire.FieldError
	if !errors.As(err, &field) || field.Field != "SgnInf/MobNo" || field.Reason != "longer than 11 bytes" {
		t.Errorf("%v", err)
	}
	if err == nil || strings.Contains(err.Error(), "13800") {
		t.Errorf("the error quotes the value: %v", err)
	}
}

// What was changed by hand is sealed anew and reads as it now is; without that it does not.
func TestReseal(t *testing.T) {
	c, other := codec(t, seal.Gateway, epcc.Options{}), codec(t, seal.Bank, epcc.Options{})
	m := signMessage()
	frame, err := c.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	changed := frame
	changed.Body = []byte(strings.Replace(string(frame.Body), m.TrxInf.TrxId, strings.Repeat("7", 31), 1))
	if _, err := other.Decode(changed); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("under the old seal: %v", err)
	}
	anew, err := c.Reseal(changed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := other.Decode(anew)
	if err != nil || got.(*epcc.Sign).TrxInf.TrxId != strings.Repeat("7", 31) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.Reseal(wire.Frame{Body: []byte("<root></root>")}); !errors.Is(err, wire.ErrSealMissing) {
		t.Errorf("without a seal: %v", err)
	}
}
