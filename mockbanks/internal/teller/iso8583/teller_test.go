package iso8583_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

func TestBindAndEnd(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	verified := say[*iso8583.Answer](w, w.request("890000", 1))
	if verified.ResponseCode != "00" || verified.Common.Details.AccountClass != "1" || verified.Common.SettlementDate != "1123" {
		t.Errorf("verified: %+v", verified)
	}
	if !verified.Common.Identity.Name.IsZero() || verified.Header != (iso8583.Header{Destination: ours, Source: number}) {
		t.Errorf("verified: %+v", verified)
	}
	setUp := w.request("891000", 1)
	if a := say[*iso8583.Answer](w, setUp); a.ResponseCode != "00" || a.Common.Usages.Agreement != "" {
		t.Fatalf("set up: %+v", a)
	}
	signed := say[*iso8583.Answer](w, w.sign(setUp, 1, w.sms(1)))
	if signed.ResponseCode != "00" || !strings.HasPrefix(signed.Common.Usages.Agreement, "BOB") || !signed.Common.Usages.Code.IsZero() {
		t.Fatalf("signed: %+v", signed)
	}
	if got := w.code(w.cancel("BOB1")); got != "25" {
		t.Errorf("another agreement: %s", got)
	}
	other := w.cancel(signed.Common.Usages.Agreement)
	other.Common.Usages.Wallet = secret.NewKey("u_2")
	if got := w.code(other); got != "25" {
		t.Errorf("another wallet account: %s", got)
	}
	if got := w.code(w.cancel(signed.Common.Usages.Agreement)); got != "00" {
		t.Errorf("cancel: %s", got)
	}
	if got := w.code(w.cancel(signed.Common.Usages.Agreement)); got != "25" {
		t.Errorf("cancelled before: %s", got)
	}
	if got := w.states(); !slices.Equal(got, []string{"unsigned"}) {
		t.Errorf("%v", got)
	}
}

