package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// Bad input is a problem document that quotes nothing, and no bank hears of it.
func TestBadInputAsksNoBank(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	good := body(t, c)
	if _, status, _ := p.post(t, good, client.NewKey()); status != http.StatusCreated {
		t.Fatalf("the body that the others differ from: status %d", status)
	}
	before := p.asked(t)
	for name, bad := range badBodies(t, c) {
		text, status, kind := p.post(t, bad, client.NewKey())
		var doc struct{ Code, Category string }
		if status < 400 || status >= 500 || kind != "application/problem+json" || json.Unmarshal(text, &doc) != nil || doc.Code == "" {
			t.Errorf("%s: status %d, %s, %s", name, status, kind, doc.Code)
		}
		for what, value := range map[string]string{
			"card": c.Cards[0].Number.Reveal(), "document": c.Document.Number.Reveal(), "mobile": c.Mobile.Reveal(), "name": c.Name.Reveal(), "canary": canary,
		} {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("%s: the answer quotes the %s", name, what)
			}
		}
	}
	if _, status, _ := p.post(t, good, ""); status != http.StatusBadRequest {
		t.Errorf("without an idempotency key: status %d", status)
	}
	if n := p.asked(t) - before; n != 0 {
		t.Errorf("%d requests went to a bank", n)
	}
	for _, secret := range []string{c.Cards[0].Number.Reveal(), c.Document.Number.Reveal(), canary} {
		if bytes.Contains(p.logs.bytes(), []byte(secret)) {
			t.Error("the log quotes a request")
		}
	}
}

// canary is a text that stands in bad values and must be seen nowhere.
const canary = "zq7canary"

func body(t testing.TB, c control.Customer) []byte {
	t.Helper()
	text, err := json.Marshal(request(c))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func badBodies(t testing.TB, c control.Customer) map[string][]byte {
	t.Helper()
	change := func(edit func(in map[string]any)) []byte {
		var in map[string]any
		if err := json.Unmarshal(body(t, c), &in); err != nil {
			t.Fatal(err)
		}
		edit(in)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	set := func(object, field string, value any) []byte {
		return change(func(in map[string]any) { in[object].(map[string]any)[field] = value })
	}
	document := func(kind, number string) []byte {
		return set("holder", "document", map[string]any{"type": kind, "number": number})
	}
	number := c.Cards[0].Number.Reveal()
	otherDigit := number[:len(number)-1] + string('0'+(number[len(number)-1]-'0'+1)%10)
	good := body(t, c)
	return map[string][]byte{
		"empty":                     nil,
		"no JSON":                   []byte(canary),
		"cut off":                   good[:len(good)-1],
		"two values":                append(bytes.Clone(good), good...),
		"duplicate field":           bytes.Replace(good, []byte(`{`), []byte(`{"user_id":"`+canary+`",`), 1),
		"unknown field":             change(func(in map[string]any) { in["colour"] = canary }),
		"wrong type":                change(func(in map[string]any) { in["card"] = canary }),
		"missing card":              change(func(in map[string]any) { delete(in, "card") }),
		"too large":                 change(func(in map[string]any) { in["user_id"] = strings.Repeat("x", 1<<20) }),
		"too deep":                  []byte(strings.Repeat(`{"card":`, 1000) + "1" + strings.Repeat("}", 1000)),
		"wrong check digit":         set("card", "number", otherDigit),
		"unknown prefix":            set("card", "number", "9999990000000000004"),
		"letters in number":         set("card", "number", canary),
		"unknown platform":          change(func(in map[string]any) { in["platform"] = canary }),
		"impossible birth":          document("resident_id", "11010519491331002X"),
		"document digit":            document("resident_id", "110105194912310021"),
		"unknown document":          document(canary, "123456"),
		"foreign mobile":            set("holder", "mobile", "+15551234567"),
		"empty name":                set("holder", "name", ""),
		"name too long for the hub": set("holder", "name", strings.Repeat("长", 41)),
		"control in a name":         set("holder", "name", "a\x00"+canary),
		"old phone":                 set("terminal", "os_version", "4.4"),
		"pure mode":                 set("terminal", "restricted_mode", true),
		"limit too high": change(func(in map[string]any) {
			in["agreement"] = map[string]any{"password_free": map[string]any{"enabled": true, "limit": map[string]any{"currency": "CNY", "minor": 999_999_999}}}
		}),
	}
}

// post sends a body as it is.
func (p *pair) post(t testing.TB, body []byte, key string) (text []byte, status int, contentType string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/bindings", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if text, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return text, res.StatusCode, res.Header.Get("Content-Type")
}
