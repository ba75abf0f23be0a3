package epcc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// forge seals any text as the sender would: what a hostile or broken party with a good key could send.
type forge struct {
	t    testing.TB
	from seal.Side
	mode string
}

func (f forge) seal(root string) string {
	f.t.Helper()
	signature, err := seal.SignSM2(rand.Reader, annexKey(f.t), "1234567812345678", []byte(root))
	must(f.t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

func (f forge) sealed(root string) []byte {
	f.t.Helper()
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + root + "\n{S:" + f.seal(root) + "}")
}

func (f forge) serial() string {
	if f.from == seal.Bank {
		return bankSigns
	}
	return gatewaySigns
}

// query is a message 301, whose parts tests bend.
func (f forge) query() string {
	return `<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:03</SndDt><MsgTp>epcc.301.001.01</MsgTp><IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>` + f.serial() + `</SignSN></MsgHeader><MsgBody><OriTrxInf><OriTrxCtgy>0202</OriTrxCtgy><OriTrxId>2024060100000000000000011760001</OriTrxId><SrcInstgId>Z2000000000001</SrcInstgId><SinkInstgId>C1000000000001</SinkInstgId></OriTrxInf></MsgBody></root>`
}

// unsign is a message 103 with an envelope and an encrypted wallet account.
func (f forge) unsign(serial, envelope, account string) string {
	return `<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:03</SndDt><MsgTp>epcc.103.001.01</MsgTp><IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>` + f.serial() + `</SignSN><NcrptnSN>` + serial + `</NcrptnSN><DgtlEnvlp>` + envelope + `</DgtlEnvlp></MsgHeader><MsgBody><SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctShrtId>0019</SgnAcctShrtId><SgnNo>AGR1</SgnNo></SgnInf><InstgInf><InstgId>Z2000000000001</InstgId><InstgAcct>` + account + `</InstgAcct></InstgInf><RescindInf><TrxId>2024060100000000000000011760001</TrxId><TrxDtTm>2024-06-01T10:00:00</TrxDtTm></RescindInf></MsgBody></root>`
}

const forgedSession = "0123456789abcdeffedcba9876543210"

func (f forge) envelope(plain string) string {
	f.t.Helper()
	text, err := seal.EncryptSM2(rand.Reader, &annexKey(f.t).PublicKey, []byte(plain))
	must(f.t, err)
	return base64.StdEncoding.EncodeToString(text)
}

func (f forge) encrypt(plain string) string {
	f.t.Helper()
	key := []byte("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10")
	block, err := seal.NewSM4(key)
	must(f.t, err)
	out := seal.EncryptECB(block, []byte(plain))
	if f.mode == "cbc" {
		out = seal.EncryptCBC(block, key, []byte(plain))
	}
	return base64.StdEncoding.EncodeToString(out)
}

// The forged messages must be taken before they are bent, or their refusal would say nothing.
func TestForgedMessagesAreTakenUnbent(t *testing.T) {
	for _, to := range []seal.Side{seal.Bank, seal.Gateway} {
		f := forge{t, otherOf(to), "ecb"}
		c := codec(t, to, epcc.Options{})
		if _, err := c.Decode(wire.Frame{Body: f.sealed(f.query())}); err != nil {
			t.Errorf("301 to %s: %v", to, err)
		}
		opens := bankOpens
		if to == seal.Gateway {
			opens = gatewayOpens
		}
		m, err := c.Decode(wire.Frame{Body: f.sealed(f.unsign(opens, f.envelope("02|"+forgedSession), f.encrypt("wallet-1")))})
		if err != nil {
			t.Errorf("103 to %s: %v", to, err)
		} else if got := m.(*epcc.Unsign).InstgInf.InstgAcct; !got.Equal(secret.NewKey("wallet-1")) {
			t.Errorf("103 to %s: the account is another", to)
		}
	}
}

func hostile(t testing.TB, to seal.Side, opts epcc.Options) []wiretest.Hostile {
	t.Helper()
	f := forge{t, otherOf(to), opts.CipherMode}
	all := append(badShapes(f), badFields(f)...)
	all = append(all, badTrailers(f)...)
	all = append(all, badEnvelopes(f, to)...)
	if to == seal.Bank {
		all = append(all, strict(f)...)
	}
	return all
}

// badShapes are well sealed, but not the grammar.
func badShapes(f forge) []wiretest.Hostile {
	q := f.query()
	var all []wiretest.Hostile
	add := func(name, root string) {
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: f.sealed(root)}, Want: wire.ErrMalformed})
	}
	bend := func(name, old, new string) {
		if !strings.Contains(q, old) {
			f.t.Fatalf("%s: the message has no %s", name, old)
		}
		add(name, strings.Replace(q, old, new, 1))
	}
	bend("attribute", "<OriTrxInf>", `<OriTrxInf a="1">`)
	bend("attribute of the header", "<MsgHeader>", `<MsgHeader a="1">`)
	bend("comment", "<OriTrxInf>", "<!-- x --><OriTrxInf>")
	bend("comment in a value", "<Drctn>11", "<Drctn>1<!-- -->1")
	bend("CDATA", "<OriTrxCtgy>0202", "<OriTrxCtgy><![CDATA[0202]]>")
	bend("processing instruction", "<OriTrxInf>", "<?x y?><OriTrxInf>")
	bend("document type", "<MsgHeader>", "<!DOCTYPE root [<!ENTITY a 'b'>]><MsgHeader>")
	bend("entity", "<OriTrxCtgy>0202", "<OriTrxCtgy>&a;")
	bend("reference without end", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#48")
	bend("reference to no character", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#xD800;")
	bend("reference beyond Unicode", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#x110000;")
	bend("reference to nothing", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#0;")
	bend("reference with a sign", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#+48;")
	bend("empty reference", "<OriTrxCtgy>0202", "<OriTrxCtgy>&;")
	bend("long reference", "<OriTrxCtgy>0202", "<OriTrxCtgy>&#00000000000048;")
	bend("text between elements", "<OriTrxInf>", "x<OriTrxInf>")
	bend("text in the header", "<SndDt>", "x<SndDt>")
	bend("element in a value", "<OriTrxCtgy>0202", "<OriTrxCtgy><b>0202</b>")
	bend("wrong end tag", "</OriTrxCtgy>", "</OriTrxId>")
	bend("end tags crossed", "</OriTrxInf></MsgBody>", "</MsgBody></OriTrxInf>")
	bend("no end tag", "</OriTrxCtgy>", "")
	bend("end tag with more", "</OriTrxCtgy>", "</OriTrxCtgy a>")
	bend("prefixed name", "<OriTrxInf>", "<x:OriTrxInf>")
	bend("empty name", "<OriTrxInf>", "<>")
	bend("name that goes on", "<OriTrxInf>", "<"+strings.Repeat("a", 65)+">")
	bend("two headers", "<MsgBody>", "<MsgHeader></MsgHeader><MsgBody>")
	bend("two bodies", "</MsgBody>", "</MsgBody><MsgBody></MsgBody>")
	bend("element behind the body", "</MsgBody>", "</MsgBody><More/>")
	bend("no header", q[strings.Index(q, "<MsgHeader>"):strings.Index(q, "<MsgBody>")], "")
	bend("no body", q[strings.Index(q, "<MsgBody>"):strings.Index(q, "</root>")], "")
	bend("two namespaces", `<root xmlns="namespace_string"`, `<root xmlns="a" xmlns="b"`)
	bend("a root of another name", "<root ", "<rooty ")
	bend("namespace in quotes that differ", `"namespace_string"`, `"namespace_string'`)
	bend("namespace without quotes", `"namespace_string"`, "namespace_string")
	bend("namespace of one quote", `"namespace_string"`, `"`)
	bend("root with an entity", `"namespace_string"`, `"&a;"`)
	bend("not UTF-8", "<OriTrxCtgy>0202", "<OriTrxCtgy>\xff\xfe")
	bend("GBK", "<OriTrxCtgy>0202", "<OriTrxCtgy>\xd5\xc5\xc8\xfd")
	bend("over-long UTF-8", "<OriTrxCtgy>0202", "<OriTrxCtgy>\xc0\xbc")
	bend("many elements", "<MsgBody>", "<MsgBody>"+strings.Repeat("<MsgBody/>", 300))
	bend("deep elements", "<MsgBody>", "<MsgBody>"+strings.Repeat("<a>", 2000)+strings.Repeat("</a>", 2000))
	if f.from == seal.Gateway { // the strict side stops at the unknown name first
		for i := range all {
			if strings.HasSuffix(all[i].Name, "y elements") || all[i].Name == "deep elements" {
				all[i].Want = wire.ErrField
			}
		}
	}
	return all
}

// badFields are well sealed and the grammar, but a field is not as specified.
func badFields(f forge) []wiretest.Hostile {
	q := f.query()
	var all []wiretest.Hostile
	bend := func(name, old, new string, want error) {
		if !strings.Contains(q, old) {
			f.t.Fatalf("%s: the message has no %s", name, old)
		}
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: f.sealed(strings.Replace(q, old, new, 1))}, Want: want})
	}
	const category = "<OriTrxCtgy>0202</OriTrxCtgy>"
	bend("missing field", category, "", wire.ErrField)
	bend("blank field", category, "<OriTrxCtgy/>", wire.ErrField)
	bend("field twice", category, category+category, wire.ErrField)
	bend("field twice, once blank", category, "<OriTrxCtgy/>"+category, wire.ErrField)
	bend("group twice", "<OriTrxInf>", "<OriTrxInf></OriTrxInf><OriTrxInf>", wire.ErrField)
	bend("header field twice", "<Drctn>11</Drctn>", "<Drctn>11</Drctn><Drctn>11</Drctn>", wire.ErrField)
	bend("missing header field", "<Drctn>11</Drctn>", "", wire.ErrField)
	bend("no signer", "<SignSN>"+f.serial()+"</SignSN>", "", wire.ErrField)
	bend("signer twice", "</SignSN>", "</SignSN><SignSN>"+f.serial()+"</SignSN>", wire.ErrField)
	bend("empty body", q[strings.Index(q, "<MsgBody>"):strings.Index(q, "</root>")], "<MsgBody/>", wire.ErrField)
	bend("too long", "0202", "02020", wire.ErrField)
	bend("too short", "0202", "020", wire.ErrField)
	bend("space around", "0202", " 0202", wire.ErrField)
	bend("other digits", "0202", "０２", wire.ErrField)
	bend("letters", "0202", "020A", wire.ErrField)
	bend("small letter", "<IssrId>Z", "<IssrId>z", wire.ErrField)
	bend("a day that is none", "2024-06-01T", "2024-02-30T", wire.ErrField)
	bend("time with a zone", "10:00:03<", "10:00:03Z<", wire.ErrField)
	bend("time with a fraction", "2024-06-01T10:00:03<", "24-06-01T10:00:03.5<", wire.ErrField)
	bend("unknown type", "epcc.301.001.01", "epcc.999.001.01", wire.ErrUnknownType)
	bend("type of another version", "epcc.301.001.01", "epcc.301.002.01", wire.ErrUnknownType)
	bend("type of another length", "epcc.301.001.01", "epcc.301", wire.ErrField)
	mismatch := wire.Frame{Body: f.sealed(q), Headers: []wire.Header{{Name: "msgtp", Value: "epcc.101.001.01"}}}
	return append(all, wiretest.Hostile{Name: "the transport names another type", Frame: mismatch, Want: wire.ErrField})
}

// badTrailers are good messages whose seal or surroundings are wrong.
func badTrailers(f forge) []wiretest.Hostile {
	q := f.query()
	good := f.seal(q)
	const declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	var all []wiretest.Hostile
	add := func(name string, want error, body string) {
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: []byte(body)}, Want: want})
	}
	add("no trailer", wire.ErrSealMissing, declaration+q)
	add("blank trailer", wire.ErrSealMissing, declaration+q+"{S: \n}")
	add("only a trailer", wire.ErrMalformed, "{S:"+good+"}")
	add("trailer before the root", wire.ErrMalformed, "{S:"+good+"}"+q)
	add("open trailer", wire.ErrMalformed, declaration+q+"{S:"+good)
	add("text before the trailer", wire.ErrMalformed, declaration+q+"x{S:"+good+"}")
	add("two trailers", wire.ErrSeal, declaration+q+"{S:x}{S:"+good+"}")
	add("element before the trailer", wire.ErrMalformed, declaration+q+"<a/>{S:"+good+"}")
	add("text behind the trailer", wire.ErrMalformed, declaration+q+"{S:"+good+"}x")
	add("text before the root", wire.ErrMalformed, "x"+q+"{S:"+good+"}")
	add("two declarations", wire.ErrMalformed, declaration+declaration+q+"{S:"+good+"}")
	add("document type before the root", wire.ErrMalformed, declaration+"<!DOCTYPE root>"+q+"{S:"+good+"}")
	add("another encoding", wire.ErrMalformed, strings.Replace(declaration, "UTF-8", "GBK", 1)+q+"{S:"+good+"}")
	add("byte order mark", wire.ErrMalformed, "\ufeff"+declaration+q+"{S:"+good+"}")
	add("two roots", wire.ErrMalformed, declaration+q+q+"{S:"+good+"}")
	add("not base64", wire.ErrSeal, declaration+q+"{S:***}")
	add("a cut signature", wire.ErrSeal, declaration+q+"{S:"+good[:len(good)-4]+"}")
	add("a signature of nothing", wire.ErrSeal, declaration+q+"{S:MAYCAQACAQA=}")
	add("another message's seal", wire.ErrSeal, declaration+q+"{S:"+f.seal(q+" ")+"}")
	add("the root never ends", wire.ErrMalformed, strings.TrimSuffix(q, "</root>")+"{S:"+good+"}")
	return all
}

