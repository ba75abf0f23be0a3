package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles/secret"
)

// fakeEnvelopes opens sm2:k1:… by taking what stands behind it in hexadecimal.
type fakeEnvelopes struct{}

func (fakeEnvelopes) Open(envelope string) (string, error) {
	id, rest, _ := strings.Cut(strings.TrimPrefix(envelope, "sm2:"), ":")
	var text string
	_, err := fmt.Sscanf(rest, "%x", &text)
	switch {
	case id != "k1":
		return "", vault.ErrEnvelopeKey
	case err != nil:
		return "", vault.ErrSealed
	}
	return text, nil
}

func (fakeEnvelopes) Published() []vault.EnvelopeKey {
	return []vault.EnvelopeKey{
		{ID: "k1", State: vault.EnvelopeActive, Public: "PEM 1", NotBefore: noon},
		{ID: "k0", State: vault.EnvelopeRetiring, Public: "PEM 0", NotBefore: noon, NotAfter: noon.AddDate(0, 0, 7)},
	}
}

// strictCaller wants every sensitive field sealed.
type strictCaller struct{ oneCaller }

func (strictCaller) EnvelopeRequired(caller string) bool { return caller == "wallet" }

func withEnvelopes(c *Config) { c.Envelopes = fakeEnvelopes{} }
func strictly(c *Config)      { c.Callers = strictCaller{} }

func sealed(text string) string { return fmt.Sprintf("sm2:k1:%x", text) }

// allSealed is the good request with every sensitive field in an envelope.
func allSealed() string {
	return bent("/card/number", sealed("6228480402564890018"), "/card/cvv", sealed("123"), "/holder/document/number", sealed("11010519491231002X"))
}

func TestSealedIsThePlainRequest(t *testing.T) {
	for name, body := range map[string]string{
		"plain": goodRequest, "sealed": allSealed(), "in part": bent("/card/cvv", sealed("123")),
	} {
		r := serve(t, withEnvelopes)
		if g := r.do("POST", "/v1/bindings", body); g.StatusCode != 201 {
			t.Fatalf("%s: %d %s", name, g.StatusCode, g.body)
		}
		in := r.flow.created
		if in.Card.Reveal() != "6228480402564890018" || in.CVV.Reveal() != "123" || in.Document.Reveal() != "11010519491231002X" || in.PasswordFree.LimitFen != 20000 {
			t.Errorf("%s: flow was told something else", name)
		}
		// The fingerprint is of the opened values, without CVV: sealed anew it is the same request.
		if g := r.do("POST", "/v1/bindings", goodRequest); g.StatusCode != 201 || g.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: again, plain: %d %s", name, g.StatusCode, g.body)
		}
		if strings.Contains(string(r.flow.keyed.Fingerprint), "sm2:") || strings.Contains(string(r.flow.keyed.Fingerprint), "cvv") {
			t.Errorf("%s: the fingerprint is of %s", name, r.flow.keyed.Fingerprint)
		}
	}
}

func TestSealedEverywhere(t *testing.T) {
	r := serve(t, withEnvelopes, strictly)
	path := "/v1/bindings/" + bindingID
	var read []flow.Candidate
	resolve := r.flow.resolve
	r.flow.resolve = func(c []flow.Candidate) (flow.Resolution, secret.Card, error) { read = c; return resolve(c) }
	for route, body := range map[string]string{
		"/v1/cards/resolve": fmt.Sprintf(`{"candidates":[{"number":%q,"confidence":0.9},{"number":%q,"confidence":0.5}]}`, sealed("6228480402564890018"), sealed("6228480402564890026")),
		path + "/confirm":   fmt.Sprintf(`{"code":"123456","card":{"cvv":%q,"expiry":"2029-08"}}`, sealed("987")),
		path + "/challenge": fmt.Sprintf(`{"card":{"cvv":%q}}`, sealed("987")),
		"/v1/verifications": strings.Replace(allSealed(), `"agreement":{"password_free":{"enabled":true,"limit":{"currency":"CNY","minor":20000}}},`, "", 1),
		path + "/cancel":    `{}`,
	} {
		r.flow.cvv = secret.CVV{}
		g := r.do("POST", route, body)
		if g.StatusCode != 200 {
			t.Errorf("%s: %d %s", route, g.StatusCode, g.body)
		}
		if strings.Contains(body, `"card":{"cvv"`) && route != "/v1/verifications" && r.flow.cvv.Reveal() != "987" {
			t.Errorf("%s: the CVV is lost", route)
		}
	}
	if len(read) != 2 || read[0].Number.Reveal() != "6228480402564890018" || read[1].Number.Reveal() != "6228480402564890026" {
		t.Errorf("read %d candidates", len(read))
	}
}

