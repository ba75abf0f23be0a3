package iso8583_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

var between = iso8583.Header{Destination: "01020000", Source: "04990000"}

// plainFields are a message that is taken, whose parts the tests bend: a request or an answer.
func plainFields(to seal.Side) (mti string, fields map[int]string) {
	fields = map[int]string{2: "6217000000000000012", 3: "891000", 7: "0601100000", 11: "000123"}
	if to == seal.Gateway {
		fields[39] = "00"
		return "0110", fields
	}
	return "0100", fields
}

// The forged message must be taken before it is bent, or the refusals would say nothing.
func TestForgedMessageIsTakenUnbent(t *testing.T) {
	for _, to := range []seal.Side{seal.Bank, seal.Gateway} {
		c := codec(t, to, iso8583.Options{})
		mti, fields := plainFields(to)
		body, err := c.Forge(mti, between, fields)
		must(t, err)
		m, err := c.Decode(wire.Frame{Body: body})
		if err != nil || m.Type() != mti {
			t.Errorf("to %s: %v", to, err)
		}
	}
}

func hostile(t testing.TB, to seal.Side, opts iso8583.Options) []wiretest.Hostile {
	t.Helper()
	c := codec(t, to, opts)
	return append(append(badFields(t, c, to), badBytes(t, c, to)...), badTypes(t, c, to)...)
}

// badFields are well sealed, but a field is not as it must be.
func badFields(t testing.TB, c *iso8583.Codec, to seal.Side) []wiretest.Hostile {
	t.Helper()
	var all []wiretest.Hostile
	add := func(name string, n int, value string) {
		t.Helper()
		mti, fields := plainFields(to)
		if fields[n] = value; value == "gone" {
			delete(fields, n)
		}
		body, err := c.Forge(mti, between, fields)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: body}, Want: wire.ErrField})
	}
	front := "01" + strings.Repeat(" ", 22) + "CUP   " + "  CUP"
	for name, f := range map[string]struct {
		n     int
		value string
	}{
		"no processing code": {3, "gone"}, "no transmission time": {7, "gone"}, "no trace number": {11, "gone"},
		"a card of 12 digits": {2, "621700000000"}, "an empty card": {2, ""}, "month 13": {7, "1301100000"}, "30 February": {7, "0230100000"},
		"hour 24": {12, "240000"}, "day 0": {13, "0600"}, "an empty institution": {32, ""},
		"a field that messages of this type have no place for": {70, "001"}, "track data": {35, "6217000000000000012=3012"}, "a PIN": {52, "12345678"},
		"original data in a request or an answer": {90, strings.Repeat("1", 42)}, "a new key in a business message": {96, "12345678"},
		"unknown usage": {48, "XX003abc"}, "usage in small letters": {48, "vc006123456"}, "new key's usage": {48, "NK" + longKey},
		"one usage twice": {48, "VC006123456VC006123456"}, "a length beyond the field": {48, "VC007123456"}, "a length not in digits": {48, "VC0x6123456"},
		"a code of letters": {48, "VC006abcdef"}, "a code of 3": {48, "VC003123"}, "a code of 9": {48, "VC009123456789"}, "an empty agreement": {48, "AG000"},
		"an agreement that ends with a blank": {48, "AG004AGR "}, "a short order": {48, "ON123"}, "a blank order": {48, "ON" + strings.Repeat(" ", 40)},
		"a blank mandate": {48, "PZ" + strings.Repeat(" ", 158)}, "a short mandate": {48, "PZ" + strings.Repeat("1", 157)}, "half a usage": {48, "V"},
		"behind the usages": {48, "VC006123456 "}, "Chinese in a usage": {48, "AG004\xb2\xe2\xca\xd4"},
		"half a place": {60, "000000000"}, "more than the places": {60, strings.Repeat("0", 31)},
		"an identity cut short": {61, front[:34]}, "a blank identity": {61, strings.Repeat(" ", 24) + "CUP     CUP"},
		"no CUP": {61, strings.Replace(front, "CUP", "CAP", 1)}, "a CVN2 of letters": {61, strings.Replace(front, "CUP   ", "CUPabc", 1)},
		"a document type of letters": {61, "xx" + front[2:]}, "unknown block": {61, front + "AR123"}, "a block without its mask": {61, front + "AM0010"},
		"an empty mask": {61, front + "AM0000000000000000"}, "a mask of other digits": {61, front + "AM0020000000000000003abc"},
		"an unknown position": {61, front + "AM0010000000000001003abc003abc"}, "half an item's positions": {61, front + "AM000000010000000001113800138000"},
		"an item cut short": {61, front + "AM0010000000000000004abc"}, "an item too many": {61, front + "AM0010000000000000003abc003abc"},
		"an empty item": {61, front + "AM0010000000000000000"}, "a mobile of ten": {61, front + "AM00000001100000000101380013800"},
		"a mobile of letters": {61, front + "AM00000001100000000111380013800x"},
		"a name too long":     {61, front + "AM0010000000000000121" + strings.Repeat("a", 121)},
	} {
		add(name, f.n, f.value)
	}
	if to == seal.Gateway {
		add("no response code", 39, "gone")
		add("a response code in small letters", 39, "a0")
		add("a blank response code", 39, "  ")
	}
	return all
}

