package jws_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

const (
	testUUID = "93bac548-d2de-4546-b106-880a5018460d"
	iat      = "http://openbanking.org.uk/iat"
	iss      = "http://openbanking.org.uk/iss"
	tan      = "http://openbanking.org.uk/tan"
)

// forge signs any header and body as the sender would: what a hostile or broken party with a good key could send.
type forge struct {
	t    testing.TB
	from seal.Side
	raw  bool
}

// header is a good protected header; drop and put bend it.
func (f forge) header() map[string]any {
	h := map[string]any{
		"alg": "PS256", "kid": gatewaySigns, "typ": "JOSE", "cty": "application/json",
		iat: 1764064800, iss: "kaqiao", tan: "openbanking.org.uk", "crit": []string{iat, iss, tan},
	}
	if f.from == seal.Bank {
		h["kid"], h[iss] = bankSigns, "bank"
	}
	if f.raw {
		h["b64"], h["crit"] = false, []string{"b64", iat, iss, tan}
	}
	return h
}

func put(h map[string]any, name string, value any) map[string]any {
	h[name] = value
	return h
}

func drop(h map[string]any, name string) map[string]any {
	delete(h, name)
	return h
}

func (f forge) encode(header map[string]any) string {
	text, err := json.Marshal(header)
	must(f.t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign makes the value of x-jws-signature under a header of any text.
func (f forge) sign(header, body string) string {
	payload := body
	if !f.raw {
		payload = base64.RawURLEncoding.EncodeToString([]byte(body))
	}
	digest := sha256.Sum256([]byte(header + "." + payload))
	signature, err := rsa.SignPSS(rand.Reader, rfcKey(f.t), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
	must(f.t, err)
	return header + ".." + base64.RawURLEncoding.EncodeToString(signature)
}

// frame is a message whose body is text, with a good signature.
func (f forge) frame(body string) wire.Frame {
	return f.under(f.sign(f.encode(f.header()), body), body)
}

func (f forge) under(signature, body string) wire.Frame {
	frame := wire.Frame{Body: []byte(body), Headers: []wire.Header{
		{Name: "X-Jws-Signature", Value: signature}, {Name: "X-Fapi-Interaction-Id", Value: testUUID},
	}}
	if f.from == seal.Gateway {
		frame.Method, frame.Path = "POST", "mandates/MND-1/revocations"
		frame.Headers = append(frame.Headers, wire.Header{Name: "X-Idempotency-Key", Value: "1"}, wire.Header{Name: "X-Fapi-Financial-Id", Value: "HSBCCNSH"})
	}
	return frame
}

// body is a good one, whose parts tests bend.
func (f forge) body() string {
	if f.from == seal.Gateway {
		return `{"Type":"revocation","Bank":"HSBCCNSH","Data":{"RequestId":"1","MandateId":"MND-1","AccountTail":"0018"}}`
	}
	return `{"Type":"problem","Bank":"HSBCCNSH","Data":{"Status":422,"RequestId":"1","Code":"Busy.RateLimited","RetryAfterS":30}}`
}

// hostile are the frames of package-wide interest for one receiver.
func hostile(t testing.TB, to seal.Side, opts jws.Options) []wiretest.Hostile {
	t.Helper()
	f := forge{t, otherOf(to), opts.Payload == "raw"}
	good := f.frame(f.body())
	if f.from == seal.Bank {
		good.Status = 422
	}
	if _, err := codec(t, to, opts).Decode(good); err != nil {
		t.Fatalf("the frame that is bent is not good itself: %v", err)
	}
	all := hostileHeaders(f, good)
	for name, b := range hostileBodies(f.body()) {
		frame := f.frame(b.text)
		frame.Status = good.Status
		all = append(all, wiretest.Hostile{Name: "body: " + name, Frame: frame, Want: b.want})
	}
	return append(all, hostileOutside(f, good)...)
}

func hostileHeaders(f forge, good wire.Frame) []wiretest.Hostile {
	var all []wiretest.Hostile
	add := func(name, signature string, want error) {
		frame := with(good, "X-Jws-Signature", signature)
		all = append(all, wiretest.Hostile{Name: "signature: " + name, Frame: frame, Want: want})
	}
	bent := func(name string, header map[string]any) {
		add(name, f.sign(f.encode(header), f.body()), wire.ErrSeal)
	}
	value := good.Header("x-jws-signature")
	head, rest, _ := strings.Cut(value, "..")
	add("none", "", wire.ErrSealMissing)
	add("no dots", head+rest, wire.ErrSeal)
	add("with a payload", head+"."+base64.RawURLEncoding.EncodeToString(good.Body)+"."+rest, wire.ErrSeal)
	add("cut", value[:len(value)-4], wire.ErrSeal)
	add("empty", head+"..", wire.ErrSeal)
	add("padded", value+"=", wire.ErrSeal)
	add("with a line break", head+"..\n"+rest, wire.ErrSeal)
	add("standard base64", head+".."+strings.NewReplacer("-", "+", "_", "/").Replace(rest)+"+", wire.ErrSeal)
	add("too long", head+".."+strings.Repeat("A", 5000), wire.ErrSeal)
	add("header is no JSON", f.sign(base64.RawURLEncoding.EncodeToString([]byte("alg=PS256")), f.body()), wire.ErrSeal)
	add("a name twice", f.sign(base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(decoded(f.t, head), "{", `{"alg":"none",`, 1))), f.body()), wire.ErrSeal)
	for _, alg := range []string{"none", "None", "HS256", "RS256", "ES256", "PS384", "ps256", ""} {
		bent("alg "+alg, put(f.header(), "alg", alg))
	}
	bent("alg a number", put(f.header(), "alg", 256))
	bent("no alg", drop(f.header(), "alg"))
	bent("no kid", drop(f.header(), "kid"))
	bent("a long kid", put(f.header(), "kid", strings.Repeat("k", 65)))
	bent("a key of its own", put(f.header(), "jwk", map[string]string{"kty": "RSA"}))
	bent("a place of its key", put(f.header(), "jku", "https://example.com/keys"))
	bent("an unknown critical name", put(put(f.header(), "exp", 1), "crit", append(f.header()["crit"].([]string), "exp")))
	bent("a critical name that is not there", put(f.header(), "crit", append(f.header()["crit"].([]string), "exp")))
	bent("a critical name twice", put(f.header(), "crit", []string{iat, iat, tan}))
	bent("no crit", drop(f.header(), "crit"))
	bent("an empty crit", put(f.header(), "crit", []string{}))
	bent("crit a text", put(f.header(), "crit", iat))
	bent("b64 true", put(f.header(), "b64", true))
	bent("b64 a text", put(f.header(), "b64", "false"))
	if f.raw {
		bent("b64 not critical", put(f.header(), "crit", []string{iat, iss, tan}))
		bent("no b64", put(drop(f.header(), "b64"), "crit", []string{iat, iss, tan}))
	} else {
		bent("b64 false", put(f.header(), "b64", false))
	}
	bent("no iat", drop(f.header(), iat))
	bent("iat a text", put(f.header(), iat, "1764064800"))
	bent("iat a fraction", put(f.header(), iat, 1.5))
	bent("iat zero", put(f.header(), iat, 0))
	bent("another iss", put(f.header(), iss, "somebody"))
	bent("no tan", drop(f.header(), tan))
	bent("another typ", put(f.header(), "typ", "JWT"))
	twice := good
	twice.Headers = append(twice.Headers[:len(twice.Headers):len(twice.Headers)], wire.Header{Name: "x-jws-signature", Value: value})
	return append(all, wiretest.Hostile{Name: "signature: two", Frame: twice, Want: wire.ErrSeal})
}

func decoded(t testing.TB, header string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(header)
	must(t, err)
	return string(text)
}

type bentBody struct {
	text string
	want error
}

// hostileBodies are all well signed.
func hostileBodies(good string) map[string]bentBody {
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	return map[string]bentBody{
		"empty":                {"", wire.ErrMalformed},
		"null":                 {"null", wire.ErrMalformed},
		"an array":             {"[" + good + "]", wire.ErrMalformed},
		"two objects":          {good + good, wire.ErrMalformed},
		"rubbish behind":       {good + "x", wire.ErrMalformed},
		"a comma too many":     {change("}}", ",}}"), wire.ErrMalformed},
		"a byte order mark":    {"\ufeff" + good, wire.ErrMalformed},
		"no UTF-8":             {change("HSBC", "HS\xff\xfe"), wire.ErrMalformed},
		"half a surrogate":     {change(`"RequestId":"1"`, `"RequestId":"\ud800"`), wire.ErrField},
		"a comment":            {change("{", "{/* */"), wire.ErrMalformed},
		"single quotes":        {strings.ReplaceAll(good, `"`, "'"), wire.ErrMalformed},
		"an unknown member":    {change(`"Data":{`, `"Data":{"New":"1",`), wire.ErrField},
		"an unknown outside":   {change(`{`, `{"New":"1",`), wire.ErrField},
		"another case":         {change(`"RequestId"`, `"requestid"`), wire.ErrField},
		"a member twice":       {change(`"RequestId":"1"`, `"RequestId":"1","RequestId":"1"`), wire.ErrField},
		"Type twice":           {change(`{`, `{"Type":"consent",`), wire.ErrField},
		"null for a text":      {change(`"RequestId":"1"`, `"RequestId":null`), wire.ErrMalformed},
		"a number for a text":  {change(`"RequestId":"1"`, `"RequestId":1`), wire.ErrField},
		"an object for a text": {change(`"RequestId":"1"`, `"RequestId":{"a":"b"}`), wire.ErrField},
		"an array for a text":  {change(`"RequestId":"1"`, `"RequestId":["1"]`), wire.ErrField},
		"an empty text":        {change(`"RequestId":"1"`, `"RequestId":""`), wire.ErrField},
		"a text too long":      {change(`"RequestId":"1"`, `"RequestId":"`+strings.Repeat("1", 41)+`"`), wire.ErrField},
		"a path in a number":   {change(`"RequestId":"1"`, `"RequestId":"../1"`), wire.ErrField},
		"deep":                 {change(`"RequestId":"1"`, `"RequestId":`+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)), wire.ErrMalformed},
		"deep arrays":          {strings.Repeat("[", 30_000), wire.ErrMalformed},
		"many members":         {change(`"Data":{`, `"Data":{`+manyMembers()), wire.ErrMalformed},
		"Data a text":          {change(`"Data":{`, `"Data":"x","Rest":{`), wire.ErrField},
		"no Type":              {strings.Replace(good, `"Type"`, `"Kind"`, 1), wire.ErrUnknownType},
		"an unknown Type":      {change(`"Type":"`, `"Type":"x-`), wire.ErrUnknownType},
		"a type of our own":    {`{"Type":"` + ownType(good) + `","Bank":"HSBCCNSH","Data":{}}`, wire.ErrUnknownType},
		"no bank":              {change(`"Bank":"HSBCCNSH"`, `"Bank":""`), wire.ErrField},
		"a bank of no form":    {change(`"Bank":"HSBCCNSH"`, `"Bank":"hsbc"`), wire.ErrField},
	}
}

