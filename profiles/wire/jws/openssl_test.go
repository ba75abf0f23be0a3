package jws_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// The openssl program checks what we sign, over an input that is put together
// here after the words of the two standards. The golden messages are the other way round.
func TestOpenSSLVerifiesOurs(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the openssl program is missing")
		}
		t.Log("left out: the check against openssl, which is not installed here")
		return
	}
	dir := t.TempDir()
	write := func(name string, text []byte) { must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600)) }
	public, err := x509.MarshalPKIXPublicKey(&rfcKey(t).PublicKey)
	must(t, err)
	write("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	verify := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "dgst", "-sha256", "-verify", "public.pem", "-sigopt", "rsa_padding_mode:pss",
			"-sigopt", "rsa_pss_saltlen:32", "-signature", "signature", "input")
		cmd.Dir = dir
		return cmd.Run()
	}
	for _, payload := range []string{"base64url", "raw"} {
		f, err := codec(t, seal.Bank, jws.Options{Payload: payload}).Encode(&jws.NoticeAck{
			Head: jws.Head{IssuedAt: 1764064800, Bank: "HSBCCNSH"}, NoticeID: "EVT-9",
		})
		must(t, err)
		header, signature, _ := strings.Cut(f.Header("x-jws-signature"), "..")
		input := header + "." + string(f.Body)
		if payload == "base64url" {
			input = header + "." + base64.RawURLEncoding.EncodeToString(f.Body)
		}
		raw, err := base64.RawURLEncoding.DecodeString(signature)
		must(t, err)
		write("signature", raw)
		write("input", []byte(input))
		if err := verify(); err != nil {
			t.Errorf("%s: openssl does not take our signature: %v", payload, err)
		}
		write("input", []byte(input+" "))
		if verify() == nil {
			t.Errorf("%s: openssl takes it over another input, so its verdict says nothing", payload)
		}
		want := map[string]any{
			"alg": "PS256", "kid": bankSigns, "typ": "JOSE", "cty": "application/json", iat: 1764064800.0, iss: "bank", tan: "openbanking.org.uk",
			"crit": []any{iat, iss, tan},
		}
		if payload == "raw" {
			want["b64"], want["crit"] = false, []any{"b64", iat, iss, tan}
		}
		var got map[string]any
		must(t, json.Unmarshal([]byte(decoded(t, header)), &got))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: protected header (-want +got):\n%s", payload, diff)
		}
	}
}
