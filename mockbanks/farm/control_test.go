package farm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// The shapes that other people's programs rely on: each key is there, and of its type.
func TestShapesHold(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	apply := w.apply(abc, who)
	must[*epcc.SignReceipt](w, apply)
	must[*epcc.SignReceipt](w, w.confirm(apply, w.code("abc", who.Mobile)))
	for path, want := range map[string]string{
		"/banks": `{"banks":[{"id":"","tier":"","channel":"","protocol":"","address":""}]}`,
		"/banks/abc": `{"id":"","tier":"","channel":"","protocol":"","address":"",
			"behaviour":{"latency":{},"faults":[]},"counters":{"operations":{},"outcomes":{},"faults":{}}}`,
		"/channels": `{"channels":[{"id":"","protocol":"","address":""}]}`,
		"/banks/abc/customers?limit=2&kind=debit": `{"customers":[{"name":"","document":{"type":"","number":""},"mobile":"","email":"",
			"cards":[{"number":"","type":"","class":"","cvv":"","expiry":"","online_payment":true}]}]}`,
		"/banks/abc/inbox?to=" + url.QueryEscape(who.Mobile): `{"messages":[{"id":"","kind":"","to":"","code":"","text":"","at":""}]}`,
		"/banks/abc/agreements?card=" + who.Cards[0].Number:  `{"agreements":[{"number":"","state":"","card_last4":"","at":""}]}`,
		"/banks/abc/exchanges": `{"exchanges":[{"id":"","at":"","operation":"","number":"","outcome":"","refusal":"","drawn_ms":0,"fault":"",
			"took_ms":0,"request":{},"answer":{}}]}`,
		"/banks/abc/behaviour":     `{"latency":{},"faults":[]}`,
		"/channels/nucc/behaviour": `{"latency":{},"faults":[]}`,
		"/clock":                   `{"now":""}`,
		"/healthz":                 `{"status":""}`,
	} {
		var shape, got any
		if err := json.Unmarshal([]byte(want), &shape); err != nil {
			t.Fatal(err)
		}
		w.show(path, &got)
		if missing := lacks(shape, got, path); missing != "" {
			t.Error(missing)
		}
		for _, at := range moments(got) {
			if !strings.HasSuffix(at, "+08:00") {
				t.Errorf("%s shows %s, which is not Beijing time", path, at)
			}
		}
	}
}

// moments are the values of "at" and "now", wherever they stand.
func moments(v any) (found []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if text, ok := inner.(string); ok && (key == "at" || key == "now") {
				found = append(found, text)
			}
			found = append(found, moments(inner)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, moments(inner)...)
		}
	}
	return found
}

// lacks says where got has not what shape has.
func lacks(shape, got any, at string) string {
	switch shape := shape.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %T, not an object", at, got)
		}
		for key, inner := range shape {
			value, there := object[key]
			if !there {
				return at + "." + key + " is missing"
			}
			if missing := lacks(inner, value, at+"."+key); missing != "" {
				return missing
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(shape) > 0 && len(list) == 0 {
			return at + " is no list, or an empty one"
		}
		for i := range shape {
			if missing := lacks(shape[i], list[i], fmt.Sprintf("%s[%d]", at, i)); missing != "" {
				return missing
			}
		}
	default:
		if fmt.Sprintf("%T", shape) != fmt.Sprintf("%T", got) {
			return fmt.Sprintf("%s is %T, not %T", at, got, shape)
		}
	}
	return ""
}

// Exchanges are decoded and masked: nothing that identifies a person stands in them.
func TestExchangesAreMasked(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "credit")[0]
	apply := w.apply(abc, who)
	must[*epcc.SignReceipt](w, apply)
	code := w.code("abc", who.Mobile)
	must[*epcc.SignReceipt](w, w.confirm(apply, code))
	_, text := w.control("GET", "/banks/abc/exchanges", "")
	card := who.Cards[0].Number
	for name, secret := range map[string]string{
		"card": card, "name": who.Name, "document": who.Document.Number, "mobile": who.Mobile[3:],
		"code": `"` + code + `"`, "cvv": `"` + who.Cards[0].CVV + `"`, "account": "wallet-1",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s stands in it", name)
		}
	}
	for _, shown := range []string{"****" + card[len(card)-4:], apply.TrxInf.TrxId, "epcc.101.001.01", "epcc.102.001.01", `"00000000"`} {
		if !strings.Contains(text, shown) {
			t.Errorf("%s does not stand in it", shown)
		}
	}
}

