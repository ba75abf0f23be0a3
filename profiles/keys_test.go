package profiles_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, kind string, der []byte, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode))
	must(t, os.Chmod(path, mode))
}

func pair(t testing.TB, dir, name string, key crypto.Signer) {
	t.Helper()
	private, err := smx509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	public, err := smx509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	write(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", private, 0o600)
	write(t, filepath.Join(dir, name+".pub"), "PUBLIC KEY", public, 0o644)
}

// ringChannel has one SM2 and one RSA key of each side.
func ringChannel(t testing.TB, dir string) *profiles.Channel {
	t.Helper()
	c := &profiles.Channel{ID: "hub"}
	for _, owner := range []string{"gateway", "bank"} {
		for i, algorithm := range []string{"sm2", "rsa"} {
			var key crypto.Signer
			var err error
			if algorithm == "sm2" {
				key, err = sm2.GenerateKey(rand.Reader)
			} else {
				key, err = rsa.GenerateKey(rand.Reader, 2048)
			}
			must(t, err)
			name := owner + "-sign-" + algorithm
			pair(t, dir, name, key)
			c.Keys = append(c.Keys, profiles.Key{
				Serial: owner + strconv.Itoa(i+1), Owner: owner, Use: "sign", Algorithm: algorithm, State: "active",
				Private: profiles.Ref("file:" + name + ".key"), Public: profiles.Ref("file:" + name + ".pub"),
			})
		}
	}
	return c
}

func TestRing(t *testing.T) {
	dir := t.TempDir()
	c := ringChannel(t, dir)
	for _, side := range []seal.Side{seal.Gateway, seal.Bank} {
		ring, err := c.Ring(side, dir)
		must(t, err)
		for _, owner := range []seal.Side{seal.Gateway, seal.Bank} {
			for _, algorithm := range []string{"sm2", "rsa"} {
				key, err := ring.Active(owner, "sign", algorithm)
				must(t, err)
				if key.Public == nil || (key.Private != nil) != (owner == side) {
					t.Errorf("the %s's ring holds of the %s's %s key: private %v, public %v",
						side, owner, algorithm, key.Private != nil, key.Public != nil)
				}
			}
		}
	}
}

// Both sides hold the same secrets; what does not fit is refused without being quoted.
func TestRingOfSecrets(t *testing.T) {
	dir := t.TempDir()
	c := &profiles.Channel{ID: "line", Keys: []profiles.Key{
		{Serial: "1", Owner: "both", Use: "mac", Algorithm: "des", State: "active", Secret: "file:mac.key"},
		{Serial: "2", Owner: "both", Use: "master", Algorithm: "des3", State: "active", Secret: "env:TEST_MASTER"},
		{Serial: "3", Owner: "both", Use: "mac", Algorithm: "sm4", State: "revoked", Secret: "file:gone.key"},
	}}
	put := func(text string, mode os.FileMode) {
		must(t, os.WriteFile(filepath.Join(dir, "mac.key"), []byte(text), mode))
		must(t, os.Chmod(filepath.Join(dir, "mac.key"), mode))
	}
	put("0123456789abcDEF\n", 0o600)
	t.Setenv("TEST_MASTER", "0123456789abcdeffedcba9876543210")
	for _, side := range []seal.Side{seal.Gateway, seal.Bank} {
		ring, err := c.Ring(side, dir)
		must(t, err)
		mac, err := ring.Active(seal.Both, "mac", "des")
		must(t, err)
		if !mac.Secret.Equal(secret.NewKey("0123456789abcDEF")) || mac.Private != nil || mac.Public != nil {
			t.Errorf("%s: the key is another: %v", side, mac)
		}
		if raw, err := mac.Raw(); err != nil || len(raw) != 8 {
			t.Errorf("%s: %d bytes, %v", side, len(raw), err)
		}
		if master, err := ring.BySerial(seal.Both, "master", "2"); err != nil || master.Secret.IsZero() {
			t.Errorf("%s: %v", side, err)
		}
		if _, err := ring.BySerial(seal.Both, "mac", "3"); !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s: a revoked secret: %v", side, err)
		}
	}
	for name, tt := range map[string]struct {
		text, want string
		mode       os.FileMode
	}{
		"for all to read": {"0123456789abcdef", "chmod 600", 0o644},
		"no hexadecimal":  {"0123456789abcdeg", "key 1 (des mac of both): secret in", 0o600},
		"too long":        {"0123456789abcdef00", "9 bytes is no des key", 0o600},
		"empty":           {"", "0 bytes is no des key", 0o600},
	} {
		put(tt.text, tt.mode)
		_, err := c.Ring(seal.Bank, dir)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: the error quotes the secret", name)
		}
	}
	must(t, os.Remove(filepath.Join(dir, "mac.key")))
	if _, err := c.Ring(seal.Gateway, dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "mockbanks keys --out") {
		t.Errorf("no file: %v", err)
	}
	t.Setenv("TEST_MASTER", "0123456789abcdef0123456789abcdef")
	put("0123456789abcdef", 0o600)
	if _, err := c.Ring(seal.Gateway, dir); err == nil || !strings.Contains(err.Error(), "which makes it single DES") {
		t.Errorf("equal parts: %v", err)
	}
}