// badBytes are not the grammar; each is bent from a whole message.
func badBytes(t testing.TB, c *iso8583.Codec, to seal.Side) []wiretest.Hostile {
	t.Helper()
	mti, fields := plainFields(to)
	whole, err := c.Forge(mti, between, fields)
	must(t, err)
	var all []wiretest.Hostile
	bend := func(name string, want error, change func(b []byte) []byte) {
		b := change(bytes.Clone(whole))
		if len(b) <= iso8583.MaxBytes && name != "a wrong total" {
			copy(b[2:6], fmt.Sprintf("%04d", len(b)))
		}
		all = append(all, wiretest.Hostile{Name: name, Frame: wire.Frame{Body: b}, Want: want})
	}
	set := func(at int, with string) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], with); return b }
	}
	bend("another header length", wire.ErrField, set(0, "\x2f"))
	bend("another version", wire.ErrField, set(1, "\x01"))
	bend("a test message", wire.ErrField, set(1, "\x82"))
	bend("a wrong total", wire.ErrField, set(2, "0066"))
	bend("a destination of letters", wire.ErrField, set(6, "AB"))
	bend("no source", wire.ErrField, set(17, "           "))
	bend("a reject code of letters", wire.ErrMalformed, set(41, "abcde"))
	bend("a type of letters", wire.ErrMalformed, set(46, "01x0"))
	bend("no second bitmap", wire.ErrMalformed, func(b []byte) []byte { b[50] &^= 0x80; return b })
	bend("an unknown field", wire.ErrField, func(b []byte) []byte { b[50] |= 0x08; return b })         // 5
	bend("field 65", wire.ErrField, func(b []byte) []byte { b[58] |= 0x80; return append(b, "0"...) }) // 65
	bend("a card's length not in digits", wire.ErrField, set(66, "1x"))
	bend("a card's length beyond its most", wire.ErrField, set(66, "20"))
	bend("a card with a letter", wire.ErrField, set(70, "A"))
	bend("bytes behind the last field", wire.ErrMalformed, func(b []byte) []byte { return append(b, "0"...) })
	bend("no seal", wire.ErrSealMissing, func(b []byte) []byte { b[65] &^= 0x01; return b[:len(b)-8] })
	bend("a seal in small letters", wire.ErrSeal, func(b []byte) []byte { return append(b[:len(b)-8], "abcdefab"...) })
	bend("a blank seal", wire.ErrSeal, func(b []byte) []byte { return append(b[:len(b)-8], "        "...) })
	bend("a binary seal", wire.ErrField, func(b []byte) []byte { return append(b[:len(b)-8], "\x01\x02\x03\x04\x05\x06\x07\x08"...) })
	return all
}

// badTypes are what the receiver's side never gets.
func badTypes(t testing.TB, c *iso8583.Codec, to seal.Side) []wiretest.Hostile {
	t.Helper()
	var all []wiretest.Hostile
	types := []string{"0110", "0430", "0810", "0200", "0400", "0101", "0000"}
	if to == seal.Gateway {
		types = []string{"0100", "0420", "0421", "0800", "0210", "0410", "0111"}
	}
	for _, mti := range types {
		body, err := c.Forge(mti, between, map[int]string{3: "891000", 7: "0601100000", 11: "000123", 39: "00", 70: "101"})
		must(t, err)
		all = append(all, wiretest.Hostile{Name: "type " + mti, Frame: wire.Frame{Body: body}, Want: wire.ErrUnknownType})
	}
	return all
}