func TestExchangesArePaged(t *testing.T) {
	w := start(t, func(c *farm.Config) { c.Exchanges = 10 })
	var numbers []string
	for range 25 {
		q := w.query("0201", w.number(), abc)
		must[*epcc.QueryReceipt](w, q)
		numbers = append(numbers, q.OriTrxInf.OriTrxId)
	}
	slices.Reverse(numbers)
	var seen []string
	for path := "/banks/abc/exchanges?limit=4"; path != ""; {
		var page struct {
			Exchanges []exchange
			Next      string
		}
		w.show(path, &page)
		for _, x := range page.Exchanges {
			seen = append(seen, x.Number)
		}
		path = ""
		if page.Next != "" {
			path = "/banks/abc/exchanges?limit=4&cursor=" + page.Next
		}
	}
	if !slices.Equal(seen, numbers[:10]) {
		t.Errorf("pages show\n%v, want the latest ten\n%v", seen, numbers[:10])
	}
	if got := w.exchanges("abc", "number="+numbers[3]); len(got) != 1 || got[0].Number != numbers[3] {
		t.Errorf("by number: %+v", got)
	}
}

func TestBehaviourIsLaidOverAndRemoved(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"latency":{"apply":{"fixed":"50ms"}},"faults":[{"kind":"no_reply_after_commit","operation":"confirm","share":1.0,"count":1,"for_s":60}]}`)
	var now struct {
		Layered bool
		Latency map[string]map[string]any
		Faults  []struct {
			Kind, Operation string
			Share           float64
			Count, Left     int
			ForS            int `json:"for_s"`
		}
	}
	w.show("/banks/abc/behaviour", &now)
	if !now.Layered || now.Latency["apply"]["fixed"] != "50ms" || len(now.Faults) != 1 || now.Faults[0].Left != 1 ||
		now.Faults[0].Kind != "no_reply_after_commit" || now.Faults[0].ForS != 60 || now.Faults[0].Share != 1 {
		t.Errorf("in force: %+v", now)
	}
	who := w.customers("abc", "debit")[0]
	must[*epcc.SignReceipt](w, w.apply(abc, who))
	if x := w.exchanges("abc", "limit=1")[0]; x.DrawnMS != 50 || x.TookMS < 50 {
		t.Errorf("a delay of 50ms is kept as %.3f, taken %.3f", x.DrawnMS, x.TookMS)
	}
	if status, text := w.control("DELETE", "/banks/abc/behaviour", ""); status != 204 || text != "" {
		t.Errorf("DELETE: %d %s", status, text)
	}
	must[*epcc.SignReceipt](w, w.apply(abc, who))
	if x := w.exchanges("abc", "limit=1")[0]; x.DrawnMS != 0 {
		t.Errorf("after DELETE: %.3f", x.DrawnMS)
	}
}

func TestTheControlPortIsStrict(t *testing.T) {
	w := start(t, nil)
	w.add("abc", stranger(1))
	twice, err := json.Marshal(stranger(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/banks/nowhere", "", 404, "bank"},
		{"GET", "/channels/nowhere/behaviour", "", 404, "channel"},
		{"GET", "/nothing", "", 404, "route"},
		{"PATCH", "/banks", "", 405, "GET"},
		{"GET", "/banks?colour=red", "", 400, "colour"},
		{"GET", "/banks/abc/customers?limits=2", "", 400, "limits"},
		{"GET", "/banks/abc/customers?limit=0", "", 400, "limit"},
		{"GET", "/banks/abc/customers?limit=1001", "", 400, "limit"},
		{"GET", "/banks/abc/customers?limit=1&limit=2", "", 400, "twice"},
		{"GET", "/banks/abc/customers?kind=nobody", "", 400, "kind"},
		{"GET", "/banks/abc/customers?unbound=maybe", "", 400, "unbound"},
		{"GET", "/banks/abc/customers?cursor=x", "", 400, "cursor"},
		{"GET", "/banks/abc/inbox?wait_s=61", "", 400, "wait_s"},
		{"GET", "/banks/abc/inbox?after=x", "", 400, "after"},
		{"GET", "/banks/abc/exchanges?cursor=0", "", 400, "cursor"},
		{"GET", "/banks/abc/agreements?%zz", "", 400, "query"},
		{"PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"gremlin"}]}`, 400, "no_reply_after_commit"},
		{"PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"busy","operation":"sing"}]}`, 400, "confirm"},
		{"PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"busy","chance":1}]}`, 400, "chance"},
		{"PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"busy","share":1.5}]}`, 400, "share"},
		{"PUT", "/banks/abc/behaviour", `{"latency":{"apply":{"fixed":"50"}}}`, 400, "unit"},
		{"PUT", "/banks/abc/behaviour", `{"latency":{"apply":{}}}`, 400, "exactly one"},
		{"PUT", "/banks/abc/behaviour", `{"latency":{},"latency":{}}`, 400, "twice"},
		{"PUT", "/banks/abc/behaviour", `{"faults":[{"kind":"busy","count":"one"}]}`, 400, "count"},
		{"PUT", "/banks/abc/behaviour", `{"latency":`, 400, "JSON"},
		{"PUT", "/banks/abc/behaviour", `{} {}`, 400, "JSON"},
		{"PUT", "/banks/abc/behaviour", strings.Repeat("[", 100), 400, "JSON"},
		{"PUT", "/banks/abc/behaviour", `{"faults":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "bytes"},
		{"POST", "/banks/abc/customers", `{"kind":"debit"}`, 400, "cards"},
		{"POST", "/banks/abc/customers", `{"colour":"red"}`, 400, "colour"},
		{"POST", "/banks/abc/customers", string(twice), 409, "already"},
		{"POST", "/banks/abc/agreements/A1/revoke", "", 404, "agreement"},
	} {
		status, text := w.control(c.method, c.path, c.body)
		var p struct {
			Title, Detail, Code string
			Status              int
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Title == "" || p.Code == "" || p.Status != status {
			t.Errorf("%s %.60s: no problem document: %.200s", c.method, c.path, text)
		}
		if status != c.status || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s %.60s %.60s: %d %s, want %d and %q", c.method, c.path, c.body, status, p.Detail, c.status, c.says)
		}
	}
}

func TestTheInboxIsALongPoll(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")[0]
	texts := make(chan string, 1)
	go func() {
		_, text := w.control("GET", "/banks/abc/inbox?wait_s=30&to="+url.QueryEscape(who.Mobile), "")
		texts <- text
	}()
	select {
	case text := <-texts:
		t.Fatalf("it did not wait: %s", text)
	case <-time.After(30 * time.Millisecond): // time enough to be wrong in
	}
	must[*epcc.SignReceipt](w, w.apply(abc, who))
	var page struct {
		Messages []struct{ ID, Code, Text string }
	}
	if err := json.Unmarshal([]byte(<-texts), &page); err != nil || len(page.Messages) != 1 || len(page.Messages[0].Code) != 6 {
		t.Fatalf("%+v %v", page, err)
	}
	first := page.Messages[0]
	// A + that nobody escaped is a space in a URL; it is meant all the same.
	if w.show("/banks/abc/inbox?to="+who.Mobile, &page); len(page.Messages) != 1 {
		t.Errorf("without escaping: %+v", page)
	}
	page.Messages = nil
	if w.show("/banks/abc/inbox?after="+first.ID, &page); len(page.Messages) != 0 {
		t.Errorf("after the first: %+v", page)
	}
	must[*epcc.SignReceipt](w, w.apply(abc, who))
	if w.show("/banks/abc/inbox?wait_s=5&after="+first.ID+"&to="+url.QueryEscape(who.Mobile), &page); len(page.Messages) != 1 || page.Messages[0].ID == first.ID {
		t.Errorf("the second: %+v", page)
	}
	if w.show("/banks/abc/inbox?to=nobody&wait_s=1", &page); len(page.Messages) != 0 {
		t.Errorf("nobody: %+v", page)
	}
}

// The bank ends an agreement by itself and says so to the gateway, which fails twice.
func TestABankRevokes(t *testing.T) {
	type word struct {
		path  string
		frame wire.Frame
	}
	words := make(chan word, 8)
	var tries atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		frame := wire.Frame{Body: body}
		for name := range r.Header {
			frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: r.Header.Get(name)})
		}
		words <- word{r.URL.Path, frame}
		if tries.Add(1) < 3 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer gateway.Close()
	w := start(t, func(c *farm.Config) { c.Callbacks = map[string]string{"nucc": gateway.URL + "/callbacks/nucc"} })
	who := w.customers("abc", "debit")[0]
	apply := w.apply(abc, who)
	must[*epcc.SignReceipt](w, apply)
	number := must[*epcc.SignReceipt](w, w.confirm(apply, w.code("abc", who.Mobile))).BizInf.SgnNo
	status, text := w.control("POST", "/banks/abc/agreements/"+number+"/revoke", "")
	if status != 200 || !strings.Contains(text, `"unsigned"`) {
		t.Fatalf("revoke: %d %s", status, text)
	}
	expectAgreement(t, w, "abc", who.Cards[0].Number, number, "unsigned")
	var bodies []string
	for len(bodies) < 3 {
		got := <-words
		m, err := w.codec.Decode(got.frame)
		notice, ok := m.(*epcc.UnsignReceipt)
		if err != nil || !ok || got.path != "/callbacks/nucc" {
			t.Fatalf("the gateway got %T %v at %s", m, err, got.path)
		}
		if notice.SgnInf.SgnNo != number || notice.SgnInf.SgnAcctShrtId != tail(who) || notice.SgnInf.SgnAcctIssrId != abc ||
			notice.SysRtnInf != (epcc.SystemResult{}) || notice.BizInf.BizStsCd != "00000000" || len(notice.RescindInf.TrxId) != 31 {
			t.Errorf("the notice says %+v", notice)
		}
		bodies = append(bodies, notice.RescindInf.TrxId)
	}
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Error("a try has another number than the one before")
	}
	w.stop()
	if tries.Load() != 3 {
		t.Errorf("%d tries, the third was taken", tries.Load())
	}
}

// Books outlive the farm; a bank is filled once.
func TestBooksOutliveTheFarm(t *testing.T) {
	var cfg farm.Config
	seeded := 0
	w := start(t, func(c *farm.Config) {
		c.Seeding = func(_ string, people int, took time.Duration) {
			if took > 0 {
				seeded += people
			}
		}
		cfg = *c
	})
	who := w.customers("abc", "debit")[0]
	apply := w.apply(abc, who)
	must[*epcc.SignReceipt](w, apply)
	number := must[*epcc.SignReceipt](w, w.confirm(apply, w.code("abc", who.Mobile))).BizInf.SgnNo
	w.stop()
	w.run(cfg)
	expectAgreement(t, w, "abc", who.Cards[0].Number, number, "signed")
	if seeded != 40 {
		t.Errorf("%d people were invented, want 20 for each of two banks", seeded)
	}
}

func TestAFarmThatCannotRunSaysWhy(t *testing.T) {
	w := start(t, nil)
	base := farm.Config{KeyDir: w.keys, DataDir: t.TempDir(), Control: "127.0.0.1:0", Listen: map[string]string{"nucc": "127.0.0.1:0"}}
	for _, c := range []struct {
		name   string
		change func(*farm.Config)
		says   string
	}{
		{"no set", func(c *farm.Config) { c.Set = nil }, "required"},
		{"no keys", func(c *farm.Config) { c.KeyDir = t.TempDir() }, "mockbanks keys --out"},
		{"an address for nobody", func(c *farm.Config) { c.Listen = map[string]string{"visa": "127.0.0.1:0"} }, "visa"},
		{"exchanges", func(c *farm.Config) { c.Exchanges = -1 }, "exchanges"},
		{"a taken port", func(c *farm.Config) { c.Listen = map[string]string{"nucc": w.farm.Address("nucc")} }, "address already in use"},
		{"a taken control port", func(c *farm.Config) { c.Control = strings.TrimPrefix(w.farm.ControlURL(), "http://") }, "address already in use"},
		{"no folder", func(c *farm.Config) { c.DataDir = filepath.Join("/dev/null", "x"); c.Warm = true }, "abc"},
	} {
		cfg := base
		cfg.Set = w.set
		c.change(&cfg)
		f, err := farm.New(cfg)
		if err == nil {
			err = f.Run(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.says)
		}
		if errors.Is(err, http.ErrServerClosed) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
