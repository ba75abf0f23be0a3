package client

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/wire/seal"
)

// A gateway's key and its page.
func keyPage(t *testing.T, state string) (*sm2.PrivateKey, string) {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := smx509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	return key, `{"keys":[{"id":"k-1","state":"` + state + `","algorithm":"SM2","public_key":` + string(text) + `,"not_before":"2026-11-23T12:00:00+08:00"}]}`
}

func TestSealer(t *testing.T) {
	key, page := keyPage(t, "active")
	_, c, _ := start(t, reply{200, nil, page})
	s, err := c.Sealer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open := func(envelope, want string) {
		t.Helper()
		text, ok := strings.CutPrefix(envelope, "sm2:k-1:")
		raw, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			t.Fatalf("not an envelope: %d characters, %v", len(envelope), err)
		}
		plain, err := seal.DecryptSM2(key, raw)
		if err != nil || len(plain) < sealedSize || strings.TrimRight(string(plain), " ") != want {
			t.Errorf("it opens to %d bytes, %v", len(plain), err)
		}
	}
	plain := BindingRequest{Card: Card{Number: "6228480402564890018", Cvv: "123", Expiry: "2029-08"}, Holder: Holder{Name: "张三", Document: Document{Number: "11010519491231002X"}}}
	in, err := s.Binding(plain)
	if err != nil {
		t.Fatal(err)
	}
	open(in.Card.Number, "6228480402564890018")
	open(in.Card.Cvv, "123")
	open(in.Holder.Document.Number, "11010519491231002X")
	if in.Card.Expiry != "2029-08" || in.Holder.Name != "张三" || plain.Card.Cvv != "123" {
		t.Error("something else was changed")
	}
	v, err := s.Verification(VerificationRequest{Card: plain.Card})
	if err != nil || v.Holder.Document.Number != "" {
		t.Errorf("an empty field was sealed, or %v", err)
	}
	open(v.Card.Number, "6228480402564890018")
	confirm, err1 := s.Confirm(ConfirmRequest{Code: "111111", Card: CardAnew{Cvv: "987"}})
	challenge, err2 := s.Challenge(ChallengeRequest{Card: CardAnew{Cvv: "987"}})
	candidates := []CardCandidate{{Number: "6228480402564890018", Confidence: 0.9}}
	resolve, err3 := s.Resolve(CardResolveRequest{Candidates: candidates})
	if err := errors.Join(err1, err2, err3); err != nil || confirm.Code != "111111" || resolve.Number != "" || candidates[0].Number != "6228480402564890018" {
		t.Fatalf("%v", err)
	}
	open(confirm.Card.Cvv, "987")
	open(challenge.Card.Cvv, "987")
	open(resolve.Candidates[0].Number, "6228480402564890018")
}

func TestNoKeyToSealTo(t *testing.T) {
	_, retiring := keyPage(t, "retiring")
	for _, page := range []string{`{"keys":[]}`, retiring} {
		_, c, _ := start(t, reply{200, nil, page})
		if _, err := c.Sealer(t.Context()); !errors.Is(err, ErrNoKey) {
			t.Errorf("got %v", err)
		}
	}
	_, c, _ := start(t, reply{200, nil, `{"keys":[{"id":"k","state":"active","algorithm":"SM2","public_key":"no PEM"}]}`})
	if _, err := c.Sealer(t.Context()); err == nil {
		t.Error("took a key that is none")
	}
}

func TestVerify(t *testing.T) {
	s, c, _ := start(t,
		reply{200, map[string]string{"Kaqiao-Bank-Number": "n-1"}, `{"result":"matched","elements":["name"],"bank":{"id":"bob","tier":"city"}}`},
		reply{422, nil, `{"code":"identity_mismatch","outcome":"refused"}`})
	v, err := c.Verify(t.Context(), VerificationRequest{UserID: "u"}, "k")
	if err != nil || v.Result != VerificationResultMatched || v.Bank.ID != "bob" || v.BankNumber != "n-1" {
		t.Errorf("got %+v, %v", v, err)
	}
	var p *Problem
	if _, err := c.Verify(t.Context(), VerificationRequest{}, ""); !errors.As(err, &p) || p.Code != ProblemCodeIdentityMismatch {
		t.Errorf("got %v", err)
	}
	if s.seen[0] != "POST /v1/verifications" || s.keys[0] != "k" || s.keys[1] == "" {
		t.Errorf("sent %v under %v", s.seen, s.keys)
	}
}
