package seal_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/wire/seal"
)

func TestParseReadsBothAlgorithms(t *testing.T) {
	sm := newSM2(t)
	text, err := smx509.MarshalPKCS8PrivateKey(sm)
	must(t, err)
	private, err := seal.ParsePrivate(block("PRIVATE KEY", text))
	if err != nil || !sm.Equal(private) {
		t.Errorf("SM2 private key: %T, %v", private, err)
	}
	if public, err := seal.ParsePublic(publicPEM(t, sm.Public())); err != nil || !sm.PublicKey.Equal(public) {
		t.Errorf("SM2 public key: %T, %v", public, err)
	}
	if public, err := seal.ParsePublic(certificate(t, sm)); err != nil || !sm.PublicKey.Equal(public) {
		t.Errorf("SM2 certificate: %T, %v", public, err)
	}

	rsaKey := newRSA(t)
	text, err = smx509.MarshalPKCS8PrivateKey(rsaKey)
	must(t, err)
	private, err = seal.ParsePrivate(block("PRIVATE KEY", text))
	if err != nil || !rsaKey.Equal(private) {
		t.Errorf("RSA private key: %T, %v", private, err)
	}
	if public, err := seal.ParsePublic(publicPEM(t, rsaKey.Public())); err != nil || !rsaKey.PublicKey.Equal(public) {
		t.Errorf("RSA public key: %T, %v", public, err)
	}
}

func TestParseRefuses(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p256Private, err := smx509.MarshalPKCS8PrivateKey(p256)
	must(t, err)
	small := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}

	for name, text := range map[string][]byte{
		"nothing":              nil,
		"no PEM":               []byte("MIGHAgEAMBMGByqGSM49"),
		"wrong block":          block("EC PRIVATE KEY", p256Private),
		"broken DER":           block("PRIVATE KEY", []byte{0x30, 0x03, 1, 2}),
		"another curve":        block("PRIVATE KEY", p256Private),
		"public instead":       publicPEM(t, newSM2(t).Public()),
		"broken armour":        []byte("-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n"),
		"PKCS#8 cut in half":   block("PRIVATE KEY", p256Private[:len(p256Private)/2]),
		"PKCS#8 and more":      block("PRIVATE KEY", append(p256Private[:len(p256Private):len(p256Private)], 0)),
		"an encrypted PKCS#8.": block("ENCRYPTED PRIVATE KEY", p256Private),
	} {
		if key, err := seal.ParsePrivate(text); err == nil {
			t.Errorf("private, %s: taken as %T", name, key)
		}
	}
	for name, text := range map[string][]byte{
		"nothing":         nil,
		"another curve":   publicPEM(t, p256.Public()),
		"a small modulus": publicPEM(t, small),
		"private instead": block("PRIVATE KEY", p256Private),
		"broken":          block("PUBLIC KEY", []byte{0x30, 0}),
		"broken cert":     block("CERTIFICATE", []byte{0x30, 0}),
	} {
		key, err := seal.ParsePublic(text)
		if err == nil {
			t.Errorf("public, %s: taken as %T", name, key)
		}
	}
	if _, err := seal.ParsePublic(publicPEM(t, small)); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("the refusal of a small modulus does not say its size: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSM2(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	must(t, err)
	return key
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return key
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := smx509.MarshalPKIXPublicKey(key)
	must(t, err)
	return block("PUBLIC KEY", der)
}

func certificate(t testing.TB, key *sm2.PrivateKey) []byte {
	t.Helper()
	day := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), NotBefore: day, NotAfter: day.AddDate(1, 0, 0)}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return block("CERTIFICATE", der)
}
