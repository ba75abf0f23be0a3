package farm_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/iso8583"
)

// put lays a layer over a bank or a hub.
func (w *world) put(subject, layer string) {
	w.t.Helper()
	if status, text := w.control("PUT", subject+"/behaviour", layer); status != 200 {
		w.t.Fatalf("%d %s", status, text)
	}
}

// once has a fault strike one operation of a bank or a hub once.
func (w *world) once(subject, operation, kind, more string) {
	w.t.Helper()
	w.put(subject, fmt.Sprintf(`{"faults":[{"kind":%q,"operation":%q,"count":1%s}]}`, kind, operation, more))
}

// Whatever is asked, the bank does it and answers under a wrong seal: nothing of the answer may be believed, and a query tells the truth.
func TestABadSignatureOverTheHub(t *testing.T) {
	w := start(t, nil)
	for i, subject := range []string{"/banks/abc", "/channels/nucc"} {
		who := w.customers("abc", "debit")[i]
		unsealed := func(operation string, m wire.Message) {
			t.Helper()
			w.once(subject, operation, "bad_signature", "")
			if answer, err := w.ask(m); !errors.Is(err, wire.ErrSeal) {
				t.Errorf("%s %s: %+v, %v", subject, operation, answer, err)
			}
		}
		asks := func(step, number string) epcc.BizResult {
			return must[*epcc.QueryReceipt](w, w.query(step, number, abc)).BizInf
		}
		apply := w.apply(abc, who)
		unsealed("apply", apply)
		confirm := w.confirm(apply, w.code("abc", who.Mobile))
		unsealed("confirm", confirm)
		unsealed("query", w.query("0202", apply.TrxInf.TrxId, abc))
		signed := asks("0202", apply.TrxInf.TrxId)
		if signed.BizStsCd != "00000000" || signed.SgnNo == "" {
			t.Fatalf("%s: the query says %+v", subject, signed)
		}
		unsign := w.unsign(abc, signed.SgnNo, who.Cards[0].Number[15:])
		unsealed("unsign", unsign)
		if ended := asks("0203", unsign.RescindInf.TrxId); ended.BizStsCd != "00000000" {
			t.Errorf("%s: the query says %+v", subject, ended)
		}
	}
}

// A bank on a line of its own does so too, a reversal included.
func TestABadSignatureOnALine(t *testing.T) {
	w := startLines(t)
	l := w.dial()
	who := w.customers("njcb", "debit")
	unsealed := func(operation string, m wire.Message) {
		t.Helper()
		w.once("/banks/njcb", operation, "bad_signature", "")
		l.send(m)
		if answer, err := l.read(); !errors.Is(err, wire.ErrSeal) {
			t.Errorf("%s: %+v, %v", operation, answer, err)
		}
	}
	unsealed("verify", w.ask8583("890000", who[1]))
	setUp := w.ask8583("891000", who[0])
	unsealed("apply", setUp)
	unsealed("confirm", w.sign8583(setUp, who[0], w.code("njcb", who[0].Mobile)))
	var book struct {
		Agreements []struct{ Number, State string }
	}
	w.show("/banks/njcb/agreements", &book)
	if len(book.Agreements) != 1 || book.Agreements[0].State != "signed" {
		t.Fatalf("%+v", book)
	}
	cancel := &iso8583.Request{Header: w.header8583(), Trace: w.trace()}
	cancel.Common = iso8583.Common{ProcessingCode: "893000", Usages: iso8583.Usages{Agreement: book.Agreements[0].Number}}
	unsealed("unsign", cancel)
	unsealed("cancel", w.undo8583(setUp))
	w.show("/banks/njcb/agreements", &book)
	if book.Agreements[0].State != "unsigned" {
		t.Errorf("%+v", book)
	}
}

// Of signed JSON only the signature is another: header and body say what was done.
func TestABadSignatureOverJSON(t *testing.T) {
	for _, payload := range []string{"base64url", "raw"} {
		a := startAbroad(t, payload, "", nil)
		a.authorise()
		who := a.denizen(1)
		unsealed := func(operation string, o order) map[string]any {
			t.Helper()
			a.once("/banks/hsbc", operation, "bad_signature", "")
			_, head, body := a.fetch(o)
			if head.Get("x-jws-signature") == "" || a.stands(head, body) {
				t.Errorf("%s: the signature %q stands over %s", operation, head.Get("x-jws-signature"), body)
			}
			_, data := open(t, body)
			return data
		}
		verify := fmt.Sprintf(`{"Type":"verification","Bank":"HSBCCNSH","Data":{"RequestId":"v1",%s}}`, person(who))
		unsealed("verify", order{method: "POST", path: "account-verifications", body: verify})
		unsealed("apply", order{method: "POST", path: "mandate-consents", body: consentBody("c1", who)})
		if got := a.ask("c1"); got.status != 200 || got.text("MandateId") != "" || got.text("ConsentId") == "" {
			t.Errorf("the query says %+v", got)
		}
		if data := unsealed("query", order{method: "GET", path: "mandate-consents/c1"}); data["ConsentId"] == nil {
			t.Errorf("%+v", data)
		}
	}
}