// Each envelope at fault is named, together with all else that is wrong.
func TestBadEnvelopes(t *testing.T) {
	r := serve(t, withEnvelopes)
	for _, tc := range []struct {
		badInput
		strict bool
	}{
		{badInput: badInput{name: "another key", body: bent("/card/number", "sm2:k9:AAAA"), status: 422, code: "envelope_key_invalid", fields: []string{"/card/number"}}},
		{badInput: badInput{name: "does not open", body: bent("/card/cvv", "sm2:k1:zz"), status: 422, code: "validation", fields: []string{"/card/cvv"}}},
		{badInput: badInput{name: "opens to what is no card", body: bent("/card/number", sealed(canary)), status: 422, code: "validation", fields: []string{"/card/number"}}},
		{badInput: badInput{name: "opens to what is no text", body: bent("/card/number", "sm2:k1:ff"), status: 422, code: "validation", fields: []string{"/card/number"}}},
		{badInput: badInput{name: "an envelope in an envelope", body: bent("/card/number", sealed(sealed("6228480402564890018"))), status: 422, code: "validation", fields: []string{"/card/number"}}},
		{badInput: badInput{name: "an envelope where none belongs", body: bent("/user_id", 1, "/holder/mobile", sealed("+8613800138000")), status: 422, code: "validation", fields: []string{"/user_id", "/holder/mobile"}}},
		{badInput: badInput{name: "everything at once", status: 422, code: "envelope_key_invalid",
			body:   bent("/card/number", "sm2:k9:AAAA", "/card/cvv", "sm2:k1:zz", "/holder/document/number", "sm2:", "/holder/email", canary, "/terminal/os", nil),
			fields: []string{"/card/number", "/card/cvv", "/holder/document/number", "/holder/email", "/terminal/os"}}},
		{badInput: badInput{name: "form and meaning", body: bent("/card/number", sealed("9228480402564890018"), "/card/cvv", "sm2:k1:zz"), status: 422, code: "validation", fields: []string{"/card/number", "/card/cvv"}}},
		{badInput: badInput{name: "no key and an envelope", body: bent("/card/number", "sm2:k9:AAAA"), status: 400, code: "malformed", fields: []string{"header:Idempotency-Key", "/card/number"}, header: []string{"Idempotency-Key", ""}}},
		{strict: true, badInput: badInput{name: "plain, where all must be sealed", body: goodRequest, status: 422, code: "validation", fields: []string{"/card/number", "/card/cvv", "/holder/document/number"}}},
		{strict: true, badInput: badInput{name: "plain in part", body: bent("/card/number", sealed("6228480402564890018"), "/user_id", ""), status: 422, code: "validation", fields: []string{"/card/cvv", "/holder/document/number", "/user_id"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.forget()
			r.server.Callers = Callers(oneCaller{})
			if tc.strict {
				r.server.Callers = strictCaller{}
			}
			tc.refused(t, r, r.do("POST", "/v1/bindings", tc.body, tc.header...))
		})
	}
}

func TestKeys(t *testing.T) {
	r := serve(t, withEnvelopes)
	g := r.do("GET", "/v1/keys", "")
	checkAnswer(t, r, "GET", "/v1/keys", g)
	want := `{"keys":[{"algorithm":"SM2","id":"k1","not_before":"2026-11-23T12:00:00+08:00","public_key":"PEM 1","state":"active"},` +
		`{"algorithm":"SM2","id":"k0","not_after":"2026-11-30T12:00:00+08:00","not_before":"2026-11-23T12:00:00+08:00","public_key":"PEM 0","state":"retiring"}]}`
	if g.StatusCode != 200 || g.body != want {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	if g := serve(t).do("GET", "/v1/keys", ""); g.body != `{"keys":[]}` {
		t.Errorf("without keys: %s", g.body)
	}
}

// Every field that may be sealed is found in every body, and the checks know the form of its plain text.
func TestSealableFields(t *testing.T) {
	r := serve(t)
	have := map[string][]string{}
	for route, o := range r.server.contract {
		for _, path := range o.sealable {
			have[route] = append(have[route], strings.Join(path, "/"))
		}
		slices.Sort(have[route])
	}
	binding := []string{"card/cvv", "card/number", "holder/document/number"}
	for route, want := range map[string][]string{
		"POST /v1/bindings": binding, "POST /v1/verifications": binding, "POST /v1/cards/resolve": {"candidates/*/number", "number"},
		"POST /v1/bindings/:id/confirm": {"card/cvv"}, "POST /v1/bindings/:id/challenge": {"card/cvv"},
	} {
		if !slices.Equal(have[route], want) {
			t.Errorf("%s: %v, want %v", route, have[route], want)
		}
		delete(have, route)
	}
	for route, paths := range have {
		if len(paths) > 0 {
			t.Errorf("%s: %v", route, paths)
		}
	}
	g := r.do("POST", "/v1/cards/resolve", `{"number":"62"}`)
	if p := g.problem(t); len(p.Errors) != 1 || p.Errors[0].Message != "must be 12 to 19 characters" {
		t.Errorf("a short number is told %+v", p.Errors)
	}
}

const goodVerification = `{"user_id":"u_1001","platform":"wechat","identity_level":"class_ii",
 "card":{"number":"6228480402564890018","cvv":"123","expiry":"2029-08","quickpass":true},
 "holder":{"name":"张三","document":{"type":"resident_id","number":"11010519491231002X"},"mobile":"+8613800138000"},
 "terminal":{"os":"android","os_version":"14","client_version":"8.0.50","protocol_version":"2.1"}}`

func TestVerification(t *testing.T) {
	r := serve(t)
	const path = "/v1/verifications"
	g := r.do("POST", path, goodVerification, "Idempotency-Key", "k")
	checkAnswer(t, r, "POST", path, g)
	want := `{"bank":{"id":"bob","tier":"city"},"card":{"last4":"0018","scheme":"unionpay","type":"debit"},"channel":"bob",` +
		`"elements":["name","document","card","mobile"],"result":"matched","verified_at":"2026-11-23T12:00:00+08:00"}`
	if g.StatusCode != 200 || g.body != want || g.Header.Get("Kaqiao-Bank-Number") != "n-2" || g.Header.Get("Server-Timing") != "bank;dur=40.000, total;dur=0.000" {
		t.Errorf("%d %s %v", g.StatusCode, g.body, g.Header)
	}
	in := r.flow.created
	if in.IdentityLevel != "class_ii" || in.QuickPass == nil || !*in.QuickPass || in.Terminal.ProtocolVersion != "2.1" || in.Caller != "wallet" || in.CVV.Reveal() != "123" {
		t.Errorf("flow was told %+v", in)
	}
	again := r.do("POST", path, goodVerification, "Idempotency-Key", "k")
	if again.body != g.body || again.Header.Get("Idempotency-Replayed") != "true" || len(r.flow.calls) != 1 {
		t.Errorf("again: %s, asked %v", again.body, r.flow.calls)
	}
	for reason, status := range map[op.Reason]int{
		op.NameMismatch: 422, op.IdentityMismatch: 422, op.BankTimeout: 504, op.OutcomeUnknown: 504, op.BankProtocolError: 502,
		op.BankSignatureInvalid: 502, op.VerificationUnsupported: 422, op.ChannelUnavailable: 503,
	} {
		r.forget()
		r.flow.problem = &op.Problem{Reason: reason, Outcome: op.Refused, Bank: "bob", RawCode: "05", Detail: "the bank refused"}
		g := r.do("POST", path, goodVerification)
		checkAnswer(t, r, "POST", path, g)
		if p := g.problem(t); g.StatusCode != status || string(p.Code) != string(reason) || p.Bank.Code != "05" || p.Instance != path {
			t.Errorf("%s: %d %s", reason, g.StatusCode, g.body)
		}
	}
}

func TestBadVerifications(t *testing.T) {
	r := serve(t)
	for _, tc := range []badInput{
		{name: "empty", body: `{}`, status: 422, code: "validation", fields: []string{"/user_id", "/platform", "/card", "/holder", "/terminal"}},
		{name: "with an agreement", body: goodRequest, status: 422, code: "validation", fields: []string{"/agreement"}},
		{name: "all wrong", body: strings.NewReplacer(`true`, `"yes"`, `"class_ii"`, `"class_9"`, `"2.1"`, `"two"`, "6228480402564890018", "9228480402564890018").Replace(goodVerification),
			status: 422, code: "validation", fields: []string{"/identity_level", "/card/quickpass", "/terminal/protocol_version", "/card/number"}},
		{name: "bad key", body: goodVerification, status: 400, code: "malformed", fields: []string{"header:Idempotency-Key"}, header: []string{"Idempotency-Key", "a b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.forget()
			tc.refused(t, r, r.do("POST", "/v1/verifications", tc.body, tc.header...))
		})
	}
}

// What is refused for the card's mark says what to do next.
func TestStepUpSaysWhatNext(t *testing.T) {
	r := serve(t)
	r.flow.problem = &op.Problem{Reason: op.StepUpRequired, Outcome: op.NotSent, Fields: []op.Field{{Pointer: "/card/quickpass", Message: "m"}}}
	g := r.do("POST", "/v1/bindings", goodRequest)
	checkAnswer(t, r, "POST", "/v1/bindings", g)
	var doc struct{ Next struct{ Action string } }
	if err := json.Unmarshal([]byte(g.body), &doc); err != nil || doc.Next.Action != "step_up" || g.StatusCode != 403 {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	r.forget()
	r.flow.problem = &op.Problem{Reason: op.ProtocolVersionUnsupported, Outcome: op.NotSent, Least: "8.0.0"}
	if p := r.do("POST", "/v1/bindings", goodRequest).problem(t); !strings.Contains(p.Remedy.Zh, "8.0.0") || p.Status != 422 || p.Next.Action != "" {
		t.Errorf("%+v", p)
	}
}

// A person who must type hears why.
func TestManualEntry(t *testing.T) {
	r := serve(t)
	r.flow.resolve = func([]flow.Candidate) (flow.Resolution, secret.Card, error) {
		return flow.Resolution{ManualReason: "ambiguous"}, secret.Card{}, nil
	}
	g := r.do("POST", "/v1/cards/resolve", `{"candidates":[{"number":"6228480402564890018","confidence":1}]}`)
	checkAnswer(t, r, "POST", "/v1/cards/resolve", g)
	if g.body != `{"manual_reason":"ambiguous","result":"manual_entry_required"}` {
		t.Errorf("%s", g.body)
	}
}

// FuzzOpener: whatever a body is, opening it neither panics nor leaves it unreadable.
func FuzzOpener(f *testing.F) {
	paths := [][]string{{"card", "number"}, {"card", "cvv"}, {"candidates", "*", "number"}, {"number"}}
	for _, seed := range []string{goodRequest, allSealed(), `{"card":[],"candidates":{"*":{"number":"sm2:k1:31"}}}`, `{"candidates":[{"number":"sm2:k1:31"},1,null]}`, `[]`, `null`, `{"number":"sm2:"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := parse(raw)
		if err != nil {
			return
		}
		o := opener{envelopes: fakeEnvelopes{}}
		if err := o.open(&doc, paths); err != nil {
			t.Fatal(err)
		}
		var again any
		if err := json.Unmarshal(doc.raw, &again); err != nil {
			t.Fatal(err)
		}
		for _, fault := range o.faults {
			if fault.Message == "" || strings.Contains(fault.Message, "sm2:k") {
				t.Fatalf("%+v", fault)
			}
		}
	})
}