// badEnvelopes are well sealed, but the envelope or what is under it is wrong.
func badEnvelopes(f forge, to seal.Side) []wiretest.Hostile {
	own, revoked := gatewayOpens, ""
	if to == seal.Bank {
		own, revoked = bankOpens, bankClosed
	}
	good, account := f.envelope("02|"+forgedSession), f.encrypt("wallet-1")
	raw, err := base64.StdEncoding.DecodeString(good)
	must(f.t, err)
	flipped := bytes.Clone(raw)
	flipped[len(flipped)-1] ^= 1
	var all []wiretest.Hostile
	add := func(name string, want error, serial, envelope, account string) {
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: f.sealed(f.unsign(serial, envelope, account))}, Want: want})
	}
	add("no envelope", wire.ErrEnvelope, own, "", account)
	add("no serial of the envelope", wire.ErrEnvelope, "", good, account)
	// It is the envelope that does not open, whoever sealed the message.
	add("envelope for nobody", wire.ErrEnvelope, "4999999999", good, account)
	if revoked != "" {
		add("envelope for a revoked key", wire.ErrEnvelope, revoked, good, account)
	}
	add("envelope for a signing key", wire.ErrEnvelope, f.serial(), good, account)
	add("envelope that is changed", wire.ErrEnvelope, own, base64.StdEncoding.EncodeToString(flipped), account)
	add("envelope that is cut", wire.ErrEnvelope, own, base64.StdEncoding.EncodeToString(raw[:40]), account)
	add("envelope not in base64", wire.ErrEnvelope, own, "AAA", account)
	add("envelope of other characters", wire.ErrField, own, "***", account)
	add("envelope that is too long", wire.ErrField, own, strings.Repeat("A", 1028), account)
	add("another prefix", wire.ErrEnvelope, own, f.envelope("01|"+forgedSession), account)
	add("no prefix", wire.ErrEnvelope, own, f.envelope(forgedSession), account)
	add("session key too short", wire.ErrEnvelope, own, f.envelope("02|"+forgedSession[1:]), account)
	add("session key too long", wire.ErrEnvelope, own, f.envelope("02|"+forgedSession+"0"), account)
	add("session key not in hexadecimal", wire.ErrEnvelope, own, f.envelope("02|"+forgedSession[1:]+"g"), account)
	add("another session key", wire.ErrEnvelope, own, f.envelope("02|ffffffffffffffffffffffffffffffff"), account)
	add("field not encrypted", wire.ErrEnvelope, own, good, "wallet-1")
	add("field cut", wire.ErrEnvelope, own, good, base64.StdEncoding.EncodeToString(make([]byte, 15)))
	add("field with wrong padding", wire.ErrEnvelope, own, good, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	add("field too long inside", wire.ErrField, own, good, f.encrypt(strings.Repeat("x", 65)))
	add("field with a line end inside", wire.ErrField, own, good, f.encrypt("a\nb"))
	add("field with a zero byte inside", wire.ErrField, own, good, f.encrypt("a\x00b"))
	add("field not UTF-8 inside", wire.ErrField, own, good, f.encrypt("\xd5\xc5"))
	return all
}

