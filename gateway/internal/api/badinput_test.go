package api

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
)

// canary stands in every bad value: no answer and no log may hold it.
const canary = "622848CANARY0018"

// bent is the good request with one value replaced, added or (nil) removed.
func bent(changes ...any) string {
	v := request()
	for i := 0; i+1 < len(changes); i += 2 {
		at := v
		path := strings.Split(strings.TrimPrefix(changes[i].(string), "/"), "/")
		for _, p := range path[:len(path)-1] {
			at = at[p].(map[string]any)
		}
		if last := path[len(path)-1]; changes[i+1] == nil {
			delete(at, last)
		} else {
			at[last] = changes[i+1]
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

type badInput struct {
	name   string
	body   string
	status int
	code   gen.ProblemCode
	fields []string // every pointer that must be named, and no other
	header []string
}

func TestBadBodies(t *testing.T) {
	r := serve(t)
	deep := strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17)
	for _, tc := range []badInput{
		{name: "not JSON", body: `{"user_id":"` + canary, status: 400, code: "malformed"},
		{name: "not JSON, a token", body: canary, status: 400, code: "malformed"},
		{name: "trailing data", body: goodRequest + `{"x":"` + canary + `"}`, status: 400, code: "malformed"},
		{name: "an array", body: `["` + canary + `"]`, status: 422, code: "validation", fields: []string{""}},
		{name: "null", body: `null`, status: 422, code: "validation", fields: []string{""}},
		{name: "not UTF-8", body: strings.Replace(goodRequest, "张三", "\xff\xfe"+canary, 1), status: 400, code: "malformed"},
		{name: "half a surrogate", body: strings.Replace(goodRequest, "张三", `\ud83d`+canary, 1), status: 400, code: "malformed"},
		{name: "too long", body: strings.Replace(goodRequest, "张三", strings.Repeat("a", 64<<10)+canary, 1), status: 413, code: "malformed"},
		{name: "too deep", body: deep, status: 400, code: "malformed"},
		{name: "keys twice", body: `{"user_id":"a","user_id":"` + canary + `","card":{"number":"1","number":"2"}}`, status: 400, code: "malformed", fields: []string{"/user_id", "/card/number"}},
		{name: "number beyond all ranges", body: bent("/agreement/password_free/limit/minor", json.Number("1e999")), status: 400, code: "malformed", fields: []string{"/agreement/password_free/limit/minor"}},
		{name: "no body", body: "", status: 400, code: "malformed"},
		{name: "form", body: "user_id=" + canary, status: 415, code: "malformed", header: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{name: "no content type", body: goodRequest, status: 415, code: "malformed", header: []string{"Content-Type", ""}},
		{name: "other charset", body: goodRequest, status: 415, code: "malformed", header: []string{"Content-Type", "application/json; charset=gbk"}},
		{name: "encoded", body: goodRequest, status: 415, code: "malformed", header: []string{"Content-Encoding", "gzip"}},
		{name: "no key", body: goodRequest, status: 400, code: "malformed", fields: []string{"header:Idempotency-Key"}, header: []string{"Idempotency-Key", ""}},
		{name: "no key and a bad body", body: bent("/user_id", nil), status: 400, code: "malformed", fields: []string{"header:Idempotency-Key", "/user_id"}, header: []string{"Idempotency-Key", ""}},
		{name: "key too long", body: goodRequest, status: 400, code: "malformed", fields: []string{"header:Idempotency-Key"}, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}},
		{name: "key with a space", body: goodRequest, status: 400, code: "malformed", fields: []string{"header:Idempotency-Key"}, header: []string{"Idempotency-Key", "a " + canary}},
		{name: "empty object", body: `{}`, status: 422, code: "validation", fields: []string{"/user_id", "/platform", "/card", "/holder", "/terminal"}},
		{name: "unknown fields, at every level", body: bent("/pin", canary, "/card/track2", canary, "/holder/document/issued", canary), status: 422, code: "validation",
			fields: []string{"/pin", "/card/track2", "/holder/document/issued"}},
		{name: "an unknown field whose name is a card", body: bent("/6228480402564890018", canary), status: 422, code: "validation", fields: []string{"/*"}},
		{name: "wrong case", body: bent("/USER_ID", canary, "/user_id", nil), status: 422, code: "validation", fields: []string{"/USER_ID", "/user_id"}},
		{name: "wrong types", body: bent("/user_id", 6228480402564890018.0, "/card", canary, "/holder/name", []any{canary}, "/terminal/restricted_mode", canary, "/agreement/password_free/limit/minor", "20000"),
			status: 422, code: "validation", fields: []string{"/user_id", "/card", "/holder/name", "/terminal/restricted_mode", "/agreement/password_free/limit/minor"}},
		{name: "money with a fraction", body: bent("/agreement/password_free/limit/minor", 0.5), status: 422, code: "validation", fields: []string{"/agreement/password_free/limit/minor"}},
		{name: "money below zero", body: bent("/agreement/password_free/limit/minor", -1), status: 422, code: "validation", fields: []string{"/agreement/password_free/limit/minor"}},
		{name: "other money", body: bent("/agreement/password_free/limit/currency", "USD"), status: 422, code: "validation", fields: []string{"/agreement/password_free/limit/currency"}},
		{name: "card with letters", body: bent("/card/number", canary), status: 422, code: "validation", fields: []string{"/card/number"}},
		{name: "card with spaces", body: bent("/card/number", "6228 4804 0256 4890"), status: 422, code: "validation", fields: []string{"/card/number"}},
		{name: "card in full width", body: bent("/card/number", "６２２８４８０４０２５６４８９０"), status: 422, code: "validation", fields: []string{"/card/number"}},
		{name: "everything at once", status: 422, code: "validation",
			body: bent("/user_id", "", "/platform", "WeChat "+canary, "/card/number", "62", "/card/cvv", "12", "/card/expiry", "2029-13", "/holder/name", "", "/holder/mobile", "13800138000",
				"/holder/email", canary, "/holder/document/type", canary, "/holder/document/number", "1", "/terminal/os", canary, "/terminal/os_version", canary, "/terminal/client_version", canary, "/terminal/device_id", ""),
			fields: []string{"/user_id", "/platform", "/card/number", "/card/cvv", "/card/expiry", "/holder/name", "/holder/mobile",
				"/holder/email", "/holder/document/type", "/holder/document/number", "/terminal/os", "/terminal/os_version", "/terminal/client_version", "/terminal/device_id"}},
		{name: "form and meaning at once", body: bent("/card/number", "9228480402564890018", "/holder/email", canary, "/terminal/os_version", nil), status: 422, code: "validation",
			fields: []string{"/holder/email", "/terminal/os_version", "/card/number"}},
		{name: "the meaning of what has no form is not told", body: bent("/card", "9", "/holder/email", canary), status: 422, code: "validation", fields: []string{"/holder/email", "/card"}},
		{name: "control characters in a name", body: bent("/holder/name", "张\x00三"), status: 422, code: "validation", fields: []string{"/holder/name"}},
		{name: "null where a text belongs", body: strings.Replace(goodRequest, `"张三"`, "null", 1), status: 422, code: "validation", fields: []string{"/holder/name"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.forget()
			tc.refused(t, r, r.do("POST", "/v1/bindings", tc.body, tc.header...))
		})
	}
}

func (tc badInput) refused(t *testing.T, r *room, g got) {
	t.Helper()
	p := g.problem(t)
	if g.StatusCode != tc.status || p.Code != tc.code || p.Status != tc.status || g.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, code %s, want %d %s: %s", g.StatusCode, p.Code, tc.status, tc.code, g.body)
	}
	var have []string
	for _, f := range p.Errors {
		have = append(have, f.Pointer)
		if f.Message == "" {
			t.Errorf("%s has no message", f.Pointer)
		}
	}
	want := slices.Clone(tc.fields)
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("fields %q, want %q: %s", have, want, g.body)
	}
	if p.Outcome != "not_sent" || p.Title == "" || p.Detail == "" || p.Remedy.Zh == "" || p.Remedy.En == "" || p.RequestID == "" || p.Instance == "" {
		t.Errorf("the document is not whole: %s", g.body)
	}
	if len(r.flow.calls) > 0 {
		t.Errorf("flow was asked: %v", r.flow.calls)
	}
	for _, secret := range []string{canary, "622848040256489", "6228 4804", "11010519491231002", "13800138000", "张三", `"123"`, "2029-13"} {
		if strings.Contains(g.body, secret) {
			t.Errorf("the answer quotes %q: %s", secret, g.body)
		}
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log quotes %q: %s", secret, r.log)
		}
	}
}

