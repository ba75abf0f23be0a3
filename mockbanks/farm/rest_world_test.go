package farm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/mockbanks/farm"
	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/seal"
)

// The client of these tests is written from the description of the dialect
// alone: it shares no line with the codec that the farm reads it with.

const foreignYAML = `
id: hsbc
name: {zh: 汇丰银行, en: HSBC}
tier: foreign
bins: [{prefix: "622599", length: 16, type: debit}]
routes:
  - member: HSBCCNSH
    direct:
      protocol: jws
      endpoint:
        url: https://127.0.0.1:9121/open/v3
        tls:
          ca: file:hsbc/tls/ca.crt
          client_cert: file:hsbc/tls/client.crt
          client_key: file:hsbc/tls/client.key
          server_cert: file:hsbc/tls/server.crt
          server_key: file:hsbc/tls/server.key
      options: {payload: %s, token_life: 1m, stale_after: 10m}
      keys:
        - {serial: gw1, owner: gateway, use: sign, algorithm: rsa, private: "file:hsbc/gateway.key", public: "file:hsbc/gateway.pub"}
        - {serial: bk1, owner: bank, use: sign, algorithm: rsa, private: "file:hsbc/bank.key", public: "file:hsbc/bank.pub"}
challenge: {kinds: [email, phone], resend_after: 0s, approve_within: 24h}
accounts: {classes: [I, II]}
money: {single_fen: 5000000}
answers: {to: 2s}
mock:
  people: 20
%s
`

var foreignKeys struct {
	once sync.Once
	dir  string
}

// abroad is a farm with a foreign bank, and a client of its own.
type abroad struct {
	*world
	client  *http.Client
	key     *rsa.PrivateKey
	bank    *rsa.PublicKey
	raw     bool
	token   string
	base    string
	foreign *profiles.Set
}

func startAbroad(t *testing.T, payload, mock string, change func(*farm.Config)) *abroad {
	t.Helper()
	all := files(t)
	all["banks/hsbc.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, foreignYAML, payload, mock)}
	set, err := profiles.Load(all, profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	foreignKeys.once.Do(func() {
		dir, err := os.MkdirTemp("", "kaqiao-keys-")
		if err == nil {
			err = keymaker.Make(dir, set, keymaker.Options{Now: time.Now})
		}
		if err != nil {
			t.Fatal(err)
		}
		foreignKeys.dir = dir
	})
	keys := foreignKeys.dir
	a := &abroad{raw: payload == "raw", foreign: set}
	a.world = start(t, func(c *farm.Config) {
		c.Set, c.KeyDir = set, keys
		c.Listen = map[string]string{"nucc": "127.0.0.1:0", "hsbc": "127.0.0.1:0"}
		c.Callbacks = map[string]string{"nucc": "", "hsbc": ""}
		if change != nil {
			change(c)
		}
	})
	a.base = "https://" + a.farm.Address("hsbc") + "/open/v3/"
	ring, err := set.Channel("hsbc").Ring(seal.Gateway, keys)
	if err != nil {
		t.Fatal(err)
	}
	own, err1 := ring.Active(seal.Gateway, "sign", "rsa")
	other, err2 := ring.Active(seal.Bank, "sign", "rsa")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a.key, a.bank = own.Private.(*rsa.PrivateKey), other.Public.(*rsa.PublicKey)
	secure, err := set.Channel("hsbc").ClientTLS(keys)
	if err != nil {
		t.Fatal(err)
	}
	a.client = a.with(secure)
	return a
}

// with is a client with other TLS.
func (a *abroad) with(secure *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: secure}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// seal is x-jws-signature of a body, with a header of the caller's choice.
func (a *abroad) seal(body []byte, change func(map[string]any)) string {
	a.t.Helper()
	const ob = "http://openbanking.org.uk/"
	header := map[string]any{
		"alg": "PS256", "kid": "gw1", "typ": "JOSE", "cty": "application/json",
		ob + "iat": a.now().Unix(), ob + "iss": "kaqiao", ob + "tan": "openbanking.org.uk",
		"crit": []string{ob + "iat", ob + "iss", ob + "tan"},
	}
	if a.raw {
		header["b64"], header["crit"] = false, []string{"b64", ob + "iat", ob + "iss", ob + "tan"}
	}
	if change != nil {
		change(header)
	}
	text, err := json.Marshal(header)
	if err != nil {
		a.t.Fatal(err)
	}
	first := base64.RawURLEncoding.EncodeToString(text)
	sum := sha256.Sum256(a.input(first, body))
	signature, err := rsa.SignPSS(rand.Reader, a.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: sha256.Size})
	if err != nil {
		a.t.Fatal(err)
	}
	return first + ".." + base64.RawURLEncoding.EncodeToString(signature)
}

func (a *abroad) input(header string, body []byte) []byte {
	if a.raw {
		return append([]byte(header+"."), body...)
	}
	return []byte(header + "." + base64.RawURLEncoding.EncodeToString(body))
}

// checks fails the test unless the bank's signature stands over the body.
func (a *abroad) checks(h http.Header, body []byte) {
	a.t.Helper()
	if !a.stands(h, body) {
		a.t.Errorf("the bank's signature %q does not stand over %s", h.Get("x-jws-signature"), body)
	}
}

// stands reports whether the bank's signature stands over the body.
func (a *abroad) stands(h http.Header, body []byte) bool {
	first, rest, _ := strings.Cut(h.Get("x-jws-signature"), ".")
	middle, last, _ := strings.Cut(rest, ".")
	signature, err := base64.RawURLEncoding.DecodeString(last)
	sum := sha256.Sum256(a.input(first, body))
	return err == nil && middle == "" && rsa.VerifyPSS(a.bank, crypto.SHA256, sum[:], signature, nil) == nil
}

const interaction = "93bac548-d2de-4546-b106-880a5018460d"

// order is a request in the making.
type order struct {
	method, path, body string
	headers            map[string]string
	header             func(map[string]any) // of the signature
	after              func(*http.Request)
	client             *http.Client
}

// reply is what came back.
type reply struct {
	status int
	head   http.Header
	typ    string
	data   map[string]any
}

func (r reply) text(name string) string { s, _ := r.data[name].(string); return s }

// send sends a request as a proper client, except for what the order says.
func (a *abroad) send(o order) reply {
	a.t.Helper()
	status, head, body := a.fetch(o)
	got := reply{status: status, head: head}
	if head.Get("x-jws-signature") != "" {
		a.checks(head, body)
		got.typ, got.data = open(a.t, body)
	} else if len(body) > 0 && json.Unmarshal(body, &got.data) != nil {
		got.data = nil
	}
	return got
}

// fetch is send for an answer that may be anything.
func (a *abroad) fetch(o order) (status int, head http.Header, body []byte) {
	a.t.Helper()
	answer, err := a.do(a.t.Context(), o)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err = io.ReadAll(answer.Body); err != nil {
		a.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// lost sends what is never answered, and waits until the bank has decided to be silent.
func (a *abroad) lost(number string, o order) {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	ended := make(chan error, 1)
	go func() {
		answer, err := a.do(ctx, o)
		if err == nil {
			_ = answer.Body.Close()
		}
		ended <- err
	}()
	for len(a.exchanges("hsbc", "number="+number)) == 0 {
		select {
		case err := <-ended:
			a.t.Fatalf("answered, or failed with %v", err)
		default:
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		a.t.Errorf("it ended with %v", err)
	}
}

func (a *abroad) do(ctx context.Context, o order) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, o.method, a.base+o.path, strings.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("x-fapi-interaction-id", interaction)
	if o.body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("x-jws-signature", a.seal([]byte(o.body), o.header))
		var envelope struct{ Data struct{ RequestId string } } //nolint:revive // the dialect's name
		_ = json.Unmarshal([]byte(o.body), &envelope)
		r.Header.Set("x-idempotency-key", envelope.Data.RequestId)
	}
	for name, value := range o.headers {
		r.Header.Set(name, value)
	}
	if o.after != nil {
		o.after(r)
	}
	client := a.client
	if o.client != nil {
		client = o.client
	}
	return client.Do(r)
}

// open reads a signed body.
func open(t testing.TB, body []byte) (typ string, data map[string]any) {
	t.Helper()
	var envelope struct {
		Type, Bank string
		Data       map[string]any
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&envelope); err != nil || envelope.Bank != "HSBCCNSH" {
		t.Fatalf("body %s, %v", body, err)
	}
	return envelope.Type, envelope.Data
}

// authorise gets a token.
func (a *abroad) authorise() {
	a.t.Helper()
	got := a.grant("grant_type=client_credentials&client_id=kaqiao&scope=mandates", a.client)
	if got.status != 200 || got.text("token_type") != "Bearer" || got.data["expires_in"] != 60.0 {
		a.t.Fatalf("token: %+v", got)
	}
	a.token = got.text("access_token")
}

func (a *abroad) grant(form string, client *http.Client) reply {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), "POST", a.base+"token", strings.NewReader(form))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("x-fapi-interaction-id", interaction)
	answer, err := client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	got := reply{status: answer.StatusCode, head: answer.Header}
	if err := json.NewDecoder(answer.Body).Decode(&got.data); err != nil {
		a.t.Fatal(err)
	}
	return got
}

