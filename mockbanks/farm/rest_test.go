package farm_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/mockbanks/farm"
)

// The main job abroad, over both forms of the signature: a mandate is asked
// for, the bank's people approve it, and it is revoked.
func TestAMandateIsMadeAndRevoked(t *testing.T) {
	for _, payload := range []string{"base64url", "raw"} {
		t.Run(payload, func(t *testing.T) {
			a := startAbroad(t, payload, "", nil)
			a.authorise()
			who := a.denizen(1)
			verified := a.send(order{method: "POST", path: "account-verifications", body: fmt.Sprintf(
				`{"Type":"verification","Bank":"HSBCCNSH","Data":{"RequestId":"v1",%s}}`, person(who))})
			if verified.status != 200 || verified.typ != "verification-result" || verified.text("Result") != "Verified" || verified.text("Class") != "I" {
				t.Errorf("verification: %+v", verified)
			}
			made := a.consent("c1", who)
			if made.status != 201 || made.typ != "consent" || made.text("Status") != "Received" || made.text("RequestId") != "c1" ||
				made.text("ConsentId") == "" || made.text("ExpirationDateTime") == "" || made.head.Get("x-fapi-interaction-id") != interaction {
				t.Fatalf("consent: %+v", made)
			}
			mails, calls := a.letters("hsbc", who.Email), a.letters("hsbc", who.Mobile)
			if len(mails) != 1 || len(calls) != 1 || mails[0].Kind != "email" || calls[0].Kind != "phone" {
				t.Fatalf("messages %+v %+v", mails, calls)
			}
			a.ahead.Add(int64(time.Second))
			if got := a.ask("c1"); got.status != 200 || got.text("Status") != "CallbackScheduled" {
				t.Errorf("while they look at it: %+v", got)
			}
			a.say("hsbc", calls[0].ID, "approve", 204)
			approved := a.ask("c1")
			mandate := approved.text("MandateId")
			if approved.text("Status") != "Approved" || mandate == "" || approved.text("Class") != "I" || approved.text("ConsentId") != made.text("ConsentId") {
				t.Fatalf("approved: %+v", approved)
			}
			expectAgreement(t, a.world, "hsbc", who.Cards[0].Number, mandate, "signed")

			end := order{method: "POST", path: "mandates/" + mandate + "/revocations", body: fmt.Sprintf(
				`{"Type":"revocation","Bank":"HSBCCNSH","Data":{"RequestId":"r1","MandateId":%q,"WalletAccount":"w-1"}}`, mandate)}
			for range 2 {
				if got := a.send(end); got.status != 201 || got.text("MandateId") != mandate || got.text("RevokedDateTime") == "" {
					t.Errorf("revocation: %+v", got)
				}
			}
			if got := a.send(order{method: "GET", path: "revocations/r1"}); got.status != 200 || got.text("MandateId") != mandate {
				t.Errorf("query of the revocation: %+v", got)
			}
			end.body = strings.Replace(end.body, `"r1"`, `"r2"`, 1)
			if got := a.send(end); got.status != 422 || got.text("Code") != "Mandate.AlreadyRevoked" {
				t.Errorf("revoked twice: %+v", got)
			}
			expectAgreement(t, a.world, "hsbc", who.Cards[0].Number, mandate, "unsigned")
		})
	}
}

// What people say of a case, and that time says something too.
func TestHowAConsentEnds(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	for i, c := range []struct {
		deny, status, reason string
		ahead                time.Duration
	}{
		{"deny", "Rejected", "Review.Declined", 0},
		{"deny?reason=callback_failed", "Rejected", "Review.CallbackFailed", 0},
		{"deny?reason=unreachable", "Rejected", "Review.Unreachable", 0},
		{"", "Expired", "", 24 * time.Hour},
	} {
		a.authorise()
		who, number := a.denizen(10+i), fmt.Sprint("e", i)
		a.consent(number, who)
		message := a.letters("hsbc", who.Email)[0].ID
		if c.deny != "" {
			a.say("hsbc", message, c.deny, 204)
		}
		a.ahead.Add(int64(c.ahead))
		a.authorise()
		if got := a.ask(number); got.text("Status") != c.status || got.text("Reason") != c.reason || got.text("MandateId") != "" {
			t.Errorf("%+v: %+v", c, got)
		}
		a.say("hsbc", message, "approve", 409)
	}
}

