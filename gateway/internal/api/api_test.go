package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// TestContract holds the answers against the shapes that other people's programs rely on.
func TestContract(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, body, state string
		status                          int
		want                            string
	}{
		{"created", "POST", "/v1/bindings", goodRequest, flow.AwaitingCode, 201, `{
			"id":"` + bindingID + `","state":"awaiting_code","user_id":"u_1001","platform":"wechat",
			"bank":{"id":"abc","tier":"state"},"channel":"nucc",
			"card":{"last4":"0012","type":"debit","scheme":"unionpay"},
			"challenge":{"kind":"sms","to":"138****8000","expires_at":"2026-11-23T12:05:00+08:00","resend_at":"2026-11-23T12:01:00+08:00","attempts_left":3},
			"next":{"action":"confirm","requires":["code"],"before":"2026-11-23T12:05:00+08:00"},
			"created_at":"2026-11-23T12:00:00+08:00","updated_at":"2026-11-23T12:00:00+08:00","expires_at":"2026-11-23T12:15:00+08:00"}`},
		{"confirmed", "POST", "/v1/bindings/" + bindingID + "/confirm", `{"code":"123456"}`, flow.Active, 200, `{
			"id":"` + bindingID + `","state":"active","user_id":"u_1001","platform":"wechat",
			"bank":{"id":"abc","tier":"state"},"channel":"nucc",
			"card":{"last4":"0012","type":"debit","scheme":"unionpay"},
			"agreement":{"number":"agr-1","account_class":"I","single_limit":{"currency":"CNY","minor":5000000},"daily_limit":{"currency":"CNY","minor":5000000},
				"password_free":{"enabled":true,"limit":{"currency":"CNY","minor":20000}}},
			"history":[{"id":"att_1","operation":"apply","channel":"nucc","number":"n-1","outcome":"accepted","at":"2026-11-23T12:00:00+08:00","settled_at":"2026-11-23T12:00:01+08:00","took_ms":1000}],
			"next":{"action":"none"},"created_at":"2026-11-23T12:00:00+08:00","updated_at":"2026-11-23T12:00:00+08:00"}`},
		{"resolved", "POST", "/v1/cards/resolve", `{"number":"6228480402564890018"}`, "", 200, `{
			"result":"card","served":true,"bank":{"id":"abc","tier":"state","name":{"zh":"中国农业银行","en":"Agricultural Bank of China"}},
			"issuer":"ABC","channels":["nucc"],"card":{"last4":"0018","type":"debit","scheme":"unionpay"},"length":19,"luhn":true,"online_payment":true,
			"elements":["name","document","card","mobile"],"challenge_kinds":["sms","app_push"],
			"limits":{"single":{"currency":"CNY","minor":5000000},"daily":{"currency":"CNY","minor":5000000},"password_free":{"currency":"CNY","minor":100000}},
			"open":true,"quiet_hours":"00:00-08:00"}`},
		{"a bank", "GET", "/v1/banks/abc", "", "", 200, `{
			"id":"abc","tier":"state","name":{"zh":"中国农业银行","en":"Agricultural Bank of China"},"open":true,"quiet_hours":"00:00-08:00",
			"channels":["nucc"],"challenge_kinds":["sms","app_push"],"account_classes":["I","II"],
			"limits":{"single":{"currency":"CNY","minor":5000000},"daily":{"currency":"CNY","minor":5000000},"password_free":{"currency":"CNY","minor":100000}},
			"health":{"in_flight":1,"in_flight_limit":64,"per_second":2,"per_second_limit":200,"waiting":3,"waiting_limit":32,"state":"healthy","operations":[` + calm + `]},
			"channel_health":[{"id":"nucc","health":{"in_flight":1,"in_flight_limit":64,"per_second":2,"per_second_limit":200,"waiting":3,"waiting_limit":32,"state":"healthy","operations":[` + calm + `]}}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := serve(t)
			r.flow.state = tc.state
			g := r.do(tc.method, tc.path, tc.body)
			if g.StatusCode != tc.status || g.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("status %d, %s: %s", g.StatusCode, g.Header.Get("Content-Type"), g.body)
			}
			var have, want any
			if err := errors.Join(json.Unmarshal([]byte(g.body), &have), json.Unmarshal([]byte(tc.want), &want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
			checkAnswer(t, r, tc.method, tc.path, g)
		})
	}
}

func TestCreateTellsFlowEverything(t *testing.T) {
	r := serve(t)
	g := r.do("POST", "/v1/bindings", goodRequest)
	in := r.flow.created
	have := []any{in.Caller, in.UserID, in.Platform, in.Card.Reveal(), in.CVV.Reveal(), in.Expiry.Reveal(), in.Name.Reveal(),
		in.DocumentType, in.Document.Reveal(), in.Mobile.Reveal(), in.Terminal, in.PasswordFree}
	want := []any{"wallet", "u_1001", "wechat", "6228480402564890018", "123", "2029-08", "张三",
		"resident_id", "11010519491231002X", "+8613800138000",
		flow.Terminal{OS: "android", OSVersion: "14", ClientVersion: "8.0.50"}, journal.PasswordFree{Enabled: true, LimitFen: 20000}}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if r.flow.keyed.Route != "POST /v1/bindings" || r.flow.keyed.Key != "key-1" || r.flow.keyed.Caller != "wallet" {
		t.Errorf("keyed %+v", r.flow.keyed)
	}
	if f := string(r.flow.keyed.Fingerprint); strings.Contains(f, `"cvv"`) || !strings.Contains(f, `"expiry"`) {
		t.Errorf("the fingerprint is made of %s", f)
	}
	if g.Header.Get("Server-Timing") != "bank;dur=312.000, total;dur=0.000" || g.Header.Get("Kaqiao-Bank-Number") != "n-1" || len(g.Header.Get("X-Request-Id")) != 26 {
		t.Errorf("headers %v", g.Header)
	}
}

func TestConfirmLeavesTheCodeOutOfTheFingerprint(t *testing.T) {
	r := serve(t)
	path := "/v1/bindings/" + bindingID + "/confirm"
	r.do("POST", path, `{"code":"123456","card":{"cvv":"987"}}`, "Idempotency-Key", "k")
	if r.flow.code.Reveal() != "123456" || r.flow.cvv.Reveal() != "987" {
		t.Error("flow did not get code and CVV")
	}
	if f := string(r.flow.keyed.Fingerprint); f != `{"card":{}}` {
		t.Errorf("fingerprint of %s", f)
	}
	if r.flow.keyed.Route != "POST "+path {
		t.Errorf("route %q", r.flow.keyed.Route)
	}
	if r.log.String() == "" || strings.Contains(r.log.String(), "123456") || strings.Contains(r.log.String(), bindingID) {
		t.Errorf("log: %s", r.log)
	}
}

// TestWholeNumbersInAnySpelling: JSON has one kind of number, so 2e4 is 20000, under the same fingerprint.
func TestWholeNumbersInAnySpelling(t *testing.T) {
	r := serve(t)
	for _, spelling := range []string{"20000", "2e4", "20000.0"} {
		g := r.do("POST", "/v1/bindings", strings.Replace(goodRequest, "20000", spelling, 1))
		if g.StatusCode != 201 || r.flow.created.PasswordFree.LimitFen != 20000 {
			t.Errorf("%s: %d %s", spelling, g.StatusCode, g.body)
		}
	}
	if len(r.flow.calls) != 1 {
		t.Errorf("flow was asked %v: the three are one request", r.flow.calls)
	}
}

func TestStatusOfState(t *testing.T) {
	r := serve(t)
	confirm := "/v1/bindings/" + bindingID + "/confirm"
	for _, tc := range []struct {
		state, method, path, body string
		want                      int
	}{
		{flow.AwaitingApproval, "POST", "/v1/bindings", goodRequest, 201},
		{flow.Processing, "POST", "/v1/bindings", goodRequest, 202},
		{flow.Processing, "POST", confirm, `{"code":"123456"}`, 202},
		{flow.AwaitingApproval, "POST", confirm, `{"code":"123456"}`, 202},
		{flow.Revoking, "DELETE", "/v1/bindings/" + bindingID, "", 202},
		{flow.Revoked, "DELETE", "/v1/bindings/" + bindingID, "", 200},
		{flow.Cancelled, "POST", "/v1/bindings/" + bindingID + "/cancel", "", 200},
		{flow.Cancelled, "POST", "/v1/bindings/" + bindingID + "/cancel", "{}", 200},
		{flow.AwaitingCode, "POST", "/v1/bindings/" + bindingID + "/challenge", "", 200},
		{flow.AwaitingCode, "POST", "/v1/bindings/" + bindingID + "/challenge", `{"kind":"app_push"}`, 200},
		{flow.Active, "PUT", "/v1/bindings/" + bindingID + "/password-free", `{"enabled":false}`, 200},
		{flow.Processing, "GET", "/v1/bindings/" + bindingID, "", 200},
	} {
		t.Run(tc.state+" "+tc.method+" "+tc.path, func(t *testing.T) {
			r.forget()
			r.flow.state = tc.state
			g := r.do(tc.method, tc.path, tc.body)
			if g.StatusCode != tc.want {
				t.Errorf("status %d, want %d: %s", g.StatusCode, tc.want, g.body)
			}
			checkAnswer(t, r, tc.method, tc.path, g)
		})
	}
}

func TestSameKeySameAnswer(t *testing.T) {
	for _, problem := range []*op.Problem{nil, {Reason: op.NameMismatch, Outcome: op.Refused, Bank: "abc", RawCode: "PB511017", Binding: bindingID}} {
		r := serve(t)
		r.flow.problem = problem
		first := r.do("POST", "/v1/bindings", goodRequest)
		again := r.do("POST", "/v1/bindings", strings.ReplaceAll(goodRequest, `"cvv":"123"`, ` "cvv" : "123"`))
		if again.body != first.body || again.StatusCode != first.StatusCode || again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
			t.Errorf("%d %s, then %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
		}
		if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Error("only the second is a replay")
		}
		other := r.do("POST", "/v1/bindings", strings.ReplaceAll(goodRequest, "u_1001", "u_1002"))
		if p := other.problem(t); other.StatusCode != 422 || p.Code != "idempotency_conflict" {
			t.Errorf("another body: %d %s", other.StatusCode, other.body)
		}
		if len(r.flow.calls) != 1 {
			t.Errorf("flow was asked %v", r.flow.calls)
		}
	}
}

func TestProblemOfABank(t *testing.T) {
	r := serve(t)
	two := 2
	for _, tc := range []struct {
		problem op.Problem
		status  int
		after   string
		want    map[string]any
	}{
		{op.Problem{Reason: op.NameMismatch, Outcome: op.Refused, Asked: true, Bank: "abc", RawCode: "PB511017", Binding: bindingID, Detail: "the bank refused"}, 422, "", map[string]any{
			"type": "/problems/name-mismatch", "code": "name_mismatch", "category": "information", "outcome": "refused", "instance": "/v1/bindings/" + bindingID,
			"bank": map[string]any{"id": "abc", "code": "PB511017"}, "retry": map[string]any{"advice": "after_fix", "after_s": nil, "window": nil}, "status": 422.0,
		}},
		{op.Problem{Reason: op.CodeWrong, Outcome: op.Refused, AttemptsLeft: &two}, 422, "", map[string]any{"attempts_left": 2.0}},
		{op.Problem{Reason: op.BankBusy, Outcome: op.Refused, Bank: "abc"}, 503, "", map[string]any{"retry": map[string]any{"advice": "in_window", "after_s": nil, "window": "00:00-08:00"}}},
		{op.Problem{Reason: op.BankBusy, Outcome: op.Refused}, 503, "60", map[string]any{"retry": map[string]any{"advice": "after", "after_s": 60.0, "window": nil}}},
		{op.Problem{Reason: op.TooManyRequests, Outcome: op.NotSent, RetryAfterS: 37}, 429, "37", map[string]any{"retry": map[string]any{"advice": "after", "after_s": 37.0, "window": nil}}},
		{op.Problem{Reason: op.IdempotencyConflict, Outcome: op.NotSent, RetryAfterS: 1}, 409, "1", map[string]any{"code": "idempotency_conflict", "status": 409.0}},
		{op.Problem{Reason: op.OutcomeUnknown}, 504, "", map[string]any{"outcome": "unknown", "retry": map[string]any{"advice": "poll", "after_s": nil, "window": nil}}},
		{op.Problem{Reason: "nobody_knows"}, 500, "", map[string]any{"code": "internal"}},
	} {
		t.Run(string(tc.problem.Reason), func(t *testing.T) {
			r.forget()
			r.flow.problem = &tc.problem
			g := r.do("POST", "/v1/bindings", goodRequest)
			if g.StatusCode != tc.status || g.Header.Get("Retry-After") != tc.after || g.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d, Retry-After %q, %s: %s", g.StatusCode, g.Header.Get("Retry-After"), g.Header.Get("Content-Type"), g.body)
			}
			var have map[string]any
			if err := json.Unmarshal([]byte(g.body), &have); err != nil {
				t.Fatal(err)
			}
			for k, want := range tc.want {
				if diff := cmp.Diff(want, have[k]); diff != "" {
					t.Errorf("%s: %s", k, diff)
				}
			}
			checkAnswer(t, r, "POST", "/v1/bindings", g)
			if g.Header.Get("Kaqiao-Bank-Number") != "n-1" {
				t.Error("the bank was asked, and its number is missing")
			}
		})
	}
}

// calm is what each kind of operation looks like where all is well.
var calm = func() string {
	var all []string
	for _, operation := range []string{"new", "unsign", "confirm", "query"} {
		all = append(all, `{"operation":"`+operation+`","state":"closed","since":"`+noon.Format(time.RFC3339)+`","in_flight":0,"in_flight_limit":64,"waiting":0,
			"window":{"accepted":0,"refused":0,"pending":0,"elsewhere":0,"not_sent":0,"unknown":0,"slow":0}}`)
	}
	return strings.Join(all, ",")
}()