// person is the part of a body that says whose card it is.
func person(c customer) string {
	return fmt.Sprintf(`"Account":{"Number":%q,"Type":"debit"},"Holder":{"Name":%q,"DocumentType":%q,"DocumentNumber":%q,"Mobile":%q}`,
		c.Cards[0].Number, c.Name, c.Document.Type, c.Document.Number, c.Mobile)
}

func consentBody(number string, c customer) string {
	return fmt.Sprintf(`{"Type":"consent-request","Bank":"HSBCCNSH","Data":{"RequestId":%q,%s,"WalletAccount":"w-1"}}`, number, person(c))
}

func (a *abroad) consent(number string, c customer) reply {
	a.t.Helper()
	return a.send(order{method: "POST", path: "mandate-consents", body: consentBody(number, c)})
}

func (a *abroad) ask(number string) reply {
	a.t.Helper()
	return a.send(order{method: "GET", path: "mandate-consents/" + number})
}

// denizen is a customer of the foreign bank, unlike any other.
func (a *abroad) denizen(i int) customer {
	c := stranger(i)
	c.Cards[0].Number = fmt.Sprintf("622599%010d", i)
	c.Email = fmt.Sprintf("p%d@mail.example", i)
	return a.add("hsbc", c)
}

// imposter is TLS with a certificate that another authority has signed.
func (a *abroad) imposter() *tls.Config {
	secure, err := a.farmTLS("hsbc")
	if err != nil {
		a.t.Fatal(err)
	}
	other, err := tls.LoadX509KeyPair(
		filepath.Join(foreignKeys.dir, "nucc/tls/client.crt"), filepath.Join(foreignKeys.dir, "nucc/tls/client.key"))
	if err != nil {
		a.t.Fatal(err)
	}
	secure.Certificates = []tls.Certificate{other}
	return secure
}

func (a *abroad) farmTLS(channel string) (*tls.Config, error) {
	return a.foreign.Channel(channel).ClientTLS(foreignKeys.dir)
}
