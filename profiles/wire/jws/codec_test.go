package jws_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

func TestOptions(t *testing.T) {
	o, err := jws.Options{}.Complete()
	if err != nil || o.Algorithm != "PS256" || o.Payload != "base64url" || o.TrustAnchor != "openbanking.org.uk" ||
		o.StaleLimit() != 10*time.Minute || o.TokenLimit() != time.Hour || o.Issuer == "" || o.BankIssuer == "" || o.ClientID == "" || o.Scope == "" {
		t.Errorf("%+v, %v", o, err)
	}
	for want, o := range map[string]jws.Options{
		"algorithm: must be PS256":         {Algorithm: "RS256"},
		"algorithm:":                       {Algorithm: "none"},
		"payload: must be base64url":       {Payload: "b64"},
		"issuer: must be 1 to 128":         {Issuer: "王"},
		"bank_issuer: must be 1 to 128":    {BankIssuer: strings.Repeat("x", 129)},
		"bank_issuer: must be another":     {Issuer: "same", BankIssuer: "same"},
		"trust_anchor:":                    {TrustAnchor: "a\nb"},
		"client_id:":                       {ClientID: strings.Repeat("x", 65)},
		"scope:":                           {Scope: strings.Repeat("x", 129)},
		"token_life: must be a duration":   {TokenLife: "59s"},
		"token_life: must be a duration f": {TokenLife: "25h"},
		"stale_after: must be a duration":  {StaleAfter: "10"},
		"stale_after:":                     {StaleAfter: "25h"},
	} {
		if _, err := o.Complete(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%s: told %v", want, err)
		}
	}
}

func TestNewTellsAllFaultsAtOnce(t *testing.T) {
	_, err := jws.New(jws.Options{Algorithm: "none", Payload: "x"}, seal.NewRing(seal.Gateway, nil))
	if err == nil || !errors.Is(err, wire.ErrKey) {
		t.Fatalf("an empty ring: %v", err)
	}
	for _, want := range []string{"algorithm:", "payload:", "sign of the gateway", "sign of the bank"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	for name, spoil := range map[string]func(*seal.Key){
		"no private half": func(k *seal.Key) { k.Private = nil },
		"another type":    func(k *seal.Key) { k.Private = "key" },
		"retiring only":   func(k *seal.Key) { k.State = "retiring" },
		"another use":     func(k *seal.Key) { k.Use = "encrypt" },
	} {
		all := keys(t)
		for i := range all {
			if all[i].Serial == gatewaySigns {
				spoil(&all[i])
			}
		}
		if _, err := jws.New(jws.Options{}, seal.NewRing(seal.Gateway, all)); !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key that retires is still believed, so that the other side may change its key when it likes.
func TestRetiringKeyIsBelieved(t *testing.T) {
	f := forge{t, seal.Bank, false}
	frame := f.under(f.sign(f.encode(put(f.header(), "kid", bankRetired)), f.body()), f.body())
	frame.Status = 422
	m, err := codec(t, seal.Gateway, jws.Options{}).Decode(frame)
	if err != nil || m.(*jws.Problem).Signer != bankRetired {
		t.Errorf("%+v, %v", m, err)
	}
}

// Encode makes an interaction for a request, another one each time, and none for an answer.
func TestInteraction(t *testing.T) {
	c := codec(t, seal.Gateway, jws.Options{})
	seen := map[string]bool{}
	for range 20 {
		f, err := c.Encode(&jws.ConsentQuery{RequestID: "1"})
		must(t, err)
		seen[f.Header("x-fapi-interaction-id")] = true
	}
	if len(seen) != 20 || seen[""] {
		t.Errorf("%d interactions of 20", len(seen))
	}
	f, err := c.Encode(&jws.NoticeAck{Head: jws.Head{IssuedAt: 1, Bank: "HSBCCNSH"}, NoticeID: "1"})
	if err != nil || f.Header("x-fapi-interaction-id") != "" {
		t.Errorf("an answer without one: %v, %v", f.Headers, err)
	}
	c.SetRandom(strings.NewReader(""))
	if _, err := c.Encode(&jws.ConsentQuery{RequestID: "1"}); !errors.Is(err, io.EOF) {
		t.Errorf("without chance: %v", err)
	}
}

func TestBearer(t *testing.T) {
	c := codec(t, seal.Bank, jws.Options{})
	for header, want := range map[string]string{
		"Bearer abc.def": "abc.def", "bearer abc": "abc", "Basic abc": "", "Bearer": "", "Bearer a b": "", "": "",
	} {
		f := wire.Frame{Method: "GET", Path: "revocations/1", Headers: []wire.Header{{Name: "X-Fapi-Interaction-Id", Value: testUUID}}}
		m, err := c.Decode(with(f, "Authorization", header))
		must(t, err)
		if got := m.(*jws.RevocationQuery).Bearer.Reveal(); got != want {
			t.Errorf("%q: token %q, want %q", header, got, want)
		}
	}
}

// What was changed by hand is sealed anew under the header that it had; without that it is not believed.
func TestReseal(t *testing.T) {
	for _, payload := range []string{"base64url", "raw"} {
		opts := jws.Options{Payload: payload}
		c, other := codec(t, seal.Bank, opts), codec(t, seal.Gateway, opts)
		frame, err := c.Encode(&jws.Problem{Head: jws.Head{IssuedAt: 7, Bank: "HSBCCNSH"}, Status: 404, Code: jws.CodeNotFound})
		must(t, err)
		changed := frame
		changed.Body = []byte(strings.Replace(string(frame.Body), "HSBCCNSH", "HSBCCNBJ", 1))
		if _, err := other.Decode(changed); !errors.Is(err, wire.ErrSeal) {
			t.Errorf("under the old seal: %v", err)
		}
		anew, err := c.Reseal(changed)
		must(t, err)
		got, err := other.Decode(anew)
		if err != nil || got.(*jws.Problem).Bank != "HSBCCNBJ" || got.(*jws.Problem).IssuedAt != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := c.Reseal(wire.Frame{Body: frame.Body}); !errors.Is(err, wire.ErrSealMissing) {
			t.Errorf("without a seal: %v", err)
		}
	}
}