func ownType(good string) string {
	if strings.Contains(good, "problem") {
		return "revocation"
	}
	return "problem"
}

func manyMembers() string {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`"M` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + `":"1",`)
	}
	return b.String()
}

// hostileOutside are well signed, and something around the body is not as the body says.
func hostileOutside(f forge, good wire.Frame) []wiretest.Hostile {
	var all []wiretest.Hostile
	add := func(name string, frame wire.Frame, want error) {
		all = append(all, wiretest.Hostile{Name: "outside: " + name, Frame: frame, Want: want})
	}
	add("no UUID", with(good, "X-Fapi-Interaction-Id", "1"), wire.ErrField)
	if f.from == seal.Bank {
		other := good
		other.Status = 200
		add("another status", other, wire.ErrField)
		other.Status = 0
		add("no status", other, wire.ErrField)
		add("another pause", with(good, "Retry-After", "31"), wire.ErrField)
		other = good
		other.Method = "POST"
		add("an answer as a request", other, wire.ErrField)
		add("unsigned", wire.Frame{Status: 200, Body: good.Body}, wire.ErrSealMissing)
		add("unsigned refusal", wire.Frame{Status: 404, Body: good.Body}, wire.ErrSealMissing)
		add("a token with another status", wire.Frame{Status: 201, Body: []byte(`{"access_token":"a","token_type":"Bearer","expires_in":1}`)}, wire.ErrSealMissing)
		add("a token of another kind", wire.Frame{Status: 200, Body: []byte(`{"access_token":"a","token_type":"mac","expires_in":1}`)}, wire.ErrField)
		add("a token without end", wire.Frame{Status: 200, Body: []byte(`{"access_token":"a","token_type":"Bearer","expires_in":-1}`)}, wire.ErrField)
		return all
	}
	bend := func(method, path string) wire.Frame {
		other := good
		other.Method, other.Path = method, path
		return other
	}
	add("another mandate in the path", bend("POST", "mandates/MND-2/revocations"), wire.ErrField)
	add("another path", bend("POST", "mandate-consents"), wire.ErrField)
	add("another method", bend("PUT", good.Path), wire.ErrField)
	add("a query with a body", bend("GET", "mandate-consents/1"), wire.ErrField)
	add("no interaction", with(good, "X-Fapi-Interaction-Id", ""), wire.ErrField)
	add("another bank", with(good, "X-Fapi-Financial-Id", "CITICNSX"), wire.ErrField)
	add("no key", with(good, "X-Idempotency-Key", ""), wire.ErrField)
	add("another key", with(good, "X-Idempotency-Key", "2"), wire.ErrField)
	add("a date of no form", with(good, "X-Fapi-Auth-Date", "2025-11-25"), wire.ErrField)
	bare := []wire.Header{{Name: "x-fapi-interaction-id", Value: testUUID}}
	get := func(path string) wire.Frame { return wire.Frame{Method: "GET", Path: path, Headers: bare} }
	add("an unknown resource", get("accounts/1"), wire.ErrUnknownType)
	add("a query for nothing", get("mandate-consents"), wire.ErrField)
	add("a query with more behind", get("mandate-consents/1/2"), wire.ErrField)
	add("a query that climbs", get("mandate-consents/.."), wire.ErrField)
	add("a query with a text", wire.Frame{Method: "GET", Path: "mandate-consents/1", Headers: bare, Body: []byte("{}")}, wire.ErrMalformed)
	form := func(text string) wire.Frame {
		return wire.Frame{Method: "POST", Path: "token", Headers: bare, Body: []byte(text)}
	}
	add("another grant", form("grant_type=password&client_id=a"), wire.ErrField)
	add("no client", form("grant_type=client_credentials"), wire.ErrField)
	add("a client twice", form("grant_type=client_credentials&client_id=a&client_id=b"), wire.ErrField)
	add("a password", form("grant_type=client_credentials&client_id=a&client_secret=b"), wire.ErrField)
	add("no form", form("%zz"), wire.ErrMalformed)
	return all
}