// page is an answer of the hub's as HTTP has it.
type page struct {
	status            int
	contentType, body string
}

// page sends a message and takes whatever comes back.
func (w *world) page(m wire.Message) page {
	w.t.Helper()
	frame, err := w.codec.Encode(m)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.request(w.t.Context(), frame)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return page{answer.StatusCode, answer.Header.Get("Content-Type"), string(body)}
}

// outOfOrder reports whether this is a server's own page of 500, 502 or 503, or such a status alone.
func (p page) outOfOrder() bool {
	html := p.contentType == "text/html" && strings.Contains(p.body, fmt.Sprintf("<h1>%d ", p.status))
	return slices.Contains([]int{500, 502, 503}, p.status) && (html || p.body == "")
}

// Where a server is out of order nothing is done, unless the fault says so.
func TestHTTP5xx(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	for _, subject := range []string{"/banks/abc", "/channels/nucc"} {
		for more, committed := range map[string]string{"": "ES000041", `,"after_commit":true`: "00000000"} {
			w.once(subject, "apply", "http_5xx", more)
			apply := w.apply(abc, who)
			if got := w.page(apply); !got.outOfOrder() {
				t.Errorf("%s: %+v", subject, got)
			}
			if asked := must[*epcc.QueryReceipt](w, w.query("0201", apply.TrxInf.TrxId, abc)); asked.BizInf.BizStsCd != committed {
				t.Errorf("%s %s: the query says %s, want %s", subject, more, asked.BizInf.BizStsCd, committed)
			}
			if kept := w.exchanges("abc", "number="+apply.TrxInf.TrxId); len(kept) != 2 || kept[1].Outcome != "garbage" || kept[1].Fault != "http_5xx" {
				t.Errorf("kept as %+v", kept)
			}
		}
	}
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	for more, want := range map[string]int{"": 404, `,"after_commit":true`: 200} {
		number := fmt.Sprintf("c%d", want)
		a.once("/banks/hsbc", "apply", "http_5xx", more)
		status, head, body := a.fetch(order{method: "POST", path: "mandate-consents", body: consentBody(number, a.denizen(want))})
		if got := (page{status, head.Get("Content-Type"), string(body)}); !got.outOfOrder() || head.Get("x-jws-signature") != "" {
			t.Errorf("%+v", got)
		}
		if got := a.ask(number); got.status != want {
			t.Errorf("the query says %d, want %d", got.status, want)
		}
	}
}