// A number means one thing.
func TestARepeatedNumber(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	who := a.denizen(20)
	first, again := a.consent("n1", who), a.consent("n1", who)
	if again.status != 201 || again.text("ConsentId") != first.text("ConsentId") {
		t.Errorf("again: %+v, first %+v", again, first)
	}
	if n := len(a.letters("hsbc", who.Email)); n != 1 {
		t.Errorf("%d e-mails for one request", n)
	}
	other := order{method: "POST", path: "mandate-consents", body: strings.Replace(consentBody("n1", who), `"w-1"`, `"w-2"`, 1)}
	if got := a.send(other); got.status != 409 || got.text("Code") != "Idempotency.Conflict" {
		t.Errorf("another body: %+v", got)
	}
	other.body = strings.Replace(consentBody("n1", who), `{"Type"`, `{ "Type"`, 1)
	if got := a.send(other); got.status != 409 {
		t.Errorf("other bytes of the same body: %+v", got)
	}
	if got := a.ask("nothing"); got.status != 404 || got.text("Code") != "UK.OBIE.Resource.NotFound" {
		t.Errorf("nothing under a number: %+v", got)
	}
}

// A token is given to a client with a certificate, for a while, and serves it alone.
func TestTokens(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	for form, want := range map[string]string{
		"grant_type=client_credentials&client_id=kaqiao":               "",
		"grant_type=client_credentials&client_id=stranger":             "invalid_client",
		"grant_type=password&client_id=kaqiao":                         "invalid_request",
		"grant_type=client_credentials&client_id=kaqiao&scope=savings": "invalid_scope",
		"grant_type=client_credentials&client_id=kaqiao&client_id=x":   "invalid_request",
	} {
		if got := a.grant(form, a.client); got.text("error") != want || (got.status == 200) != (want == "") {
			t.Errorf("%s: %+v", form, got)
		}
	}
	who := a.denizen(30)
	for name, token := range map[string]string{"none": "", "invented": "abcdef"} {
		a.token = token
		got := a.consent("t1", who)
		if got.status != 401 || got.typ != "" || got.head.Get("x-fapi-interaction-id") != interaction {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a.authorise()
	if got := a.ask("t1"); got.status != 404 {
		t.Errorf("the bank has done something for nobody: %+v", got)
	}
	a.ahead.Add(int64(59 * time.Second))
	if got := a.consent("t1", who); got.status != 201 {
		t.Errorf("before its end: %+v", got)
	}
	a.ahead.Add(int64(time.Second))
	if got := a.ask("t1"); got.status != 401 {
		t.Errorf("at its end: %+v", got)
	}
	a.authorise()
	if got := a.ask("t1"); got.status != 200 {
		t.Errorf("with a new one: %+v", got)
	}
}

func TestAWrongCertificate(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	bare, err := a.farmTLS("hsbc")
	if err != nil {
		t.Fatal(err)
	}
	bare.Certificates = nil
	for name, secure := range map[string]*tls.Config{"another authority's": a.imposter(), "none": bare} {
		answer, err := a.with(secure).Get(a.base + "mandate-consents/1")
		if err == nil {
			_ = answer.Body.Close()
			t.Errorf("%s: the bank answered %d", name, answer.StatusCode)
		}
	}
}

// What is no proper request is refused before anybody looks at a person.
func TestWhatIsNoProperRequest(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	who := a.denizen(40)
	const iat = "http://openbanking.org.uk/iat"
	set := func(name string, value any) func(map[string]any) { return func(h map[string]any) { h[name] = value } }
	for i, c := range []struct {
		name   string
		change func(*order)
		status int
		code   string
	}{
		{"no signature", func(o *order) { o.after = func(r *http.Request) { r.Header.Del("x-jws-signature") } }, 400, "UK.OBIE.Signature.Missing"},
		{"another body's signature", func(o *order) {
			o.after = func(r *http.Request) { r.Header.Set("x-jws-signature", a.seal([]byte("{}"), nil)) }
		}, 400, "UK.OBIE.Signature.Invalid"},
		{"unknown key", func(o *order) { o.header = set("kid", "gw9") }, 400, "UK.OBIE.Signature.Invalid"},
		{"the bank's key", func(o *order) { o.header = set("kid", "bk1") }, 400, "UK.OBIE.Signature.Invalid"},
		{"no algorithm", func(o *order) { o.header = set("alg", "none") }, 400, "UK.OBIE.Signature.Invalid"},
		{"another issuer", func(o *order) { o.header = set("http://openbanking.org.uk/iss", "eve") }, 400, "UK.OBIE.Signature.Invalid"},
		{"the other form", func(o *order) { o.header = set("b64", false) }, 400, "UK.OBIE.Signature.Invalid"},
		{"eleven minutes old", func(o *order) { o.header = set(iat, a.now().Add(-11*time.Minute).Unix()) }, 400, "UK.OBIE.Signature.Invalid"},
		{"eleven minutes ahead", func(o *order) { o.header = set(iat, a.now().Add(11*time.Minute).Unix()) }, 400, "UK.OBIE.Signature.Invalid"},
		{"unknown field", func(o *order) { o.body = strings.Replace(o.body, `"WalletAccount"`, `"Wallet"`, 1) }, 400, "UK.OBIE.Field.Invalid"},
		{"another number outside", func(o *order) { o.headers = map[string]string{"x-idempotency-key": "x"} }, 400, "UK.OBIE.Header.Invalid"},
		{"no interaction", func(o *order) { o.after = func(r *http.Request) { r.Header.Del("x-fapi-interaction-id") } }, 400, "UK.OBIE.Header.Invalid"},
		{"another bank", func(o *order) { o.body = strings.Replace(o.body, "HSBCCNSH", "CITICNSX", 1) }, 403, "Client.Forbidden"},
		{"another path", func(o *order) { o.path = "account-verifications" }, 400, "UK.OBIE.Field.Invalid"},
		{"no way asked", func(o *order) {
			o.body = strings.Replace(o.body, `"WalletAccount"`, `"Challenge":"sms","WalletAccount"`, 1)
		}, 400, "UK.OBIE.Field.Invalid"},
	} {
		number := fmt.Sprint("w", i)
		o := order{method: "POST", path: "mandate-consents", body: consentBody(number, who)}
		c.change(&o)
		got := a.send(o)
		if got.status != c.status || got.typ != "problem" || got.text("Code") != c.code {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got := a.ask(number); got.status != 404 {
			t.Errorf("%s: the bank has done something: %+v", c.name, got)
		}
	}
	if n := len(a.letters("hsbc", who.Email)); n != 0 {
		t.Errorf("%d e-mails", n)
	}
	if got := a.send(order{method: "DELETE", path: "mandate-consents/1"}); got.status != 405 {
		t.Errorf("another method: %+v", got)
	}
	if got := a.send(order{method: "GET", path: "mandate-consents/1/2"}); got.status != 404 {
		t.Errorf("another path: %+v", got)
	}
}

// What the bank's books say of a person, in the words of the dialect.
func TestWhatAConsentIsRefusedFor(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	for i, c := range []struct {
		name   string
		has    func(*customer)
		claims func(*customer)
		code   string
	}{
		{"name", nil, func(c *customer) { c.Name = "欧阳小亮" }, "Holder.NameMismatch"},
		{"document", nil, func(c *customer) { c.Document.Number = "110101199003077651" }, "Holder.DocumentMismatch"},
		{"document type", nil, func(c *customer) { c.Document.Type = "passport" }, "Holder.DocumentMismatch"},
		{"mobile", nil, func(c *customer) { c.Mobile = "+8613900009999" }, "Holder.MobileMismatch"},
		{"no such card", nil, func(c *customer) { c.Cards[0].Number = "6225990000999999" }, "Card.Invalid"},
		{"frozen", func(c *customer) { c.Cards[0].State = "frozen" }, nil, "Account.Frozen"},
		{"closed", func(c *customer) { c.Cards[0].State = "closed" }, nil, "Account.Closed"},
		{"lost", func(c *customer) { c.Cards[0].State = "lost" }, nil, "Card.Lost"},
		{"class", func(c *customer) { c.Cards[0].Class = "III" }, nil, "Account.ClassRestricted"},
		{"online payment", func(c *customer) { c.Cards[0].OnlinePayment = false }, nil, "Account.OnlineNotOpened"},
	} {
		who := stranger(50 + i)
		who.Cards = []card{{Number: fmt.Sprintf("622599%010d", 50+i), Type: "debit", Class: "I", OnlinePayment: true, State: "open"}}
		if c.has != nil {
			c.has(&who)
		}
		a.add("hsbc", who)
		if c.claims != nil {
			c.claims(&who)
		}
		number := fmt.Sprint("f", i)
		if got := a.consent(number, who); got.status != 422 || got.text("Code") != c.code || got.text("RequestId") != number {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got := a.ask(number); got.status != 404 {
			t.Errorf("%s: there is a consent: %+v", c.name, got)
		}
		if c.has != nil {
			continue
		}
		got := a.send(order{method: "POST", path: "account-verifications", body: fmt.Sprintf(
			`{"Type":"verification","Bank":"HSBCCNSH","Data":{"RequestId":"fv%d",%s}}`, i, person(who))})
		if got.status != 200 || got.text("Result") != "NotVerified" || got.text("Reason") != c.code {
			t.Errorf("%s: verification %+v", c.name, got)
		}
	}
}

// hearing is the gateway's end of notices.
type hearing struct {
	*httptest.Server
	heard chan heard
	mu    sync.Mutex
	fails int // how many are not taken yet
}

type heard struct {
	seal, typ string
	data      map[string]any
}

func (h heard) consent(name string) string {
	c, _ := h.data["Consent"].(map[string]any)
	s, _ := c[name].(string)
	return s
}

func listenTo(t *testing.T, a func() *abroad, fails int) *hearing {
	h := &hearing{heard: make(chan heard, 16), fails: fails}
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("notice of type %s: %v", r.Header.Get("Content-Type"), err)
		}
		a().checks(r.Header, body)
		one := heard{seal: r.Header.Get("x-jws-signature")}
		one.typ, one.data = open(t, body)
		h.mu.Lock()
		h.fails--
		if h.fails >= 0 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		h.mu.Unlock()
		h.heard <- one
	}))
	t.Cleanup(h.Close)
	return h
}