func TestRefusalsOfTheBooks(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	wrong := func(change func(*iso8583.Request)) *iso8583.Request {
		m := w.request("890000", 1)
		change(m)
		return m
	}
	for name, c := range map[string]struct {
		m    *iso8583.Request
		want string
	}{
		"card":     {wrong(func(m *iso8583.Request) { m.Common.PAN = secret.NewCard(card(9)) }), "14"},
		"name":     {wrong(func(m *iso8583.Request) { m.Common.Identity.Name = secret.NewName("李四") }), "05"},
		"document": {wrong(func(m *iso8583.Request) { m.Common.Identity.Document = secret.NewDocument("110105194912310038") }), "05"},
		"type":     {wrong(func(m *iso8583.Request) { m.Common.Identity.DocumentType = "03" }), "05"},
		"mobile":   {wrong(func(m *iso8583.Request) { m.Common.Identity.Mobile = secret.NewMobile("13900000000") }), "05"},
		"CVN2":     {wrong(func(m *iso8583.Request) { m.Common.Identity.CVN2 = secret.NewCVV("123") }), "55"},
		"expiry":   {wrong(func(m *iso8583.Request) { m.Common.Expiry = secret.NewExpiry("2908") }), "54"},
		"no month": {wrong(func(m *iso8583.Request) { m.Common.Expiry = secret.NewExpiry("2913") }), "30"},
		"0000":     {wrong(func(m *iso8583.Request) { m.Common.Expiry = secret.NewExpiry("0000") }), "00"},
	} {
		if got := w.code(c.m); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if a := say[*iso8583.Answer](w, w.request("891000", 2)); a.ResponseCode != "57" || a.Common.Details.AccountClass != "3" {
		t.Errorf("class III: %+v", a)
	}
	setUp := w.request("891000", 1)
	if got := w.code(setUp); got != "00" {
		t.Fatal(got)
	}
	if got := w.code(w.request("891000", 1)); got != "09" {
		t.Errorf("too soon: %s", got)
	}
	code := w.sms(1)
	changed := w.sign(setUp, 1, code)
	changed.Common.Identity.Mobile = secret.NewMobile("13900000000")
	if got := w.code(changed); got != "05" {
		t.Errorf("other elements: %s", got)
	}
	for range 3 {
		if got := w.code(w.sign(setUp, 1, "000000")); got != "55" {
			t.Errorf("wrong code: %s", got)
		}
	}
	if got := w.code(w.sign(setUp, 1, code)); got != "75" {
		t.Errorf("locked: %s", got)
	}
	setUp = w.request("891000", 3)
	w.code(setUp)
	code = w.sms(3)
	w.now = w.now.Add(5 * time.Minute)
	if got := w.code(w.sign(setUp, 3, code)); got != "25" {
		t.Errorf("expired: %s", got)
	}
}

// What a host refuses before its books hear of it. Each request is right but for one thing.
func TestRefusalsOfTheHost(t *testing.T) {
	w := start(t, iso8583.Options{})
	if got := w.code(w.request("890000", 1)); got != "58" {
		t.Errorf("before the sign-on: %s", got)
	}
	w.signOn()
	for name, c := range map[string]struct {
		code   string
		change func(*iso8583.Request)
		want   string
	}{
		"acquirer":         {"890000", func(m *iso8583.Request) { m.Common.Acquirer = "12345678" }, "03"},
		"forwarder":        {"890000", func(m *iso8583.Request) { m.Common.Forwarder = "12345678" }, "03"},
		"receiver":         {"890000", func(m *iso8583.Request) { m.Common.Receiver = "12345678" }, "15"},
		"old":              {"890000", func(m *iso8583.Request) { m.Trace.Transmitted = "1123094459" }, "22"},
		"from the future":  {"890000", func(m *iso8583.Request) { m.Trace.Transmitted = "1123101501" }, "22"},
		"old local time":   {"890000", func(m *iso8583.Request) { m.Common.LocalTime = "090000" }, "22"},
		"no local date":    {"890000", func(m *iso8583.Request) { m.Common.LocalDate = "" }, "30"},
		"processing code":  {"330000", func(*iso8583.Request) {}, "40"},
		"no card":          {"890000", func(m *iso8583.Request) { m.Common.PAN = secret.Card{} }, "30"},
		"no identity":      {"891000", func(m *iso8583.Request) { m.Common.Identity = iso8583.Identity{} }, "30"},
		"no document":      {"891000", func(m *iso8583.Request) { m.Common.Identity.Document = secret.NewDocument(iso8583.NoDocument) }, "30"},
		"document type":    {"891000", func(m *iso8583.Request) { m.Common.Identity.DocumentType = "55" }, "30"},
		"a code too early": {"891000", func(m *iso8583.Request) { m.Common.Usages.Code = secret.NewCode("123456") }, "30"},
		"no code":          {"892000", func(m *iso8583.Request) { m.Common.Usages.Code = secret.Code{} }, "30"},
		"no order":         {"892000", func(m *iso8583.Request) { m.Common.Usages.Order = "" }, "30"},
		"no wallet":        {"892000", func(m *iso8583.Request) { m.Common.Usages.Wallet = secret.Key{} }, "30"},
		"another order":    {"892000", func(*iso8583.Request) {}, "25"},
		"no agreement":     {"893000", func(m *iso8583.Request) { m.Common.Usages = iso8583.Usages{} }, "30"},
	} {
		m := w.request(c.code, 1)
		if c.code == "892000" {
			m.Common.Usages = iso8583.Usages{Order: "20261123100000999999", Code: secret.NewCode("123456"), Wallet: secret.NewKey("u")}
		}
		c.change(m)
		if got := w.code(m); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	m := w.request("890000", 1)
	if first, second := w.code(m), w.code(m); first != "00" || second != "94" {
		t.Errorf("twice: %s and %s", first, second)
	}
}

// A restart forgets the traces; the books do not.
func TestADuplicateAfterARestart(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	m := w.request("891000", 1)
	if got := w.code(m); got != "00" {
		t.Fatal(got)
	}
	w.teller = w.host(iso8583.Options{})
	w.line = w.open()
	w.signOn()
	if got := w.code(m); got != "94" {
		t.Errorf("the same again: %s", got)
	}
	m.Common.Identity.Name = secret.NewName("李四")
	m.Trace.STAN = "000777"
	w.code(m)
}

func TestBouncedForTheirHeader(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	good, err := w.codec.Encode(w.request("890000", 1))
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, with string) wire.Frame {
		body := bytes.Clone(good.Body)
		copy(body[at:], with)
		return wire.Frame{Body: body}
	}
	for want, f := range map[string]wire.Frame{
		"00015": change(0, "\x2d"), "00025": change(1, "\x01"), "00035": change(2, "0001"),
		"00045": change(6, "12345678   "), "00055": change(17, "12345678   "),
	} {
		answer := w.raw(f)
		body := answer.Frame.Body
		if answer.Code != want || len(body) != len(good.Body) || string(body[41:46]) != want || !bytes.Equal(body[46:], f.Body[46:]) {
			t.Errorf("%s: %s %q", want, answer.Code, body)
		}
		if !bytes.Equal(body[6:17], f.Body[17:28]) || !bytes.Equal(body[17:28], f.Body[6:17]) || body[0] != 0x2e {
			t.Errorf("%s: the header %q", want, body[:46])
		}
	}
}

func TestSealAndGrammar(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	for name, c := range map[string]struct {
		m      wire.Message
		change func([]byte)
		want   string
	}{
		"a wrong seal":                    {w.request("890000", 1), func(b []byte) { b[len(b)-1] ^= 1 }, "A0"},
		"a wrong seal of a reversal":      {w.reversal(w.request("891000", 1), false), func(b []byte) { b[len(b)-1] ^= 1 }, "A0"},
		"a letter in field 18":            {w.request("890000", 1), func(b []byte) { b[bytes.Index(b, []byte("6400"))] = 'x' }, "30"},
		"a letter in field 2":             {w.request("890000", 1), func(b []byte) { b[46+20+2] = 'x' }, ""}, // not even its trace can be told
		"a field that network has not":    {w.network("301"), func(b []byte) { b[len(b)-1] = 'x' }, "30"},
		"a response where none has place": {w.request("890000", 1), func(b []byte) { b[46+4] |= 0x08 }, ""}, // field 5: the rest is not to be read
	} {
		f, err := w.codec.Encode(c.m)
		if err != nil {
			t.Fatal(err)
		}
		c.change(f.Body)
		if got := w.raw(f); got.Code != c.want {
			t.Errorf("%s: %q, want %q", name, got.Code, c.want)
		}
	}
	for _, noise := range []string{"", "0000", strings.Repeat("\x00", 100), strings.Repeat("x", 9999)} {
		w.raw(wire.Frame{Body: []byte(noise)}) // no trouble of ours, whatever is said
	}
}

func TestReversals(t *testing.T) {
	w := start(t, iso8583.Options{})
	w.signOn()
	undo := func(m *iso8583.Reversal) string {
		t.Helper()
		a := say[*iso8583.ReversalAnswer](w, m)
		if a.Original != m.Original {
			t.Errorf("another original: %+v", a)
		}
		return a.ResponseCode
	}
	setUp := w.request("891000", 1)
	if got := undo(w.reversal(setUp, false)); got != "25" {
		t.Errorf("never seen: %s", got)
	}
	if got := w.code(setUp); got != "12" {
		t.Errorf("an original that its reversal overtook: %s", got)
	}
	setUp = w.request("891000", 1)
	if got := w.code(setUp); got != "00" {
		t.Fatal(got)
	}
	sign := w.sign(setUp, 1, w.sms(1))
	if got := w.code(sign); got != "00" {
		t.Fatal(got)
	}
	w.now = w.now.Add(time.Hour) // a reversal may be late
	first := w.reversal(sign, false)
	if got := undo(first); got != "00" {
		t.Errorf("a signing: %s", got)
	}
	if got := w.states(); !slices.Equal(got, []string{"invalidated"}) {
		t.Errorf("%v", got)
	}
	repeat := *first
	repeat.Repeat = true
	w.now = w.now.Add(time.Hour)
	if got := undo(&repeat); got != "00" {
		t.Errorf("said again with its old trace: %s", got)
	}
	if got := undo(w.reversal(sign, true)); got != "00" {
		t.Errorf("said again with another trace: %s", got)
	}
	if got := undo(w.reversal(w.request("890000", 1), false)); got != "12" {
		t.Errorf("a verification: %s", got)
	}
	foreign := w.reversal(sign, false)
	foreign.Original.Acquirer = "00012345678"
	if got := undo(foreign); got != "30" {
		t.Errorf("another institution's: %s", got)
	}
}

func TestKeys(t *testing.T) {
	w := start(t, iso8583.Options{})
	ask := w.network("101")
	ask.Application = true
	if a := say[*iso8583.NetworkAnswer](w, ask); a.ResponseCode != "58" || !a.NewKey.IsZero() {
		t.Errorf("before the sign-on: %+v", a)
	}
	w.signOn()
	ask.Trace = w.trace()
	a := say[*iso8583.NetworkAnswer](w, ask)
	if a.ResponseCode != "00" || a.NewKey.IsZero() || a.Security != "2000000000000000" {
		t.Fatalf("%+v", a)
	}
	if got := w.code(w.request("890000", 1)); got != "00" {
		t.Errorf("under the key before: %s", got)
	}
	if err := w.codec.Keys().Rotate(a.NewKey); err != nil {
		t.Fatal(err)
	}
	if got := w.code(w.request("890000", 1)); got != "00" {
		t.Errorf("under the new key: %s", got)
	}
	if err := w.teller.Rekey(number); err != nil || len(w.pushed) != 1 {
		t.Fatalf("%v, %d frames", err, len(w.pushed))
	}
	m, err := w.codec.Decode(w.pushed[0])
	sent, ok := m.(*iso8583.Network)
	if err != nil || !ok || sent.NewKey.IsZero() || sent.Header != (iso8583.Header{Destination: ours, Source: number}) {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := w.codec.Keys().Rotate(sent.NewKey); err != nil {
		t.Fatal(err)
	}
	f, err := w.codec.Encode(&iso8583.NetworkAnswer{
		Header: iso8583.Header{Destination: number, Source: ours}, Trace: sent.Trace, ResponseCode: "00", Code: "101",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.raw(f); got.Frame.Body != nil {
		t.Errorf("an answer is answered: %+v", got)
	}
	if got := w.code(w.request("890000", 1)); got != "00" {
		t.Errorf("under the bank's new key: %s", got)
	}
	say[*iso8583.NetworkAnswer](w, w.network("002"))
	if err := w.teller.Rekey(number); err == nil {
		t.Error("a key was sent though nobody has signed on")
	}
	if got := w.code(w.request("890000", 1)); got != "58" {
		t.Errorf("after the sign-off: %s", got)
	}
	for code, want := range map[string]string{"301": "00", "999": "40"} {
		if a := say[*iso8583.NetworkAnswer](w, w.network(code)); a.ResponseCode != want {
			t.Errorf("%s: %+v", code, a)
		}
	}
}

func TestExcuses(t *testing.T) {
	for name, c := range map[string]struct {
		opts   iso8583.Options
		silent string
	}{"a bank's own line": {iso8583.Options{}, ""}, "behind a hub": {iso8583.Options{Hub: hub}, "68"}} {
		w := start(t, c.opts)
		on := w.network("001")
		m := w.request("890000", 1)
		if c.opts.Hub != "" {
			on.Header.Destination, m.Header.Destination = hub, hub
		}
		say[*iso8583.NetworkAnswer](w, on)
		for why, want := range map[teller.Excuse]string{teller.MemberSilent: c.silent, teller.MemberBusy: "96", teller.HubBusy: "96"} {
			m.Trace = w.trace()
			f, err := w.codec.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			call, _, err := w.line.Understand(f)
			if err != nil || call == nil || call.Facts().Direct != (c.opts.Hub == "") || call.Facts().Number != w.full(m.Trace) {
				t.Fatalf("%s: %v, %v", name, call, err)
			}
			if got, err := call.Excuse(why); err != nil || got.Code != want || (got.Frame.Body == nil) != (want == "") {
				t.Errorf("%s: %d: %+v, %v", name, why, got, err)
			}
		}
	}
}

// Every refusal that the books can give here has a code of its own choice.
func TestEveryRefusalHasACode(t *testing.T) {
	names := map[string]bool{}
	read := func(path string, see func(ast.Node)) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool { see(n); return true })
	}
	read("../../ledger/ledger.go", func(n ast.Node) {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Refusal" {
				names[spec.Names[0].Name] = true
			}
		}
	})
	if len(names) < 25 {
		t.Fatalf("only %d refusals found", len(names))
	}
	read("codes.go", func(n ast.Node) {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.SelectorExpr); ok {
				delete(names, key.Sel.Name)
			}
		}
	})
	for _, approval := range []string{"ApprovalDenied", "ApprovalExpired", "ApprovalSuperseded"} {
		delete(names, approval) // nobody approves over these lines
	}
	if len(names) > 0 {
		t.Errorf("without a code: %v", names)
	}
}
