package jws_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	adapter "kaqiao/gateway/internal/adapter/jws"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

const (
	member    = "HSBCCNSH"
	number    = "202511250000000000000001"
	applied   = "202511250000000000000007"
	agreement = "MND-1"
)

// Ten o'clock in Beijing.
var begun = time.Date(2025, 11, 25, 2, 0, 0, 0, time.UTC)

var oneKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func codec(t testing.TB, side seal.Side) *jws.Codec {
	t.Helper()
	key, err := oneKey()
	if err != nil {
		t.Fatal(err)
	}
	var keys []seal.Key
	for owner, serial := range map[seal.Side]string{seal.Gateway: "G1", seal.Bank: "B1"} {
		keys = append(keys, seal.Key{Serial: serial, Owner: owner, Use: "sign", Algorithm: "rsa", State: "active", Private: key, Public: key.Public()})
	}
	c, err := jws.New(jws.Options{TokenLife: "30m"}, seal.NewRing(side, keys))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newAdapter(t testing.TB, rules ...profiles.CodeRule) *adapter.Adapter {
	t.Helper()
	return adapter.New("hsbc", codec(t, seal.Gateway), &profiles.Set{Banks: []*profiles.Bank{{
		ID: "hsbc", Routes: []profiles.Route{{Channel: "hsbc", Member: member}}, Codes: rules,
	}}})
}

func operation(kind op.Kind) op.Operation {
	o := op.Operation{Kind: kind, Channel: "hsbc", Bank: "hsbc", Member: member, Number: number, At: begun.Add(time.Second), Begun: begun}
	switch kind {
	case op.Verify, op.Apply:
		o.Person = op.Person{
			Card: secret.NewCard("6228480000000000018"), CardType: "debit", Name: secret.NewName("王小明"),
			DocumentType: "resident_id", Document: secret.NewDocument("11010519491231002X"), Mobile: secret.NewMobile("+8613800138000"),
		}
	case op.Unsign:
		o.Agreement, o.CardTail, o.Account = agreement, "0018", "wallet-1"
	}
	return o
}

func question(kind op.Kind) op.Operation {
	o := operation(op.Query)
	o.Number, o.Original = "", &op.Original{Kind: kind, Number: applied, At: begun}
	return o
}

// What is said arrives at the bank as it was meant: the bank's own codec reads it.
func TestRequests(t *testing.T) {
	a, ours, theirs := newAdapter(t), codec(t, seal.Gateway), codec(t, seal.Bank)
	say := func(o op.Operation) (wire.Frame, wire.Message) {
		t.Helper()
		m, err := a.Request(o)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ours.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := theirs.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		return f, back
	}
	o := operation(op.Apply)
	o.Account, o.Challenge = "wallet-1", "phone"
	f, m := say(o)
	if f.Method != "POST" || f.Path != "mandate-consents" || f.Header("x-idempotency-key") != number || f.Header("x-fapi-financial-id") != member ||
		f.Header("x-fapi-auth-date") != "Tue, 25 Nov 2025 02:00:00 GMT" {
		t.Errorf("apply travels as %s %s with %v", f.Method, f.Path, f.Headers)
	}
	consent := m.(*jws.ConsentRequest)
	if consent.RequestID != number || consent.Bank != member || consent.IssuedAt != begun.Add(time.Second).Unix() || consent.Challenge != "phone" ||
		consent.WalletAccount.Reveal() != "wallet-1" || consent.Account.Number.Reveal() != "6228480000000000018" || consent.Account.Type != "debit" ||
		consent.Holder.Name.Reveal() != "王小明" || consent.Holder.DocumentType != "resident_id" ||
		consent.Holder.Document.Reveal() != "11010519491231002X" || consent.Holder.Mobile.Reveal() != "+8613800138000" {
		t.Errorf("apply says %+v", consent)
	}
	o.Challenge = "sms" // the protocol has no word for it
	if _, m := say(o); m.(*jws.ConsentRequest).Challenge != "" {
		t.Errorf("asked for %s", m.(*jws.ConsentRequest).Challenge)
	}
	f, m = say(operation(op.Verify))
	if v := m.(*jws.Verification); f.Path != "account-verifications" || v.RequestID != number || v.Holder.Name.Reveal() != "王小明" {
		t.Errorf("verify says %+v at %s", v, f.Path)
	}
	f, m = say(operation(op.Unsign))
	if r := m.(*jws.Revocation); f.Path != "mandates/MND-1/revocations" || r.MandateID != agreement || r.AccountTail != "0018" || r.WalletAccount.Reveal() != "wallet-1" {
		t.Errorf("unsign says %+v at %s", r, f.Path)
	}
	f, m = say(question(op.Apply))
	if q := m.(*jws.ConsentQuery); f.Method != "GET" || f.Path != "mandate-consents/"+applied || q.RequestID != applied || q.Bank != member {
		t.Errorf("a query says %+v at %s", q, f.Path)
	}
	if f, _ = say(question(op.Unsign)); f.Method != "GET" || f.Path != "revocations/"+applied {
		t.Errorf("a query for an unsigning goes to %s", f.Path)
	}
}

func TestWhatCannotBeSaid(t *testing.T) {
	a := newAdapter(t)
	for _, o := range []op.Operation{
		operation(op.Challenge), operation(op.Confirm), operation(op.Cancel), operation(op.Reverse), operation(op.Query), question(op.Verify), question(op.Confirm),
	} {
		if m, err := a.Request(o); !errors.Is(err, adapter.ErrOperation) {
			t.Errorf("%s: %v, %v", o.Kind, m, err)
		}
	}
	for kind, want := range map[op.Kind]bool{op.Verify: true, op.Apply: true, op.Unsign: true, op.Query: true, op.Confirm: false, op.Challenge: false, op.Reverse: false} {
		if a.Does(kind) != want {
			t.Errorf("%s: said to be possible: %v", kind, !want)
		}
	}
	if needs := a.Requires(op.Confirm, "credit"); len(needs) > 0 {
		t.Errorf("a confirm needs %v", needs)
	}
	p := operation(op.Apply).Person
	if fields := a.Check(p); len(fields) > 0 {
		t.Errorf("an ordinary person has faults: %v", fields)
	}
	p.Name = secret.NewName(strings.Repeat("王", 47))
	if fields := a.Check(p); len(fields) != 1 || fields[0].Pointer != "/holder/name" || strings.Contains(fields[0].Message, "王") {
		t.Errorf("a long name: %v", fields)
	}
}

func TestToken(t *testing.T) {
	a, theirs := newAdapter(t), codec(t, seal.Bank)
	f, err := a.Login()
	if err != nil {
		t.Fatal(err)
	}
	m, err := theirs.Decode(f)
	if ask, ok := m.(*jws.TokenRequest); err != nil || !ok || ask.ClientID != "kaqiao" || ask.Scope != "mandates" || f.Path != "token" {
		t.Fatalf("%+v, %v", m, err)
	}
	const key = "secret-token-0001"
	for life, want := range map[int64]time.Duration{60: time.Minute, 86_400: 30 * time.Minute} {
		f, err = theirs.Encode(&jws.Token{AccessToken: secret.NewKey(key), TokenType: "Bearer", ExpiresIn: life})
		if err != nil {
			t.Fatal(err)
		}
		if got, last, err := a.Granted(f); err != nil || got.Reveal() != "Bearer "+key || last != want {
			t.Errorf("%d s: for %v, %v", life, last, err)
		}
	}
	for name, f := range map[string]wire.Frame{
		"refused":      {Status: 401, Body: []byte(`{"error":"invalid_client","error_description":"` + key + `"}`)},
		"unavailable":  {Status: 503, Body: []byte(key)},
		"no token":     {Status: 200, Body: []byte(`{"token":"` + key + `"}`)},
		"another type": {Status: 200, Body: []byte(`{"access_token":"` + key + `","token_type":"mac","expires_in":60}`)},
		"a page":       {Status: 200, Body: []byte("<html>" + key)},
	} {
		if got, _, err := a.Granted(f); err == nil || !got.IsZero() || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