// A notice comes until it is taken, each time signed anew.
func TestTheBankTellsWhatBecameOfACase(t *testing.T) {
	var a *abroad
	gateway := listenTo(t, func() *abroad { return a }, 1)
	a = startAbroad(t, "base64url", "", func(c *farm.Config) { c.Callbacks["hsbc"] = gateway.URL })
	a.authorise()
	who := a.denizen(60)
	a.consent("k1", who)
	a.say("hsbc", a.letters("hsbc", who.Mobile)[0].ID, "approve", 204)
	first, second := <-gateway.heard, <-gateway.heard
	mandate := first.consent("MandateId")
	if first.data["Event"] != "consent-updated" || first.consent("Status") != "Approved" || first.consent("RequestId") != "k1" || mandate == "" {
		t.Errorf("the notice says %+v", first)
	}
	if first.data["NoticeId"] != second.data["NoticeId"] || first.seal == second.seal {
		t.Errorf("said again: %+v, %+v", first, second)
	}
	if status, text := a.control("POST", "/banks/hsbc/agreements/"+mandate+"/revoke", ""); status != 200 {
		t.Fatalf("revoke: %d %s", status, text)
	}
	if ended := <-gateway.heard; ended.data["Event"] != "mandate-revoked" || ended.data["MandateId"] != mandate {
		t.Errorf("the bank's own revocation: %+v", ended)
	}

	// Nobody moves, and the clerk lets the case expire.
	other := a.denizen(61)
	a.consent("k2", other)
	a.ahead.Add(int64(24 * time.Hour))
	if late := <-gateway.heard; late.consent("Status") != "Expired" || late.consent("RequestId") != "k2" {
		t.Errorf("expired: %+v", late)
	}
}

