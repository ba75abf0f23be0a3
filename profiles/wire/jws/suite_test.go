package jws_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// TestSuite runs the suite in both directions and both forms of the signature.
func TestSuite(t *testing.T) {
	for _, payload := range []string{"base64url", "raw"} {
		for _, to := range []seal.Side{seal.Bank, seal.Gateway} {
			t.Run(payload+" to "+string(to), func(t *testing.T) {
				wiretest.Run(t, suite(t, to, jws.Options{Payload: payload}))
			})
		}
	}
}

// Messages without a signature have no seal to break, so they are outside the suite.
func TestUnsignedComeBack(t *testing.T) {
	sides := map[seal.Side]*jws.Codec{seal.Gateway: codec(t, seal.Gateway, jws.Options{}), seal.Bank: codec(t, seal.Bank, jws.Options{})}
	rapid.Check(t, func(t *rapid.T) {
		m := drawUnsigned(t)
		from := seal.Bank
		switch m.(type) {
		case *jws.ConsentQuery, *jws.RevocationQuery, *jws.TokenRequest:
			from = seal.Gateway
		}
		f, err := sides[from].Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if f.Header("x-jws-signature") != "" {
			t.Fatalf("a %s is signed", m.Type())
		}
		back, err := sides[otherOf(from)].Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		same(t, m, back)
	})
}

func same(t interface{ Errorf(string, ...any) }, want, got wire.Message) {
	if want.Type() != got.Type() {
		t.Errorf("a %s comes back as a %s", want.Type(), got.Type())
	}
	a, b := wiretest.Values(want), wiretest.Values(got)
	for path, value := range a {
		if b[path] != value {
			t.Errorf("%s: %q comes back as %q", path, value, b[path])
		}
	}
	for path, value := range b {
		if _, ok := a[path]; !ok {
			t.Errorf("%s: %q comes back from nothing", path, value)
		}
	}
}

func suite(t testing.TB, to seal.Side, opts jws.Options) wiretest.Suite {
	t.Helper()
	from := otherOf(to)
	s := wiretest.Suite{
		Sender:   codec(t, from, opts),
		Receiver: codec(t, to, opts),
		Draw:     drawSigned(from),
		Stamped:  []string{"Head.Signer"},
		Message:  messageOf,
		Comparable: func(g wiretest.Golden, body []byte) (string, bool) {
			return string(body), !strings.HasSuffix(g.Name, "-loose")
		},
		Signed:    func(body []byte) (int, int) { return 0, len(body) },
		Impostors: impostors(t, from, opts),
		Hostile:   hostile(t, to, opts),
		Unfit:     unfit(from),
		MaxBytes:  jws.MaxBytes,
	}
	for _, g := range goldens(t) {
		if g.Notes["receiver"] == string(to) && g.Notes["payload"] == opts.Payload {
			s.Goldens = append(s.Goldens, g)
		}
	}
	return s
}

// goldens puts what stands around a golden body into its frame.
func goldens(t testing.TB) []wiretest.Golden {
	t.Helper()
	all := wiretest.ReadGoldens(t, "testdata/golden")
	for i := range all {
		g := &all[i]
		g.Frame.Method, g.Frame.Path = g.Notes["method"], g.Notes["path"]
		g.Frame.Status, _ = strconv.Atoi(g.Notes["status"])
		for name, value := range g.Notes {
			if name, ok := strings.CutPrefix(name, "header "); ok {
				g.Frame.Headers = append(g.Frame.Headers, wire.Header{Name: name, Value: value})
			}
		}
	}
	return all
}

