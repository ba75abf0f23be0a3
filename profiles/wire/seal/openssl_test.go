package seal_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/wire/seal"
)

// The openssl program is another party's implementation: what it makes we must
// open, and what we make it must open.

func TestOpenSSLSM2(t *testing.T) {
	ssl := newOpenSSL(t)
	if ssl == nil {
		return
	}
	key := newSM2(t)
	ssl.keys(key)
	text := []byte("<root>签约</root>")
	ssl.write("text", text)

	ours, err := seal.SignSM2(rand.Reader, key, userID, text)
	must(t, err)
	ssl.write("ours.sig", ours)
	ssl.run("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+userID, "-in", "text", "-sigfile", "ours.sig")
	if err := ssl.try("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:8765432187654321", "-in", "text", "-sigfile", "ours.sig"); err == nil {
		t.Error("openssl verifies our signature under another user id, so its verdict says nothing")
	}
	ssl.run("pkeyutl", "-sign", "-inkey", "private.pem", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+userID, "-in", "text", "-out", "theirs.sig")
	if err := seal.VerifySM2(&key.PublicKey, userID, text, ssl.read("theirs.sig")); err != nil {
		t.Errorf("openssl's signature: %v", err)
	}

	ciphertext, err := seal.EncryptSM2(rand.Reader, &key.PublicKey, text)
	must(t, err)
	ssl.write("ours.enc", ciphertext)
	ssl.run("pkeyutl", "-decrypt", "-inkey", "private.pem", "-in", "ours.enc", "-out", "back")
	if back := ssl.read("back"); !bytes.Equal(back, text) {
		t.Errorf("openssl decrypts ours to %q", back)
	}
	ssl.run("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-in", "text", "-out", "theirs.enc")
	if back, err := seal.DecryptSM2(key, ssl.read("theirs.enc")); err != nil || !bytes.Equal(back, text) {
		t.Errorf("openssl's ciphertext: %q, %v", back, err)
	}
}

func TestOpenSSLMakesKeys(t *testing.T) {
	ssl := newOpenSSL(t)
	if ssl == nil {
		return
	}
	ssl.run("genpkey", "-algorithm", "SM2", "-out", "private.pem")
	ssl.run("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
	private, err := seal.ParsePrivate(ssl.read("private.pem"))
	must(t, err)
	public, err := seal.ParsePublic(ssl.read("public.pem"))
	must(t, err)
	if key, ok := private.(*sm2.PrivateKey); !ok || !key.PublicKey.Equal(public) {
		t.Errorf("openssl's SM2 key: %T and %T", private, public)
	}
}

func TestOpenSSLRSAAndCiphers(t *testing.T) {
	ssl := newOpenSSL(t)
	if ssl == nil {
		return
	}
	key := newRSA(t)
	ssl.keys(key)
	text := []byte("01|0123456789abcdef0123456789abcdef")
	ssl.write("text", text)
	ours, err := seal.SignRSA(key, text)
	must(t, err)
	ssl.write("ours.sig", ours)
	ssl.run("dgst", "-sha256", "-verify", "public.pem", "-signature", "ours.sig", "text")
	ssl.run("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-in", "text", "-out", "theirs.enc")
	if back, err := seal.DecryptSessionRSA(key, ssl.read("theirs.enc"), len(text)); err != nil || !bytes.Equal(back, text) {
		t.Errorf("openssl's envelope: %q, %v", back, err)
	}

	aes, err := seal.NewAES(text[3:35])
	must(t, err)
	const hexKey = "3031323334353637383961626364656630313233343536373839616263646566"
	ssl.run("enc", "-aes-256-ecb", "-K", hexKey, "-in", "text", "-out", "ecb")
	if back, err := seal.DecryptECB(aes, ssl.read("ecb")); err != nil || !bytes.Equal(back, text) {
		t.Errorf("AES-256-ECB: %q, %v", back, err)
	}
	ssl.run("enc", "-aes-256-cbc", "-K", hexKey, "-iv", hexKey[:32], "-in", "text", "-out", "cbc")
	if ours := seal.EncryptCBC(aes, text[3:19], text); !bytes.Equal(ours, ssl.read("cbc")) {
		t.Errorf("AES-256-CBC: %x", ours)
	}
}

// openSSL runs the program in a folder of its own.
type openSSL struct {
	t       *testing.T
	program string
	dir     string
}

// newOpenSSL returns nil where the program is missing, which only CI calls a failure.
func newOpenSSL(t *testing.T) *openSSL {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the openssl program is missing")
		}
		t.Log("left out: the check against openssl, which is not installed here")
		return nil
	}
	return &openSSL{t: t, program: program, dir: t.TempDir()}
}

// keys writes both halves of a key as PEM.
func (s *openSSL) keys(key crypto.Signer) {
	s.t.Helper()
	private, err := smx509.MarshalPKCS8PrivateKey(key)
	must(s.t, err)
	s.write("private.pem", block("PRIVATE KEY", private))
	s.write("public.pem", publicPEM(s.t, key.Public()))
}

func (s *openSSL) try(args ...string) error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}

func (s *openSSL) run(args ...string) {
	s.t.Helper()
	if err := s.try(args...); err != nil {
		s.t.Fatalf("openssl %s: %v", args[0], err)
	}
}

func (s *openSSL) write(name string, text []byte) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, name), text, 0o600))
}

func (s *openSSL) read(name string) []byte {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	must(s.t, err)
	return text
}
