package jws_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaqiao/profiles/reference"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// vector is one of RFC 7515 and RFC 7797, detached as our signatures are.
type vector struct {
	ID, JWS, Key, Payload string
	raw                   bool
}

// printed are the vectors as the two standards print them.
func printed() []vector {
	const key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	return []vector{
		{"RFC 7515 A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9..dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", key,
			"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}", false},
		{"RFC 7797 4.1", "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ", key, "$.02", false},
		{"RFC 7797 4.2", "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY", key, "$.02", true},
	}
}

// checkVector sees that the vector's signature is over what we would sign, and
// that the codec refuses it none the less: its algorithm is not the channel's.
func checkVector(t *testing.T, v vector) {
	t.Helper()
	header, rest, _ := strings.Cut(v.JWS, "..")
	key, err := base64.RawURLEncoding.DecodeString(v.Key)
	must(t, err)
	want, err := base64.RawURLEncoding.DecodeString(rest)
	must(t, err)
	for _, raw := range []bool{true, false} {
		mac := hmac.New(sha256.New, key)
		mac.Write(jws.SigningInput(header, []byte(v.Payload), raw))
		if got := hmac.Equal(mac.Sum(nil), want); got != (raw == v.raw) {
			t.Errorf("%s: with the payload raw %v the signature fits: %v", v.ID, raw, got)
		}
	}
	for _, payload := range []string{"raw", "base64url"} {
		f := wire.Frame{Body: []byte(v.Payload), Headers: []wire.Header{{Name: "x-jws-signature", Value: v.JWS}}}
		if _, err := codec(t, seal.Gateway, jws.Options{Payload: payload}).Decode(f); !errors.Is(err, wire.ErrSeal) {
			t.Errorf("%s: HS256 is answered with %v", v.ID, err)
		}
	}
}

func TestPrintedVectors(t *testing.T) {
	for _, v := range printed() {
		checkVector(t, v)
	}
}

// RFC 7515 A.2 prints a signature of RS256: with the key of the golden messages,
// and over the form that is not raw. It says that the key is the standard's.
func TestPrintedKey(t *testing.T) {
	signature, err := base64.RawURLEncoding.DecodeString("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
	must(t, err)
	digest := sha256.Sum256(jws.SigningInput("eyJhbGciOiJSUzI1NiJ9", []byte(printed()[0].Payload), false))
	must(t, rsa.VerifyPKCS1v15(&rfcKey(t).PublicKey, crypto.SHA256, digest[:], signature))
}

func TestReferenceVectors(t *testing.T) {
	dir := reference.Dir(t)
	if dir == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "http_signatures", "jws.json"))
	must(t, err)
	var file struct {
		Cases []struct {
			ID    string
			Input struct {
				JWS     string
				Payload string `json:"detachedPayloadUtf8"`
				JWK     struct{ K string }
			}
			Expected struct {
				Valid       bool
				PayloadUtf8 string
			}
		}
	}
	must(t, json.Unmarshal(text, &file))
	if len(file.Cases) < 3 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		if !c.Expected.Valid {
			t.Fatalf("%s: a case of a kind that this test does not know", c.ID)
		}
		parts := strings.Split(c.Input.JWS, ".")
		checkVector(t, vector{
			ID: c.ID, JWS: parts[0] + ".." + parts[2], Key: c.Input.JWK.K, Payload: c.Input.Payload + c.Expected.PayloadUtf8,
			raw: strings.Contains(decoded(t, parts[0]), `"b64":false`),
		})
	}
}