func TestBadRequests(t *testing.T) {
	r := serve(t)
	confirm := "/v1/bindings/" + bindingID + "/confirm"
	for _, tc := range []struct {
		badInput
		method, path string
	}{
		{badInput{name: "no such route", status: 404, code: "not_found"}, "GET", "/v1/" + canary},
		{badInput{name: "other method", status: 405, code: "malformed"}, "PATCH", "/v1/bindings"},
		{badInput{name: "an id that cannot be one", status: 404, code: "not_found"}, "GET", "/v1/bindings/" + canary},
		{badInput{name: "an escaped id", status: 404, code: "not_found"}, "GET", "/v1/bindings/..%2f" + canary},
		{badInput{name: "no such bank", status: 404, code: "not_found"}, "GET", "/v1/banks/nobody"},
		{badInput{name: "a bank in capitals", status: 404, code: "not_found"}, "GET", "/v1/banks/" + canary},
		{badInput{name: "unknown query", status: 422, code: "validation", fields: []string{"query:page", "query:*"}}, "GET", "/v1/bindings?page=" + canary + "&6228480402564890018=1"},
		{badInput{name: "bad query", status: 422, code: "validation", fields: []string{"query:limit", "query:status/0", "query:cursor", "query:user_id"}}, "GET", "/v1/bindings?limit=201&status=" + canary + "&cursor=" + canary + "&user_id=" + strings.Repeat("u", 65)},
		{badInput{name: "query twice", status: 422, code: "validation", fields: []string{"query:limit"}}, "GET", "/v1/bindings?limit=1&limit=2"},
		{badInput{name: "query that is no number", status: 422, code: "validation", fields: []string{"query:limit"}}, "GET", "/v1/bindings?limit=" + canary},
		{badInput{name: "broken query", status: 400, code: "malformed"}, "GET", "/v1/bindings?a=%zz" + canary},
		{badInput{name: "a query on a route without one", status: 422, code: "validation", fields: []string{"query:force"}}, "DELETE", "/v1/bindings/" + bindingID + "?force=" + canary},
		{badInput{name: "a body on GET", body: `{"a":"` + canary + `"}`, status: 400, code: "malformed"}, "GET", "/v1/banks"},
		{badInput{name: "confirm without a code", body: `{}`, status: 422, code: "validation", fields: []string{"/code"}}, "POST", confirm},
		{badInput{name: "confirm with a word", body: `{"code":"` + canary + `","card":{"cvv":"` + canary + `"}}`, status: 422, code: "validation", fields: []string{"/code", "/card/cvv"}}, "POST", confirm},
		{badInput{name: "confirm without a body", status: 400, code: "malformed"}, "POST", confirm},
		{badInput{name: "cancel with something", body: `{"why":"` + canary + `"}`, status: 422, code: "validation", fields: []string{"/why"}}, "POST", "/v1/bindings/" + bindingID + "/cancel"},
		{badInput{name: "challenge by pigeon", body: `{"kind":"` + canary + `"}`, status: 422, code: "validation", fields: []string{"/kind"}}, "POST", "/v1/bindings/" + bindingID + "/challenge"},
		{badInput{name: "bad optional key", status: 400, code: "malformed", fields: []string{"header:Idempotency-Key"}, header: []string{"Idempotency-Key", "a b"}}, "POST", "/v1/bindings/" + bindingID + "/cancel"},
		{badInput{name: "neither number nor candidates", body: `{}`, status: 422, code: "validation", fields: []string{"/number", "/candidates"}}, "POST", "/v1/cards/resolve"},
		{badInput{name: "both", body: `{"number":"6228480402564890018","candidates":[{"number":"6228480402564890018","confidence":1}]}`, status: 422, code: "validation", fields: []string{"/number", "/candidates"}}, "POST", "/v1/cards/resolve"},
		{badInput{name: "bad candidates", body: `{"candidates":[{"number":"` + canary + `","confidence":2},{}]}`, status: 422, code: "validation",
			fields: []string{"/candidates/0/number", "/candidates/0/confidence", "/candidates/1/number", "/candidates/1/confidence"}}, "POST", "/v1/cards/resolve"},
		{badInput{name: "too many candidates", body: `{"candidates":[` + strings.TrimSuffix(strings.Repeat(`{"number":"6228480402564890018","confidence":1},`, 17), ",") + `]}`, status: 422, code: "validation", fields: []string{"/candidates"}}, "POST", "/v1/cards/resolve"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.forget()
			tc.refused(t, r, r.do(tc.method, tc.path, tc.body, tc.header...))
		})
	}
}