// strict is what only the platform's side refuses.
func strict(f forge) []wiretest.Hostile {
	q := f.query()
	var all []wiretest.Hostile
	add := func(name, old, new string) {
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: f.sealed(strings.Replace(q, old, new, 1))}, Want: wire.ErrField})
	}
	add("unknown field", "<OriTrxInf>", "<OriTrxInf><New>1</New>")
	add("unknown group", "<OriTrxInf>", "<New><A>1</A></New><OriTrxInf>")
	add("unknown header field", "<SndDt>", "<New>1</New><SndDt>")
	add("field of another message", "<OriTrxInf>", "<OriTrxInf><TrxCtgy>0202</TrxCtgy>")
	add("field in another group", "<OriTrxInf>", "<TrxInf><OriTrxCtgy>0202</OriTrxCtgy></TrxInf><OriTrxInf>")
	add("a card number as a name", "<OriTrxInf>", "<OriTrxInf><c6217000000000000012/>")
	add("envelope without use", "</SignSN>", "</SignSN><NcrptnSN>"+bankOpens+"</NcrptnSN><DgtlEnvlp>"+f.envelope("02|"+forgedSession)+"</DgtlEnvlp>")
	return all
}

// An element's name may be anything a stranger likes, so errors show only what can be a name.
func TestErrorsDoNotQuoteStrangeNames(t *testing.T) {
	f := forge{t, seal.Gateway, "ecb"}
	for name, want := range map[string]string{"c6217000000000000012": "OriTrxInf/?:", "CVN2": "OriTrxInf/CVN2:", "TrxCtgy": "OriTrxInf/TrxCtgy:"} {
		body := f.sealed(strings.Replace(f.query(), "<OriTrxInf>", "<OriTrxInf><"+name+"/>", 1))
		_, err := codec(t, seal.Bank, epcc.Options{}).Decode(wire.Frame{Body: body})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// unfit are messages that must be refused before they are written, never cut.
func unfit() []wiretest.Unfit {
	var all []wiretest.Unfit
	sign := func(name string, change func(*epcc.Sign)) {
		m := signMessage()
		change(m)
		all = append(all, wiretest.Unfit{Name: name, Message: m, Want: wire.ErrField})
	}
	sign("no card", func(m *epcc.Sign) { m.SgnInf.SgnAcctId = secret.Card{} })
	sign("card of 20 digits", func(m *epcc.Sign) { m.SgnInf.SgnAcctId = secret.NewCard("62170000000000000120") })
	sign("card of 12 digits", func(m *epcc.Sign) { m.SgnInf.SgnAcctId = secret.NewCard("621700000000") })
	sign("card with spaces", func(m *epcc.Sign) { m.SgnInf.SgnAcctId = secret.NewCard("6217 0000 0000 012") })
	sign("no name", func(m *epcc.Sign) { m.SgnInf.SgnAcctNm = secret.Name{} })
	sign("name of 121 bytes", func(m *epcc.Sign) { m.SgnInf.SgnAcctNm = secret.NewName(strings.Repeat("长", 40) + "x") })
	sign("name with a tab", func(m *epcc.Sign) { m.SgnInf.SgnAcctNm = secret.NewName("张\t三") })
	sign("name not UTF-8", func(m *epcc.Sign) { m.SgnInf.SgnAcctNm = secret.NewName("\xd5\xc5\xc8\xfd") })
	sign("name with a line separator", func(m *epcc.Sign) { m.SgnInf.SgnAcctNm = secret.NewName("张\u2028三") })
	sign("document of 33 bytes", func(m *epcc.Sign) { m.SgnInf.IDNo = secret.NewDocument(strings.Repeat("1", 33)) })
	sign("mobile with a country code", func(m *epcc.Sign) { m.SgnInf.MobNo = secret.NewMobile("+8613800138000") })
	sign("CVN2 of 5 digits", func(m *epcc.Sign) { m.SgnInf.CVN2 = secret.NewCVV("12345") })
	sign("a thirteenth month", func(m *epcc.Sign) { m.SgnInf.VldDt = secret.NewExpiry("1329") })
	sign("expiry as YYYY-MM", func(m *epcc.Sign) { m.SgnInf.VldDt = secret.NewExpiry("2029-12") })
	sign("code of 9 digits", func(m *epcc.Sign) { m.TrxInf.AuthMsg = secret.NewCode("123456789") })
	sign("code of 3 digits", func(m *epcc.Sign) { m.TrxInf.AuthMsg = secret.NewCode("123") })
	sign("ClbckUrl with a space", func(m *epcc.Sign) { m.TrxInf.ClbckUrl = "https://w.example/a b" })
	sign("ClbckUrl of 513 bytes", func(m *epcc.Sign) { m.TrxInf.ClbckUrl = strings.Repeat("u", 513) })
	sign("TrxId of 30 digits", func(m *epcc.Sign) { m.TrxInf.TrxId = m.TrxInf.TrxId[1:] })
	sign("TrxId of 32 digits", func(m *epcc.Sign) { m.TrxInf.TrxId += "0" })
	sign("a time with a space", func(m *epcc.Sign) { m.TrxInf.TrxDtTm = "2024-06-01 10:00:00" })
	sign("a time that is no time", func(m *epcc.Sign) { m.SndDt = "2023-02-29T10:00:00" })
	sign("no sender", func(m *epcc.Sign) { m.IssrId = "" })
	sign("wallet account of 65 bytes", func(m *epcc.Sign) { m.InstgInf.InstgAcct = secret.NewKey(strings.Repeat("w", 65)) })
	receipt := func(name string, change func(*epcc.SignReceipt)) {
		m := &epcc.SignReceipt{Header: signMessage().Header, SysRtnInf: epcc.SystemResult{SysRtnCd: "00000000"}}
		change(m)
		all = append(all, wiretest.Unfit{Name: name, Message: m, Want: wire.ErrField})
	}
	receipt("no system code", func(m *epcc.SignReceipt) { m.SysRtnInf.SysRtnCd = "" })
	receipt("description of 513 bytes", func(m *epcc.SignReceipt) { m.SysRtnInf.SysRtnDesc = strings.Repeat("长", 171) })
	receipt("code of 7 characters", func(m *epcc.SignReceipt) { m.BizInf.BizStsCd = "PB51100" })
	receipt("agreement of 65 characters", func(m *epcc.SignReceipt) { m.BizInf.SgnNo = strings.Repeat("A", 65) })
	receipt("agreement with a space", func(m *epcc.SignReceipt) { m.BizInf.SgnNo = "A GR" })
	return append(all,
		wiretest.Unfit{Name: "a message of another protocol", Message: &strange{}, Want: wire.ErrUnknownType},
		wiretest.Unfit{Name: "nothing in it", Message: &epcc.Query{}, Want: wire.ErrField},
	)
}

type strange struct{ Field string }

func (*strange) Type() string { return epcc.TypeSign }

func signMessage() *epcc.Sign {
	return &epcc.Sign{
		Header: epcc.Header{SndDt: "2024-06-01T10:00:00", IssrId: "Z2000000000001", Drctn: "11"},
		SgnInf: epcc.SignInfo{
			SgnAcctIssrId: "C1000000000001", SgnAcctTp: "00", SgnAcctId: secret.NewCard("6217000000000000012"),
			SgnAcctNm: secret.NewName("张三"), IDTp: "01", IDNo: secret.NewDocument("11010519491231002X"), MobNo: secret.NewMobile("13800138000"),
		},
		TrxInf: epcc.SignTrx{
			TrxCtgy: epcc.StepSign, TrxId: "2024060100000000000000011760001", TrxDtTm: "2024-06-01T10:00:01", AuthMsg: secret.NewCode("123456"),
		},
		InstgInf: epcc.Institution{InstgId: "Z2000000000001", InstgAcct: secret.NewKey("wallet-1")},
	}
}
