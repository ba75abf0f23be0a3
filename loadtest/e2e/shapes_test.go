package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/client"
)

// The shapes that other people's programs rely on, letter by letter. In a
// pattern a text is a regular expression for a text; a number, a truth value, a
// list and a map stand for themselves. Fields may be added, so what is not named is not looked at.
type (
	object map[string]any
	array  []any
	number struct{}
	truth  struct{}
	moment struct{} // RFC 3339
	fen    struct{} // {"currency":"CNY","minor":…}
)

func TestShapesOfABinding(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	in := request(c)
	in.Agreement = client.AgreementWish{PasswordFree: client.PasswordFree{Enabled: true, Limit: client.Money{Currency: "CNY", Minor: 20000}}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	begun, status, _ := p.post(t, text, client.NewKey())
	last4 := c.Cards[0].Number.Reveal()[len(c.Cards[0].Number.Reveal())-4:]
	card := object{"last4": last4, "type": "debit", "scheme": "unionpay"}
	mobile := c.Mobile.Reveal()
	match(t, "created", begun, object{
		"id": "bnd_.+", "state": "awaiting_code", "bank": object{"id": "abc", "tier": "state"}, "channel": "nucc", "card": card,
		"challenge": object{"kind": "sms", "to": regexp.QuoteMeta(mobile[3:6] + "****" + mobile[10:]), "expires_at": moment{}, "resend_at": moment{}, "attempts_left": number{}},
		"next":      object{"action": "confirm", "requires": array{"code"}, "before": moment{}}, "created_at": moment{},
	})
	if status != http.StatusCreated {
		t.Errorf("created with status %d", status)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(begun, &made); err != nil {
		t.Fatal(err)
	}
	code := p.code(t, "abc", c, "").Code.Reveal()
	signed, status := p.call(t, http.MethodPost, "/v1/bindings/"+made.ID+"/confirm", `{"code":"`+code+`"}`)
	active := object{
		"id": made.ID, "state": "active", "bank": object{"id": "abc", "tier": "state"}, "channel": "nucc", "card": card,
		"agreement": object{"number": ".+", "single_limit": fen{}, "password_free": object{"enabled": true, "limit": fen{}}},
	}
	match(t, "confirmed", signed, active)
	if status != http.StatusOK {
		t.Errorf("confirmed with status %d", status)
	}
	got, _ := p.call(t, http.MethodGet, "/v1/bindings/"+made.ID, "")
	match(t, "asked for", got, active)
	list, _ := p.call(t, http.MethodGet, "/v1/bindings?user_id=u_1001&status=active", "")
	match(t, "listed", list, object{"bindings": array{active}})
}

func TestShapeOfAnUnknownOutcome(t *testing.T) {
	p := startPair(t)
	c := p.customers(t, "abc", "debit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	code := p.code(t, "abc", c, "").Code.Reveal()
	behaviour := `{"latency":{"apply":{"fixed":"50ms"}},"faults":[{"kind":"no_reply_after_commit","operation":"confirm","share":1.0,"count":1,"for_s":60}]}`
	if text, status := p.raw(t, http.MethodPut, p.farmURL+"/banks/abc/behaviour", behaviour, nil); status >= 300 {
		t.Fatalf("behaviour: status %d %s", status, text)
	}
	text, status := p.call(t, http.MethodPost, "/v1/bindings/"+a.ID+"/confirm", `{"code":"`+code+`"}`)
	if status != http.StatusAccepted {
		t.Fatalf("status %d %s", status, text)
	}
	match(t, "unknown", text, object{"id": a.ID, "state": "processing", "next": object{"action": "poll", "after": moment{}}})
	if a := p.decided(t, a.ID); a.State != "active" {
		t.Errorf("found out: %s", a.State)
	}
	p.mustAgree(t)
}

func TestShapeOfAProblem(t *testing.T) {
	p := startPair(t)
	in := request(p.customers(t, "abc", "debit", 1)[0])
	in.Holder.Name = "王某某"
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	got, status, kind := p.post(t, text, client.NewKey())
	if status != http.StatusUnprocessableEntity || kind != "application/problem+json" {
		t.Errorf("status %d, %s", status, kind)
	}
	match(t, "refused", got, object{
		"type": ".*/problems/name-mismatch", "title": ".+", "status": number{}, "detail": ".+", "instance": "/v1/bindings.*",
		"code": "name_mismatch", "category": "information", "outcome": "refused",
		"retry":  object{"advice": "after_fix", "after_s": nil, "window": nil},
		"remedy": object{"zh": ".+", "en": ".+"}, "bank": object{"id": "abc", "code": "PB511017"}, "request_id": ".+",
	})
}

func TestShapesOfTheFarm(t *testing.T) {
	p := startPair(t)
	banks, _ := p.raw(t, http.MethodGet, p.farmURL+"/banks", "", nil)
	abc := object{"id": "abc", "tier": "state", "channel": "nucc", "protocol": "epcc", "address": `127\.0\.0\.1:\d+`}
	match(t, "banks", only(t, banks, "banks", "id", "abc"), object{"banks": array{abc}})

	person := object{
		"name": ".+", "document": object{"type": "resident_id", "number": ".+"}, "mobile": `\+861\d{10}`, "email": ".+@.+",
		"cards": array{object{"number": `6\d{15,18}`, "type": "debit", "class": "I+", "cvv": "", "expiry": "", "online_payment": truth{}}},
	}
	customers, _ := p.raw(t, http.MethodGet, p.farmURL+"/banks/abc/customers?limit=2&kind=debit", "", nil)
	match(t, "customers", customers, object{"customers": array{person, person}})

	c := p.customers(t, "abc", "debit", 1)[0]
	a := p.bind(t, "abc", c)
	mobile, card := c.Mobile.Reveal(), c.Cards[0].Number.Reveal()
	inbox, _ := p.raw(t, http.MethodGet, p.farmURL+"/banks/abc/inbox?to=%2B"+mobile[1:], "", nil)
	match(t, "inbox", inbox, object{"messages": array{object{"id": ".+", "kind": "sms", "to": regexp.QuoteMeta(mobile), "code": `\d{6}`, "text": ".+", "at": moment{}}}})
	agreements, _ := p.raw(t, http.MethodGet, p.farmURL+"/banks/abc/agreements?card="+card, "", nil)
	match(t, "agreements", agreements, object{"agreements": array{object{
		"number": regexp.QuoteMeta(a.Agreement.Number), "state": "signed", "card_last4": card[len(card)-4:], "at": moment{},
	}}})
}

// only keeps of a list in a document the entry whose field has this value.
func only(t *testing.T, text []byte, list, field, value string) []byte {
	t.Helper()
	var doc map[string][]map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	doc[list] = slices.DeleteFunc(doc[list], func(e map[string]any) bool { return e[field] != value })
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// match holds a document against a pattern and tells everything that differs.
func match(t *testing.T, what string, text []byte, pattern any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, wrong := range differ("", doc, pattern) {
		t.Errorf("%s: %s", what, wrong)
	}
}

func differ(at string, doc, pattern any) (wrong []string) {
	no := func(want string) []string { return []string{fmt.Sprintf("%s is not %s but a %T", at, want, doc)} }
	switch p := pattern.(type) {
	case object:
		m, ok := doc.(map[string]any)
		if !ok {
			return no("an object")
		}
		for key, sub := range p {
			value, there := m[key]
			if !there {
				wrong = append(wrong, at+"/"+key+" is missing")
				continue
			}
			wrong = append(wrong, differ(at+"/"+key, value, sub)...)
		}
		sort.Strings(wrong)
	case array:
		l, ok := doc.([]any)
		if !ok || len(l) != len(p) {
			return no(fmt.Sprintf("a list of %d", len(p)))
		}
		for i := range p {
			wrong = append(wrong, differ(fmt.Sprintf("%s/%d", at, i), l[i], p[i])...)
		}
	case string:
		if s, ok := doc.(string); !ok || !regexp.MustCompile("^(?:"+p+")$").MatchString(s) {
			return no("a text like " + p)
		}
	case moment:
		s, _ := doc.(string)
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return no("a time of RFC 3339")
		}
	case fen:
		m, _ := doc.(map[string]any)
		n, _ := m["minor"].(json.Number)
		if m["currency"] != "CNY" || n == "" || strings.ContainsAny(n.String(), ".eE") {
			return no("money in fen")
		}
	case number:
		if _, ok := doc.(json.Number); !ok {
			return no("a number")
		}
	case truth:
		if _, ok := doc.(bool); !ok {
			return no("true or false")
		}
	default:
		if doc != pattern {
			return no(fmt.Sprint(pattern))
		}
	}
	return wrong
}

// The comparison itself on trial.
func TestMatchTellsWhatDiffers(t *testing.T) {
	pattern := object{"a": "x.", "b": array{number{}}, "c": moment{}, "d": fen{}, "e": nil, "f": true, "g": truth{}}
	good := `{"a":"xy","b":[1],"c":"2026-11-23T10:00:00+08:00","d":{"currency":"CNY","minor":5},"e":null,"f":true,"g":false,"more":1}`
	for text, n := range map[string]int{
		good: 0,
		strings.Replace(good, `"xy"`, `"xyz"`, 1):         1,
		strings.Replace(good, `[1]`, `[]`, 1):             1,
		strings.Replace(good, `[1]`, `["1"]`, 1):          1,
		strings.Replace(good, `T10`, ` 10`, 1):            1,
		strings.Replace(good, `5}`, `5.0}`, 1):            1,
		strings.Replace(good, `null`, `0`, 1):             1,
		strings.Replace(good, `"f":true`, `"f":false`, 1): 1,
		strings.Replace(good, `"g":false`, `"g":0`, 1):    1,
		`{}`: 7, `[]`: 1,
	} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		if wrong := differ("", doc, pattern); len(wrong) != n {
			t.Errorf("%s: %d differences, want %d: %v", text, len(wrong), n, wrong)
		}
	}
}
