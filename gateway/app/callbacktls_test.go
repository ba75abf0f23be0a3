package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/profiles"
)

// issuer signs certificates for tests.
type issuer struct {
	*testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{T: t}
	i.cert, i.key = i.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return i
}

func (i *issuer) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	i.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.Fatal(err)
	}
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(1000*time.Hour)
	}
	parent, by := i.cert, i.key
	if parent == nil {
		parent, by = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		i.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		i.Fatal(err)
	}
	return cert, key
}

// shows is a client's certificate.
func (i *issuer) shows(template x509.Certificate) []tls.Certificate {
	i.Helper()
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	cert, key := i.sign(&template)
	return []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
}

// writes writes a server's certificate and its key, and returns its serial.
func (i *issuer) writes(cert, key string) *big.Int {
	i.Helper()
	c, k := i.sign(&x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		i.Fatal(err)
	}
	i.pem(cert, "CERTIFICATE", c.Raw)
	i.pem(key, "PRIVATE KEY", der)
	return c.SerialNumber
}

func (i *issuer) pem(path, kind string, der []byte) {
	i.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		i.Fatal(err)
	}
}

// posts sends a notice of no sense, and returns the status and whom it met.
func posts(t *testing.T, url string, shown []tls.Certificate) (status int, met *x509.Certificate) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{Certificates: shown, InsecureSkipVerify: true}}} //nolint:gosec // whom it meets is looked at below
	res, err := c.Post(url, "text/plain", strings.NewReader("no notice"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.TLS != nil {
		met = res.TLS.PeerCertificates[0]
	}
	return res.StatusCode, met
}

const (
	understood = http.StatusBadRequest // it was let in, and made no sense
	forbidden  = http.StatusForbidden
)

// A channel's notices are taken with that channel's certificate only; who needs
// none goes on as before. SIGHUP's reload takes new certificates into use.
func TestNoticesWithCertificates(t *testing.T) {
	ours, bank, another := newIssuer(t), newIssuer(t), newIssuer(t)
	c, log := config(t), &bytes.Buffer{}
	folder := t.TempDir()
	authority := filepath.Join(c.Keys, "bank-ca.crt")
	c.CallbacksCert, c.CallbacksKey = filepath.Join(c.Keys, "callbacks.crt"), filepath.Join(c.Keys, "callbacks.key")
	first := ours.writes(c.CallbacksCert, c.CallbacksKey)
	bank.pem(authority, "CERTIFICATE", bank.cert.Raw)
	secured := strings.Replace(channel, "\noptions:", "\nnotices: {tls: {ca: \"file:bank-ca.crt\", name: notices.hub.example}}\noptions:", 1)
	for name, text := range map[string]string{
		"channels/nucc.yaml": secured, "channels/open.yaml": strings.Replace(channel, "id: nucc", "id: open", 1),
		"banks/abc.yaml": embedded(t, "banks/abc.yaml"), "platforms/wechat.yaml": embedded(t, "platforms/wechat.yaml"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.Set, c.Profiles, c.Log = nil, folder, slog.New(slog.NewTextHandler(log, nil))
	a, stop := start(t, c)
	nucc, open := a.CallbackURL()+"/callbacks/nucc", a.CallbackURL()+"/callbacks/open"
	if !strings.HasPrefix(nucc, "https://") {
		t.Fatal(nucc)
	}
	good := bank.shows(x509.Certificate{DNSNames: []string{"notices.hub.example"}})
	for name, tc := range map[string]struct {
		url   string
		shown []tls.Certificate
		want  int
	}{
		"its own":                  {nucc, good, understood},
		"its own, by common name":  {nucc, bank.shows(x509.Certificate{Subject: pkix.Name{CommonName: "notices.hub.example"}}), understood},
		"none":                     {nucc, nil, forbidden},
		"another name":             {nucc, bank.shows(x509.Certificate{DNSNames: []string{"other.hub.example"}}), forbidden},
		"another authority":        {nucc, another.shows(x509.Certificate{DNSNames: []string{"notices.hub.example"}}), forbidden},
		"a server's":               {nucc, bank.shows(x509.Certificate{DNSNames: []string{"notices.hub.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), forbidden},
		"over":                     {nucc, bank.shows(x509.Certificate{DNSNames: []string{"notices.hub.example"}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(-time.Minute)}), forbidden},
		"a channel without":        {open, nil, understood},
		"a channel without, shown": {open, good, understood},
		"plain HTTP":               {"http" + strings.TrimPrefix(nucc, "https"), nil, http.StatusBadRequest},
	} {
		if status, met := posts(t, tc.url, tc.shown); status != tc.want || met != nil && met.SerialNumber.Cmp(first) != 0 {
			t.Errorf("%s: %d, want %d", name, status, tc.want)
		}
	}

	bank.pem(authority, "CERTIFICATE", []byte("none")) // nothing changes, and the log says why
	second := ours.writes(c.CallbacksCert, c.CallbacksKey)
	if err := a.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "bank-ca.crt") {
		t.Errorf("a damaged authority: %v", err)
	}
	if status, met := posts(t, nucc, good); status != understood || met.SerialNumber.Cmp(first) != 0 {
		t.Errorf("after a reload that failed: %d", status)
	}
	another.pem(authority, "CERTIFICATE", another.cert.Raw)
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, met := posts(t, nucc, good); status != forbidden || met.SerialNumber.Cmp(second) != 0 {
		t.Errorf("the old authority's: %d", status)
	}
	if status, _ := posts(t, nucc, another.shows(x509.Certificate{DNSNames: []string{"notices.hub.example"}})); status != understood {
		t.Errorf("the new authority's: %d", status)
	}
	if err := os.Remove(filepath.Join(folder, "channels", "open.yaml")); err != nil { // what still runs needs what it needed
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if status, _ := posts(t, nucc, nil); status != forbidden {
		t.Errorf("without a certificate: %d", status)
	}
	stop()
	if !strings.Contains(log.String(), "a notice was refused") {
		t.Error("the log says nothing")
	}
}

// What a profile wants is not left out for want of a certificate of our own.
func TestNoticesNeedTLS(t *testing.T) {
	i := newIssuer(t)
	c := config(t)
	i.pem(filepath.Join(c.Keys, "ca.crt"), "CERTIFICATE", i.cert.Raw)
	c.Set.Channel("nucc").Notices.TLS = &profiles.NoticesTLS{CA: "file:ca.crt", Name: "x"}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "set callbacks-cert") {
		t.Errorf("got %v", err)
	}
	c.CallbacksCert, c.CallbacksKey = filepath.Join(c.Keys, "cert"), filepath.Join(c.Keys, "key")
	i.writes(c.CallbacksCert, c.CallbacksKey)
	if err := os.Chmod(c.CallbacksKey, 0o644); err != nil { //nolint:gosec // what is tried
		t.Fatal(err)
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
	c.CallbacksKey = ""
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "set together") {
		t.Errorf("got %v", err)
	}
}

func embedded(t *testing.T, name string) string {
	t.Helper()
	raw, err := fs.ReadFile(profiles.Embedded(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