// A slow bank that its hub gives up on does nothing later, where its fault comes before the commit.
func TestHTTP5xxOfALateBank(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"latency":{"apply":{"fixed":"60ms"}},"faults":[{"kind":"http_5xx","operation":"apply","count":1}]}`) // the hub's patience is 50ms
	who := w.customers("abc", "debit")
	struck, later := w.apply(abc, who[0]), w.apply(abc, who[1])
	for _, m := range []*epcc.Sign{struck, later} {
		if got := must[*epcc.SignReceipt](w, m); got.SysRtnInf.SysRtnCd != "ES000033" {
			t.Errorf("%+v", got.SysRtnInf)
		}
	}
	w.code("abc", who[1].Mobile) // the second has its code, so the first's time is over
	if asked := must[*epcc.QueryReceipt](w, w.query("0201", struck.TrxInf.TrxId, abc)); asked.BizInf.BizStsCd != "ES000041" {
		t.Errorf("the query says %+v", asked.BizInf)
	}
}

// Pages of each status, with a body and without, are the same for the same seed.
func TestHTTP5xxIsRepeated(t *testing.T) {
	pages := func() (all []page) {
		w := start(t, func(c *farm.Config) { c.Seed = 7 })
		w.behave("abc", `{"faults":[{"kind":"http_5xx","share":0.5}]}`)
		who := stranger(1)
		w.add("abc", who)
		for range 24 {
			all = append(all, w.page(w.apply(abc, who)))
		}
		return all
	}
	one, again := pages(), pages()
	seen := map[page]bool{}
	for i := range one {
		if one[i].outOfOrder() != again[i].outOfOrder() || one[i].outOfOrder() && one[i] != again[i] {
			t.Errorf("%d: %+v, then %+v", i, one[i], again[i])
		}
		if one[i].outOfOrder() {
			seen[one[i]] = true
		}
	}
	if len(seen) < 4 {
		t.Errorf("only these pages: %+v", seen)
	}
}

// Where no HTTP is spoken the kind is refused, with the protocols that know it.
func TestHTTP5xxIsForHTTP(t *testing.T) {
	w := startLines(t)
	status, text := w.control("PUT", "/banks/njcb/behaviour", `{"faults":[{"kind":"http_5xx"}]}`)
	if status != http.StatusBadRequest || !strings.Contains(text, "http_5xx can't be played over iso8583, only over epcc and jws") {
		t.Errorf("%d %s", status, text)
	}
}

// The seal is right and the text can't be read: the body says UTF-8 and is GBK.
func TestAWrongCharsetOverTheHub(t *testing.T) {
	w := start(t, nil)
	for i, subject := range []string{"/banks/abc", "/channels/nucc"} {
		who := w.customers("abc", "debit")[i]
		unread := func(operation string, m wire.Message) {
			t.Helper()
			w.once(subject, operation, "wrong_charset", "")
			if answer, err := w.ask(m); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s %s: %+v, %v", subject, operation, answer, err)
			}
		}
		apply := w.apply(abc, who)
		unread("apply", apply)
		unread("confirm", w.confirm(apply, w.code("abc", who.Mobile)))
		unread("query", w.query("0202", apply.TrxInf.TrxId, abc))
		signed := must[*epcc.QueryReceipt](w, w.query("0202", apply.TrxInf.TrxId, abc)).BizInf
		if signed.BizStsCd != "00000000" || signed.SgnNo == "" {
			t.Fatalf("%s: the query says %+v", subject, signed)
		}
		unread("unsign", w.unsign(abc, signed.SgnNo, who.Cards[0].Number[15:]))
		w.once(subject, "query", "wrong_charset", "")
		if got := w.page(w.query("0202", apply.TrxInf.TrxId, abc)); !strings.Contains(got.body, `encoding="UTF-8"`) || !strings.Contains(got.body, "\xb3\xc9\xb9\xa6") { // 成功 in GBK
			t.Errorf("%s: %q", subject, got.body)
		}
	}
}

// Over a line a name in field 61 is UTF-8, under a seal that holds.
func TestAWrongCharsetOnALine(t *testing.T) {
	w := startLines(t)
	l := w.dial()
	who := w.customers("njcb", "debit")
	unread := func(operation string, m wire.Message) {
		t.Helper()
		w.once("/banks/njcb", operation, "wrong_charset", "")
		l.send(m)
		answer, err := l.read()
		var field *wire.FieldError
		if !errors.As(err, &field) || !strings.HasPrefix(field.Field, "F61") {
			t.Errorf("%s: %+v, %v", operation, answer, err)
		}
	}
	unread("verify", w.ask8583("890000", who[1]))
	setUp := w.ask8583("891000", who[0])
	unread("apply", setUp)
	unread("cancel", w.undo8583(setUp))
	verify := w.ask8583("890000", who[1])
	l.send(verify) // the line goes on
	if got := l.answers(1); got[verify.Trace.Key()] != "00" {
		t.Errorf("%v", got)
	}
}

// Signed JSON comes in UTF-16.
func TestAWrongCharsetOverJSON(t *testing.T) {
	for _, payload := range []string{"base64url", "raw"} {
		a := startAbroad(t, payload, "", nil)
		a.authorise()
		who := a.denizen(1)
		a.once("/banks/hsbc", "apply", "wrong_charset", "")
		status, head, body := a.fetch(order{method: "POST", path: "mandate-consents", body: consentBody("c1", who)})
		if status != 201 || !a.stands(head, body) || !strings.HasPrefix(string(body), "\xfe\xff\x00{\x00\"\x00T") {
			t.Errorf("%s: %d, %q", payload, status, body)
		}
		if got := a.ask("c1"); got.status != 200 || got.text("ConsentId") == "" {
			t.Errorf("the query says %+v", got)
		}
	}
}