// unfit are messages that must not be encoded.
func unfit(from seal.Side) []wiretest.Unfit {
	head := jws.Head{IssuedAt: 1764064800, Bank: "HSBCCNSH", Interaction: testUUID}
	if from == seal.Bank {
		consent := func(change func(*jws.Consent)) *jws.Consent {
			m := &jws.Consent{Head: head, ConsentState: jws.ConsentState{
				RequestID: "1", ConsentID: "1", Status: jws.Approved, MandateID: "SECRET-MANDATE", CreationDateTime: "2025-11-25T10:00:00Z", StatusUpdateDateTime: "2025-11-25T10:00:00Z",
			}}
			change(m)
			return m
		}
		return []wiretest.Unfit{
			{Name: "approved without a mandate", Message: consent(func(c *jws.Consent) { c.MandateID = "" }), Want: wire.ErrField},
			{Name: "a mandate before approval", Message: consent(func(c *jws.Consent) { c.Status = jws.InReview }), Want: wire.ErrField},
			{Name: "rejected without a reason", Message: consent(func(c *jws.Consent) { c.Status, c.MandateID = jws.Rejected, "" }), Want: wire.ErrField},
			{Name: "a reason without rejection", Message: consent(func(c *jws.Consent) { c.Reason = "Bank.Refused" }), Want: wire.ErrField},
			{Name: "an unknown status", Message: consent(func(c *jws.Consent) { c.Status, c.MandateID = "Thinking", "" }), Want: wire.ErrField},
			{Name: "a local time", Message: consent(func(c *jws.Consent) { c.CreationDateTime = "2025-11-25T10:00:00" }), Want: wire.ErrField},
			{Name: "no time of signing", Message: consent(func(c *jws.Consent) { c.IssuedAt = 0 }), Want: wire.ErrField},
			{Name: "a bank of no form", Message: consent(func(c *jws.Consent) { c.Bank = "hsbc" }), Want: wire.ErrField},
			{Name: "a success as a problem", Message: &jws.Problem{Head: head, Status: 200, Code: "Bank.Error"}, Want: wire.ErrField},
			{Name: "a problem without a code", Message: &jws.Problem{Head: head, Status: 500}, Want: wire.ErrField},
			{Name: "a bare refusal that says something", Message: &jws.Bare{Status: 404}, Want: wire.ErrField},
			{Name: "an event without its text", Message: &jws.Notice{Head: head, NoticeID: "1", Event: jws.EventConsent, EventDateTime: "2025-11-25T10:00:00Z"}, Want: wire.ErrField},
			{Name: "an event with another's text", Message: &jws.Notice{Head: head, NoticeID: "1", Event: jws.EventRevoked, EventDateTime: "2025-11-25T10:00:00Z", MandateID: "1", Consent: jws.ConsentState{RequestID: "1"}}, Want: wire.ErrField},
			{Name: "a token with a space", Message: &jws.Token{AccessToken: secret.NewKey("a b"), TokenType: "Bearer", ExpiresIn: 1}, Want: wire.ErrField},
		}
	}
	request := func(change func(*jws.ConsentRequest)) *jws.ConsentRequest {
		m := &jws.ConsentRequest{
			Head: head, RequestID: "1", Account: jws.Account{Number: secret.NewCard("6228480000000000018"), Type: "debit"},
			Holder: jws.Holder{Name: secret.NewName("王小明"), DocumentType: "resident_id", Document: secret.NewDocument("11010519491231002X"), Mobile: secret.NewMobile("+8613800138000")},
		}
		change(m)
		return m
	}
	return []wiretest.Unfit{
		{Name: "a long number", Message: request(func(m *jws.ConsentRequest) { m.RequestID = strings.Repeat("1", 41) }), Want: wire.ErrField},
		{Name: "a long name", Message: request(func(m *jws.ConsentRequest) { m.Holder.Name = secret.NewName(strings.Repeat("王", 47)) }), Want: wire.ErrField},
		{Name: "a name of no text", Message: request(func(m *jws.ConsentRequest) { m.Holder.Name = secret.NewName("王\x00小明") }), Want: wire.ErrField},
		{Name: "a short card", Message: request(func(m *jws.ConsentRequest) { m.Account.Number = secret.NewCard("622848000001") }), Want: wire.ErrField},
		{Name: "a national mobile", Message: request(func(m *jws.ConsentRequest) { m.Holder.Mobile = secret.NewMobile("13800138000") }), Want: wire.ErrField},
		{Name: "another challenge", Message: request(func(m *jws.ConsentRequest) { m.Challenge = "sms" }), Want: wire.ErrField},
		{Name: "an interaction of no form", Message: request(func(m *jws.ConsentRequest) { m.Interaction = "interaction-1" }), Want: wire.ErrField},
		{Name: "a date of no form", Message: request(func(m *jws.ConsentRequest) { m.AuthDate = "yesterday" }), Want: wire.ErrField},
		{Name: "a mandate that climbs", Message: &jws.Revocation{Head: head, RequestID: "1", MandateID: "../../token"}, Want: wire.ErrField},
		{Name: "a query for nothing", Message: &jws.ConsentQuery{Head: head}, Want: wire.ErrField},
		{Name: "a query that climbs", Message: &jws.RevocationQuery{Head: head, RequestID: "../token"}, Want: wire.ErrField},
		{Name: "a client with a line break", Message: &jws.TokenRequest{Head: head, ClientID: "a\r\nb"}, Want: wire.ErrField},
	}
}