// messageOf puts a golden message's words into a message.
func messageOf(g wiretest.Golden) wire.Message {
	v := g.Values
	at, _ := strconv.ParseInt(v["Head.IssuedAt"], 10, 64)
	head := jws.Head{IssuedAt: at, Bank: v["Head.Bank"], Interaction: v["Head.Interaction"], AuthDate: v["Head.AuthDate"]}
	account := jws.Account{Number: secret.NewCard(v["Account.Number"]), Type: v["Account.Type"]}
	holder := jws.Holder{
		Name: secret.NewName(v["Holder.Name"]), DocumentType: v["Holder.DocumentType"],
		Document: secret.NewDocument(v["Holder.Document"]), Mobile: secret.NewMobile(v["Holder.Mobile"]),
	}
	consent := func(group string) jws.ConsentState {
		return jws.ConsentState{
			RequestID: v[group+".RequestID"], ConsentID: v[group+".ConsentID"], Status: v[group+".Status"], Reason: v[group+".Reason"],
			CreationDateTime: v[group+".CreationDateTime"], StatusUpdateDateTime: v[group+".StatusUpdateDateTime"],
			ExpirationDateTime: v[group+".ExpirationDateTime"], MandateID: v[group+".MandateID"], Class: v[group+".Class"],
		}
	}
	status, _ := strconv.ParseInt(v["Status"], 10, 64)
	retry, _ := strconv.ParseInt(v["RetryAfterS"], 10, 64)
	switch name := strings.TrimSuffix(g.Name, "-raw"); {
	case name == "verification":
		return &jws.Verification{Head: head, RequestID: v["RequestID"], Account: account, Holder: holder}
	case strings.HasPrefix(name, "consent-request"):
		return &jws.ConsentRequest{
			Head: head, RequestID: v["RequestID"], Account: account, Holder: holder,
			WalletAccount: secret.NewKey(v["WalletAccount"]), Challenge: v["Challenge"],
		}
	case name == "revocation":
		return &jws.Revocation{
			Head: head, RequestID: v["RequestID"], MandateID: v["MandateID"], WalletAccount: secret.NewKey(v["WalletAccount"]), AccountTail: v["AccountTail"],
		}
	case name == "notice-ack":
		return &jws.NoticeAck{Head: head, NoticeID: v["NoticeID"]}
	case name == "verification-result":
		return &jws.VerificationResult{Head: head, RequestID: v["RequestID"], Result: v["Result"], Reason: v["Reason"]}
	case strings.HasPrefix(name, "consent-"):
		return &jws.Consent{Head: head, ConsentState: consent("ConsentState"), Created: v["Created"] == "true"}
	case name == "revocation-result":
		return &jws.RevocationResult{Head: head, RequestID: v["RequestID"], MandateID: v["MandateID"], RevokedDateTime: v["RevokedDateTime"], Created: true}
	case name == "problem":
		return &jws.Problem{Head: head, Status: status, RequestID: v["RequestID"], Code: v["Code"], Message: v["Message"], RetryAfterS: retry}
	}
	return &jws.Notice{
		Head: head, NoticeID: v["NoticeID"], Event: v["Event"], EventDateTime: v["EventDateTime"], Consent: consent("Consent"), MandateID: v["MandateID"],
	}
}

// impostors send with signatures that the receiver must not take.
func impostors(t testing.TB, from seal.Side, opts jws.Options) []wiretest.Impostor {
	t.Helper()
	revoked, encrypts := gatewayGone, gatewayOpens
	if from == seal.Bank {
		revoked, encrypts = bankGone, bankOpens
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	with := func(opts jws.Options, change func(*seal.Key)) wire.Codec {
		all := keys(t)
		for i := range all {
			if k := &all[i]; k.Owner == from && k.Use == "sign" && k.State == "active" {
				change(k)
			}
		}
		c, err := jws.New(opts, seal.NewRing(from, all))
		must(t, err)
		return c
	}
	same := func(*seal.Key) {}
	form, anchor, issuer := opts, opts, opts
	form.Payload = map[string]string{"raw": "base64url", "base64url": "raw"}[opts.Payload]
	anchor.TrustAnchor = "elsewhere.example"
	issuer.Issuer, issuer.BankIssuer = "somebody", "else"
	return []wiretest.Impostor{
		{Name: "an unknown serial", Sender: with(opts, func(k *seal.Key) { k.Serial = "X1" }), Want: wire.ErrKey},
		{Name: "a revoked key", Sender: with(opts, func(k *seal.Key) { k.Serial = revoked }), Want: wire.ErrKey},
		{Name: "a key of another use", Sender: with(opts, func(k *seal.Key) { k.Serial = encrypts }), Want: wire.ErrKey},
		{Name: "the right serial over another key", Sender: with(opts, func(k *seal.Key) { k.Private = stranger }), Want: wire.ErrSeal},
		{Name: "the receiver's own side", Sender: codec(t, otherOf(from), opts), Want: wire.ErrSeal},
		{Name: "the other form of the payload", Sender: with(form, same), Want: wire.ErrSeal},
		{Name: "another trust anchor", Sender: with(anchor, same), Want: wire.ErrSeal},
		{Name: "another issuer", Sender: with(issuer, same), Want: wire.ErrSeal},
	}
}