func TestRingFromTheEnvironmentAndACertificate(t *testing.T) {
	dir := t.TempDir()
	c := ringChannel(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "gateway-sign-sm2.key"))
	must(t, err)
	t.Setenv("TEST_GATEWAY_KEY", string(text))
	for i := range c.Keys {
		if c.Keys[i].Serial == "gateway1" {
			c.Keys[i].Private = "env:TEST_GATEWAY_KEY"
		}
	}
	ring, err := c.Ring(seal.Gateway, dir)
	must(t, err)
	if key, err := ring.BySerial(seal.Gateway, "sign", "gateway1"); err != nil || key.Private == nil {
		t.Errorf("%v, %v", key.Private != nil, err)
	}
}

// Each fault names the key and says what to do; none of them quotes material.
func TestRingRefuses(t *testing.T) {
	secret := "MIGHAgEAMBMGByqGSM49"
	made := t.TempDir()
	whole := ringChannel(t, made)
	for _, tt := range []struct {
		name  string
		spoil func(dir string, c *profiles.Channel)
		want  []string
	}{
		{"no file", func(dir string, _ *profiles.Channel) { _ = os.Remove(filepath.Join(dir, "gateway-sign-sm2.key")) },
			[]string{"key gateway1 (sm2 sign of the gateway)", "private half", "mockbanks keys --out"}},
		{"the other side's public file is missing", func(dir string, _ *profiles.Channel) { _ = os.Remove(filepath.Join(dir, "bank-sign-rsa.pub")) },
			[]string{"key bank2 (rsa sign of the bank)", "public half", "mockbanks keys --out"}},
		{"private key for all to read", func(dir string, _ *profiles.Channel) {
			_ = os.Chmod(filepath.Join(dir, "gateway-sign-sm2.key"), 0o640)
		}, []string{"mode 0640", "chmod 600"}},
		{"halves of two keys", func(_ string, c *profiles.Channel) {
			c.Keys[0].Public, c.Keys[2].Public = c.Keys[2].Public, c.Keys[0].Public
		},
			[]string{"does not belong to"}},
		{"another algorithm", func(dir string, c *profiles.Channel) {
			for i := range c.Keys {
				c.Keys[i].Public = "file:bank-sign-rsa.pub"
			}
		}, []string{"bank-sign-rsa.pub is not an sm2 key"}},
		{"not PEM", func(dir string, _ *profiles.Channel) {
			_ = os.WriteFile(filepath.Join(dir, "gateway-sign-sm2.key"), []byte(secret), 0o600)
		}, []string{"key gateway1", "PEM"}},
		{"empty variable", func(_ string, c *profiles.Channel) {
			for i := range c.Keys {
				c.Keys[i].Private = "env:KAQIAO_TEST_UNSET"
			}
		}, []string{"KAQIAO_TEST_UNSET is empty"}},
		{"a folder", func(_ string, c *profiles.Channel) { c.Keys[0].Public = "file:." }, []string{"is no file"}},
		{"no private reference", func(_ string, c *profiles.Channel) {
			for i := range c.Keys {
				c.Keys[i].Private = ""
			}
		}, []string{"names none"}},
		{"no reference at all", func(_ string, c *profiles.Channel) { c.Keys[0].Public = profiles.Ref(secret) }, []string{"want file:PATH"}},
		{"too large", func(dir string, _ *profiles.Channel) {
			_ = os.WriteFile(filepath.Join(dir, "bank-sign-rsa.pub"), make([]byte, 300<<10), 0o600)
		}, []string{"larger than"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(made)))
			for _, k := range whole.Keys {
				must(t, os.Chmod(filepath.Join(dir, strings.TrimPrefix(string(k.Private), "file:")), 0o600))
			}
			c := &profiles.Channel{ID: whole.ID, Keys: slices.Clone(whole.Keys)}
			tt.spoil(dir, c)
			_, err := c.Ring(seal.Gateway, dir)
			if err == nil {
				t.Fatal("taken")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error quotes the material: %v", err)
			}
		})
	}
}

func TestRingTellsAllMissingKeysAtOnce(t *testing.T) {
	c := ringChannel(t, t.TempDir())
	_, err := c.Ring(seal.Bank, t.TempDir())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
	for _, serial := range []string{"gateway1", "gateway2", "bank1", "bank2"} {
		if err == nil || !strings.Contains(err.Error(), "key "+serial) {
			t.Errorf("%s is not named in: %v", serial, err)
		}
	}
}