// unfit are messages that the grammar has no room for.
func unfit() []wiretest.Unfit {
	var all []wiretest.Unfit
	add := func(name string, change func(*iso8583.Request)) {
		m := &iso8583.Request{
			Header: between, Trace: iso8583.Trace{Transmitted: "0601100000", STAN: "000123"},
			Common: iso8583.Common{PAN: secret.NewCard("6217000000000000012"), ProcessingCode: "891000"},
		}
		change(m)
		all = append(all, wiretest.Unfit{Name: name, Message: m, Want: wire.ErrField})
	}
	add("no destination", func(m *iso8583.Request) { m.Header.Destination = "" })
	add("a source of letters", func(m *iso8583.Request) { m.Header.Source = "BANK" })
	add("a source of 12", func(m *iso8583.Request) { m.Header.Source = "123456789012" })
	add("no trace number", func(m *iso8583.Request) { m.Trace.STAN = "" })
	add("month 0", func(m *iso8583.Request) { m.Trace.Transmitted = "0001100000" })
	add("no processing code", func(m *iso8583.Request) { m.Common.ProcessingCode = "" })
	add("a card of 20", func(m *iso8583.Request) { m.Common.PAN = secret.NewCard("62170000000000000123") })
	add("a card of 12", func(m *iso8583.Request) { m.Common.PAN = secret.NewCard("621700000000") })
	add("a short amount", func(m *iso8583.Request) { m.Common.AmountFen = "1" })
	add("a merchant too long", func(m *iso8583.Request) { m.Common.Merchant = "1234567890123456" })
	add("a terminal that ends with a blank", func(m *iso8583.Request) { m.Common.Terminal = "1234 " })
	add("a merchant's name too long", func(m *iso8583.Request) { m.Common.MerchantName = strings.Repeat("丰", 21) })
	add("a name too long", func(m *iso8583.Request) { m.Common.Identity.Name = secret.NewName(strings.Repeat("丰", 61)) })
	add("a name beyond GBK", func(m *iso8583.Request) { m.Common.Identity.Name = secret.NewName("王𠮷某某某某") })
	add("a name with a control character", func(m *iso8583.Request) { m.Common.Identity.Name = secret.NewName("王\n某某某某") })
	add("a mobile with a country code", func(m *iso8583.Request) { m.Common.Identity.Mobile = secret.NewMobile("+8613800138000") })
	add("a document too long", func(m *iso8583.Request) {
		m.Common.Identity.Document = secret.NewDocument("110101199003070000123")
	})
	add("a document beyond ASCII", func(m *iso8583.Request) { m.Common.Identity.Document = secret.NewDocument("粤B1234567") })
	add("a CVN2 of four", func(m *iso8583.Request) { m.Common.Identity.CVN2 = secret.NewCVV("1234") })
	add("a code of letters", func(m *iso8583.Request) { m.Common.Usages.Code = secret.NewCode("abcdef") })
	add("an order too long", func(m *iso8583.Request) { m.Common.Usages.Order = strings.Repeat("1", 41) })
	add("an agreement too long", func(m *iso8583.Request) { m.Common.Usages.Agreement = strings.Repeat("1", 65) })
	add("a mandate's place too long", func(m *iso8583.Request) { m.Common.Usages.Mandate.Term = "100" })
	add("half a place of field 60", func(m *iso8583.Request) { m.Common.Details.TerminalType = "7" })
	add("national data beyond ASCII", func(m *iso8583.Request) { m.Common.National = "测试某某某" })
	trace := iso8583.Trace{Transmitted: "0601100000", STAN: "000123"}
	common := iso8583.Common{ProcessingCode: "891000"}
	network := func(name string, m wire.Message) {
		all = append(all, wiretest.Unfit{Name: name, Message: m, Want: wire.ErrField})
	}
	network("a reversal of nothing", &iso8583.Reversal{Header: between, Trace: trace, Common: common})
	network("a reversal of half a message", &iso8583.Reversal{Header: between, Trace: trace, Common: common, Original: iso8583.Original{MTI: "0100", STAN: "000001"}})
	network("an answer without its code", &iso8583.Answer{Header: between, Trace: trace, Common: common})
	network("network management without its code", &iso8583.Network{Header: between, Trace: trace})
	network("a key in a message that asks for one", &iso8583.Network{
		Header: between, Trace: trace, Code: "101", Application: true, Security: "2000000000000000", NewKey: secret.NewKey("0123456789ABCDEF"),
	})
	network("a key without its security control", &iso8583.Network{Header: between, Trace: trace, Code: "101", NewKey: secret.NewKey("0123456789ABCDEF")})
	network("a key in small letters", &iso8583.Network{
		Header: between, Trace: trace, Code: "101", Security: "2000000000000000", NewKey: secret.NewKey("0123456789abcdef"),
	})
	return append(all,
		wiretest.Unfit{Name: "another protocol's message", Message: &strange{}, Want: wire.ErrUnknownType},
		wiretest.Unfit{Name: "a bounced message", Message: &iso8583.Bounced{}, Want: wire.ErrUnknownType},
	)
}

type strange struct{ Text string }

func (*strange) Type() string { return "strange" }
