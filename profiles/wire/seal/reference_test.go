package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/reference"
	"kaqiao/profiles/wire/seal"
)

// sm2Input and sm2Expected are what the cases of sm_crypto/sm2.json hold, each case a part of them.
type sm2Input struct {
	P, PrivateKey, PrivateKeyPem, PublicKey, PublicKeySpkiBase64, CertificatePem string

	UserID          string `json:"userId"`
	MessageUtf8     string
	EHex            string
	SignatureDer    string
	SignatureBase64 string
	CiphertextAsn1  string
}

type sm2Expected struct {
	ZA, E, R, S, Asn1, PlaintextHex, PublicKeySpkiBase64 string

	Valid, MathematicallyValid bool
}

func TestReferenceSM2(t *testing.T) {
	tried := map[string]int{}
	cases := reference.Cases(t, reference.Dir(t), "sm_crypto/sm2.json")
	for _, c := range cases {
		var in sm2Input
		var want sm2Expected
		c.Decode(t, &in, &want)
		switch {
		case in.P != "":
			t.Logf("%s left out: its curve is the draft's test curve, which no party uses", c.ID)
			tried["test curve"]++
		case want.R != "":
			tried["sign"]++
			signatureCase(t, c.ID, privateOf(t, in).Public(), in, der(t, want.R, want.S))
			digestCase(t, c.ID, in, want)
		case want.Asn1 != "":
			tried["encrypt"]++
			decryptCase(t, c.ID, in, want.Asn1, hex.EncodeToString([]byte(in.MessageUtf8)))
		case want.PlaintextHex != "":
			tried["decrypt"]++
			decryptCase(t, c.ID, in, in.CiphertextAsn1, want.PlaintextHex)
		case in.EHex != "":
			tried["verify digest"]++
			public, err := sm2.NewPublicKey(unhex(t, in.PublicKey))
			must(t, err)
			if got := sm2.VerifyASN1(public, unhex(t, in.EHex), unhex(t, in.SignatureDer)); got != want.Valid {
				t.Errorf("%s: %v, want %v", c.ID, got, want.Valid)
			}
		case in.SignatureBase64 != "":
			tried["verify"]++
			if !want.Valid && !want.MathematicallyValid {
				t.Fatalf("%s: an invalid signature is expected, which this test does not know", c.ID)
			}
			signatureCase(t, c.ID, publicOf(t, in), in, unbase64(t, in.SignatureBase64))
		case want.PublicKeySpkiBase64 != "":
			tried["key"]++
			spki, err := smx509.MarshalPKIXPublicKey(privateOf(t, in).Public())
			must(t, err)
			if got := base64.StdEncoding.EncodeToString(spki); got != want.PublicKeySpkiBase64 {
				t.Errorf("%s: public key %s", c.ID, got)
			}
		default:
			t.Errorf("%s: a kind of case that this test does not know", c.ID)
		}
	}
	if cases != nil && len(tried) != 7 {
		t.Errorf("kinds of cases tried: %v, want seven", tried)
	}
}

func signatureCase(t *testing.T, id string, public crypto.PublicKey, in sm2Input, signature []byte) {
	t.Helper()
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		t.Fatalf("%s: the key is %T", id, public)
	}
	if err := seal.VerifySM2(key, in.UserID, []byte(in.MessageUtf8), signature); err != nil {
		t.Errorf("%s: %v", id, err)
	}
	if seal.VerifySM2(key, in.UserID, []byte(in.MessageUtf8+"."), signature) == nil {
		t.Errorf("%s: another message's signature was taken", id)
	}
}

func digestCase(t *testing.T, id string, in sm2Input, want sm2Expected) {
	t.Helper()
	key := &privateOf(t, in).PublicKey
	za, err := sm2.CalculateZA(key, []byte(in.UserID))
	must(t, err)
	e, err := sm2.CalculateSM2Hash(key, []byte(in.MessageUtf8), []byte(in.UserID))
	must(t, err)
	if hex.EncodeToString(za) != want.ZA || hex.EncodeToString(e) != want.E {
		t.Errorf("%s: ZA %x, e %x", id, za, e)
	}
}

func decryptCase(t *testing.T, id string, in sm2Input, ciphertext, want string) {
	t.Helper()
	text, err := seal.DecryptSM2(privateOf(t, in), unhex(t, ciphertext))
	if err != nil || hex.EncodeToString(text) != want {
		t.Errorf("%s: %x, %v", id, text, err)
	}
}

// privateOf reads the key as its number, and where it stands as PKCS#8 too sees that both are one.
func privateOf(t *testing.T, in sm2Input) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.NewPrivateKey(unhex(t, in.PrivateKey))
	must(t, err)
	if in.PrivateKeyPem != "" {
		armoured := "-----BEGIN PRIVATE KEY-----\n" + in.PrivateKeyPem + "\n-----END PRIVATE KEY-----\n"
		if parsed, err := seal.ParsePrivate([]byte(armoured)); err != nil || !key.Equal(parsed) {
			t.Errorf("the PKCS#8 key is another: %v", err)
		}
	}
	return key
}

func publicOf(t *testing.T, in sm2Input) crypto.PublicKey {
	t.Helper()
	text := []byte(in.CertificatePem)
	if in.PublicKeySpkiBase64 != "" {
		text = block("PUBLIC KEY", unbase64(t, in.PublicKeySpkiBase64))
	}
	key, err := seal.ParsePublic(text)
	must(t, err)
	return key
}

func TestReferenceSM3(t *testing.T) {
	for _, c := range reference.Cases(t, reference.Dir(t), "sm_crypto/sm3.json") {
		var in struct{ MessageHex string }
		var want struct{ SM3 string }
		c.Decode(t, &in, &want)
		if got := sm3.Sum(unhex(t, in.MessageHex)); hex.EncodeToString(got[:]) != want.SM3 {
			t.Errorf("%s: %x", c.ID, got)
		}
	}
}

// The cases have no padding, so ciphertexts are compared before the padding's block.
func TestReferenceSM4(t *testing.T) {
	tried := map[string]int{}
	cases := reference.Cases(t, reference.Dir(t), "sm_crypto/sm4_modes.json")
	for _, c := range cases {
		var in struct{ Mode, Key, IV, Plaintext string }
		var want struct{ Ciphertext string }
		c.Decode(t, &in, &want)
		if in.Mode != "ECB" && in.Mode != "CBC" {
			continue // a mode of another protocol
		}
		tried[in.Mode]++
		sm4, err := seal.NewSM4(unhex(t, in.Key))
		must(t, err)
		var got []byte
		if in.Mode == "ECB" {
			got = seal.EncryptECB(sm4, unhex(t, in.Plaintext))
		} else {
			got = seal.EncryptCBC(sm4, unhex(t, in.IV), unhex(t, in.Plaintext))
		}
		if expected := unhex(t, want.Ciphertext); len(got) != len(expected)+sm4.BlockSize() || !bytes.HasPrefix(got, expected) {
			t.Errorf("%s: %x", c.ID, got)
		}
	}
	if cases != nil && (tried["ECB"] == 0 || tried["CBC"] == 0) {
		t.Errorf("modes tried: %v", tried)
	}
}