func TestStrangers(t *testing.T) {
	r := serve(t)
	for name, value := range map[string]string{"nothing": "", "another key": "Bearer " + canary, "basic": "Basic " + goodKey, "no scheme": goodKey, "long": "Bearer " + strings.Repeat("k", 300)} {
		t.Run(name, func(t *testing.T) {
			r.forget()
			g := r.do("POST", "/v1/bindings", goodRequest, "Authorization", value)
			badInput{status: 401, code: "unauthorised"}.refused(t, r, g)
			if !strings.HasPrefix(g.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("the answer does not say how to call")
			}
		})
	}
}

// TestStatedLengthIsNotBelieved: without Content-Length the limit holds as well.
func TestStatedLengthIsNotBelieved(t *testing.T) {
	r := serve(t)
	body := io.MultiReader(strings.NewReader(`{"user_id":"`), strings.NewReader(strings.Repeat("a", 1<<20)), strings.NewReader(`"}`))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v1/bindings", io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+goodKey)
	req.Header.Set("Idempotency-Key", "k")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{goodRequest, `{"a":1,"a":2}`, `[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]`, `"\ud800"`, `"\ud83d\ude00"`, `1e999`, `{"\\u0061":"\\"}`, "\"\xff\"", ``, `null x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := parse(raw)
		if err != nil {
			if p, _, ok := problemOf(err); !ok || p.Reason != "malformed" {
				t.Fatalf("not a malformed problem: %v", err)
			}
			return
		}
		var want any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("took what is no JSON: %v", err)
		}
		a, err1 := json.Marshal(doc.value)
		b, err2 := json.Marshal(want)
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Fatalf("read %s, want %s (%v, %v)", a, b, err1, err2)
		}
	})
}

// Everything that a body says is looked at, however wrong another part of it is.
func TestMeaningOfAFaultyBody(t *testing.T) {
	r := serve(t)
	r.do("POST", "/v1/bindings", bent("/holder/email", canary, "/terminal/restricted_mode", true))
	got := r.flow.meant
	want := []string{"wechat", "6228480402564890018", "123", "2029-08", "张三", "resident_id", "11010519491231002X", "+8613800138000"}
	have := []string{got.Platform, got.Card.Reveal(), got.CVV.Reveal(), got.Expiry.Reveal(), got.Name.Reveal(), got.DocumentType, got.Document.Reveal(), got.Mobile.Reveal()}
	if !slices.Equal(have, want) {
		t.Errorf("got %q, want %q", have, want)
	}
	if got.Terminal != (flow.Terminal{OS: "android", OSVersion: "14", ClientVersion: "8.0.50", RestrictedMode: true}) ||
		got.PasswordFree != (journal.PasswordFree{Enabled: true, LimitFen: 20000}) {
		t.Errorf("got %+v, %+v", got.Terminal, got.PasswordFree)
	}
}