func TestRevokedKeysNeedNoMaterial(t *testing.T) {
	dir := t.TempDir()
	c := ringChannel(t, dir)
	c.Keys = append(c.Keys, profiles.Key{Serial: "9", Owner: "bank", Use: "sign", Algorithm: "sm2", State: "revoked", Public: "file:gone.pub"})
	ring, err := c.Ring(seal.Gateway, dir)
	must(t, err)
	if _, err := ring.BySerial(seal.Bank, "sign", "9"); err == nil {
		t.Error("a revoked key is found")
	}
}

// authority issues the certificates of one channel into dir.
func authority(t testing.TB, dir, name string) *profiles.TLS {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(t, err)
	write(t, filepath.Join(dir, name, "ca.crt"), "CERTIFICATE", der, 0o644)
	for i, side := range []string{"client", "server"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: side}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
		must(t, err)
		write(t, filepath.Join(dir, name, side+".crt"), "CERTIFICATE", der, 0o644)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		write(t, filepath.Join(dir, name, side+".key"), "PRIVATE KEY", private, 0o600)
	}
	ref := func(file string) profiles.Ref { return profiles.Ref("file:" + name + "/" + file) }
	return &profiles.TLS{
		CA: ref("ca.crt"), ClientCert: ref("client.crt"), ClientKey: ref("client.key"),
		ServerCert: ref("server.crt"), ServerKey: ref("server.key"), ServerName: "127.0.0.1",
	}
}

// handshake says one word over a real socket and returns the two ends' errors.
func handshake(t testing.TB, client, server *tls.Config) (protocol string, err error) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	must(t, err)
	defer func() { _ = listener.Close() }()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "hello")
			_ = conn.Close()
		}
		done <- err
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return "", errors.Join(err, <-done)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.ReadAll(conn)
	return conn.ConnectionState().NegotiatedProtocol, errors.Join(err, <-done)
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	c := &profiles.Channel{ID: "hub", Endpoint: profiles.Endpoint{TLS: authority(t, dir, "own")}}
	stranger := &profiles.Channel{ID: "hub", Endpoint: profiles.Endpoint{TLS: authority(t, dir, "stranger")}}
	load := func(c *profiles.Channel) (client, server *tls.Config) {
		client, err := c.ClientTLS(dir)
		must(t, err)
		server, err = c.ServerTLS(dir)
		must(t, err)
		return client, server
	}
	client, server := load(c)
	strangersClient, strangersServer := load(stranger)

	if protocol, err := handshake(t, client, server); err != nil || protocol != "http/1.1" {
		t.Errorf("own client and server: %q, %v", protocol, err)
	}
	if _, err := handshake(t, client, strangersServer); err == nil {
		t.Error("the client believes a stranger's server")
	}
	mixed := strangersClient.Clone()
	mixed.RootCAs = client.RootCAs
	if _, err := handshake(t, mixed, server); err == nil {
		t.Error("the server takes a stranger's client")
	}
	bare := client.Clone()
	bare.Certificates = nil
	if _, err := handshake(t, bare, server); err == nil {
		t.Error("the server takes a client without a certificate")
	}
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	if _, err := handshake(t, old, server); err == nil {
		t.Error("the server takes TLS 1.1")
	}
}

func TestTLSRefuses(t *testing.T) {
	dir := t.TempDir()
	c := &profiles.Channel{ID: "hub", Endpoint: profiles.Endpoint{TLS: authority(t, dir, "own")}}
	tests := []struct {
		name  string
		spoil func(*profiles.TLS)
		want  string
	}{
		{"no authority", func(t *profiles.TLS) { t.CA = "file:gone.crt" }, "tls: ca: "},
		{"no certificate", func(t *profiles.TLS) { t.ClientCert = "file:gone.crt" }, "mockbanks keys --out"},
		{"another key", func(t *profiles.TLS) { t.ClientKey = t.ServerKey }, "no pair"},
		{"the authority is a key", func(t *profiles.TLS) { t.CA = t.ClientKey }, "holds no certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spoiled := *c.Endpoint.TLS
			tt.spoil(&spoiled)
			_, err := (&profiles.Channel{ID: "hub", Endpoint: profiles.Endpoint{TLS: &spoiled}}).ClientTLS(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "channel hub") {
				t.Errorf("%v does not say %q", err, tt.want)
			}
		})
	}
	if config, err := (&profiles.Channel{}).ClientTLS(dir); config != nil || err != nil {
		t.Errorf("without TLS: %v, %v", config, err)
	}
	must(t, os.Chmod(filepath.Join(dir, "own", "client.key"), 0o644))
	if _, err := c.ClientTLS(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key for all to read: %v", err)
	}
}