// The bank's people decide by themselves, and what a stopped farm has not told it tells when it is there again.
func TestReviewAndRestart(t *testing.T) {
	var a *abroad
	var cfg farm.Config
	gateway := listenTo(t, func() *abroad { return a }, 0)
	a = startAbroad(t, "base64url", "  review: {after: {fixed: 2h}, reject: [{reason: unreachable, share: 100%}]}", func(c *farm.Config) {
		c.Callbacks["hsbc"], c.Warm = gateway.URL, false
		cfg = *c
	})
	a.authorise()
	who := a.denizen(70)
	a.consent("q1", who)
	a.ahead.Add(int64(30 * time.Minute))
	a.authorise()
	if got := a.ask("q1"); got.text("Status") != "InReview" {
		t.Errorf("after a while: %+v", got)
	}
	a.stop()
	a.ahead.Add(int64(3 * time.Hour))
	a.run(cfg)
	if got := <-gateway.heard; got.consent("Status") != "Rejected" || got.consent("Reason") != "Review.Unreachable" || got.consent("RequestId") != "q1" {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestFaultsOfNotices(t *testing.T) {
	var a *abroad
	gateway := listenTo(t, func() *abroad { return a }, 0)
	a = startAbroad(t, "base64url", "", func(c *farm.Config) { c.Callbacks["hsbc"] = gateway.URL })
	a.authorise()
	order := func(kind string) { a.behave("hsbc", fmt.Sprintf(`{"faults":[{"kind":%q,"count":1}]}`, kind)) }

	order("lost_notice")
	who := a.denizen(80)
	a.consent("x1", who)
	a.say("hsbc", a.letters("hsbc", who.Mobile)[0].ID, "approve", 204)
	if got := a.ask("x1"); got.text("Status") != "Approved" {
		t.Errorf("lost: the query says %+v", got)
	}

	order("duplicate_notice")
	who = a.denizen(81)
	a.consent("x2", who)
	a.say("hsbc", a.letters("hsbc", who.Mobile)[0].ID, "deny", 204)
	for range 2 {
		if got := <-gateway.heard; got.consent("RequestId") != "x2" || got.consent("Status") != "Rejected" {
			t.Errorf("twice: %+v", got)
		}
	}

	order("notice_before_reply")
	made := a.consent("x3", a.denizen(82))
	select {
	case got := <-gateway.heard:
		if got.consent("RequestId") != "x3" || got.consent("Status") != "Approved" {
			t.Errorf("before the answer: %+v", got)
		}
	default:
		t.Error("the answer was there before the notice")
	}
	if made.status != 201 || made.text("Status") != "Received" {
		t.Errorf("the answer after the notice: %+v", made)
	}
	var bank struct {
		Counters struct{ Faults map[string]int }
	}
	a.show("/banks/hsbc", &bank)
	text, _ := json.Marshal(bank.Counters.Faults)
	if len(bank.Counters.Faults) != 3 {
		t.Errorf("struck: %s", text)
	}
}
