package keymaker_test

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/seal"
)

func TestMakeServesBothSides(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	must(t, keymaker.Make(dir, set(), options()))

	for _, k := range set().Channels[0].Keys {
		private, err := seal.ParsePrivate(read(t, dir, k.Private))
		must(t, err)
		public, err := seal.ParsePublic(read(t, dir, k.Public))
		must(t, err)
		switch key := private.(type) {
		case *sm2.PrivateKey:
			if k.Algorithm != "sm2" || !key.PublicKey.Equal(public) {
				t.Errorf("key %s: SM2, halves equal: %v", k.Serial, key.PublicKey.Equal(public))
			}
		case *rsa.PrivateKey:
			if k.Algorithm != "rsa" || !key.PublicKey.Equal(public) || key.N.BitLen() != 2048 {
				t.Errorf("key %s: RSA of %d bits", k.Serial, key.N.BitLen())
			}
		}
	}
	for _, side := range []seal.Side{seal.Gateway, seal.Bank} {
		ring, err := set().Channels[2].Ring(side, dir)
		must(t, err)
		for serial, size := range map[string]int{"1": 8, "2": 16, "3": 16} {
			use := map[bool]string{false: "mac", true: "master"}[serial == "3"]
			key, err := ring.BySerial(seal.Both, use, serial)
			must(t, err)
			if raw, err := key.Raw(); err != nil || len(raw) != size {
				t.Errorf("secret %s: %d bytes, %v", serial, len(raw), err)
			}
		}
	}
	handshake(t, dir, set().Channels[0].Endpoint.TLS, "localhost")
	handshake(t, dir, set().Channels[0].Endpoint.TLS, "127.0.0.1")
	handshake(t, dir, set().Channels[0].Endpoint.TLS, "hub.test")
	handshake(t, dir, set().Channels[1].Endpoint.TLS, "second.test")
}

func TestMakeKeepsThePrivateHalvesPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	must(t, keymaker.Make(dir, set(), options()))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = 0o700
		} else if strings.Contains(string(file(t, path)), "PRIVATE KEY") || strings.HasPrefix(path, filepath.Join(dir, "third")) {
			want = 0o600
		}
		if got := info.Mode().Perm(); got&^want != 0 {
			t.Errorf("%s: mode %o, want at most %o", path, got, want)
		}
		if strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
	must(t, err)
}

func TestMakeNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	must(t, keymaker.Make(dir, set(), options()))
	before := snapshot(t, dir)

	var wrote []string
	again := options()
	again.Wrote = func(path string) { wrote = append(wrote, path) }
	must(t, keymaker.Make(dir, set(), again))
	if len(wrote) != 0 || !maps.Equal(before, snapshot(t, dir)) {
		t.Errorf("the second run wrote %v", wrote)
	}

	again.Force = true
	must(t, keymaker.Make(dir, set(), again))
	after := snapshot(t, dir)
	for path, text := range before {
		if after[path] == text {
			t.Errorf("%s: not made again with Force", path)
		}
		if n := count(wrote, path); n != 1 {
			t.Errorf("%s: written %d times with Force", path, n)
		}
	}
	handshake(t, dir, set().Channels[0].Endpoint.TLS, "localhost")
}

func TestMakeGoesOnWhereItWasInterrupted(t *testing.T) {
	for _, lost := range []string{"nucc/gw-sign.pub.pem", "tls/ca.pem", "tls/client.pem", "tls/server.pem", "nucc/rsa.pub.pem"} {
		dir := t.TempDir()
		must(t, keymaker.Make(dir, set(), options()))
		before := snapshot(t, dir)
		must(t, os.Remove(filepath.Join(dir, lost)))
		must(t, keymaker.Make(dir, set(), options()))
		for path, text := range snapshot(t, dir) {
			if same := before[path] == text; !same && !strings.HasSuffix(path, lost) {
				t.Errorf("without %s: %s has changed", lost, path)
			}
		}
		handshake(t, dir, set().Channels[0].Endpoint.TLS, "localhost")
	}
}

func TestMakeRefusesToGuess(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		says  string
	}{
		"private half lost": {func(dir string) error { return os.Remove(filepath.Join(dir, "nucc/gw-sign.pem")) }, "without its private half"},
		"halves mixed up": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "nucc/hub-sign.pub.pem"), filepath.Join(dir, "nucc/gw-sign.pub.pem"))
		}, "is not the public half"},
		"another algorithm": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "nucc/rsa.pem"), filepath.Join(dir, "nucc/gw-sign.pem"))
		}, "is not what Make writes"},
		"authority lost": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "tls/ca.pem")), os.Remove(filepath.Join(dir, "tls/ca.key")))
		}, "is not from the authority"},
		"authority's key lost": {func(dir string) error { return os.Remove(filepath.Join(dir, "tls/ca.key")) }, "is missing, but its certificate exists"},
		"rubbish for a secret": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "third/mac-des.key"), []byte("0123"), 0o600)
		}, "is not what Make writes"},
		"rubbish": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "tls/server.pem"), []byte("rubbish"), 0o600)
		}, "is not what Make writes"},
		"a folder": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "tls/server.pem")), os.Mkdir(filepath.Join(dir, "tls/server.pem"), 0o700))
		}, "is no file"},
	} {
		dir := t.TempDir()
		must(t, keymaker.Make(dir, set(), options()))
		must(t, c.spoil(dir))
		if err := keymaker.Make(dir, set(), options()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
	}
}

func TestMakeTellsOfAnUnusableCertificate(t *testing.T) {
	dir := t.TempDir()
	must(t, keymaker.Make(dir, set(), options()))
	late := options()
	late.Now = func() time.Time { return now.AddDate(11, 0, 0) }
	if err := keymaker.Make(dir, set(), late); err == nil || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("eleven years later: %v", err)
	}
	moved := set()
	moved.Channels[0].Endpoint.URL = "https://elsewhere.test:9101/preSvr"
	if err := keymaker.Make(dir, moved, options()); err == nil || !strings.Contains(err.Error(), "elsewhere.test") {
		t.Errorf("with another host: %v", err)
	}
}

func TestMakeReportsAllReferencesAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	bad := set()
	keys := bad.Channels[0].Keys
	keys[0].Private = "env:KEY"
	keys[1].Private = "file:../outside.pem"
	keys[2].Public = ""
	keys[3].Public = keys[4].Public
	bad.Channels[0].Endpoint.TLS.ServerKey = "file:/etc/key.pem"
	bad.Channels[2].Keys[0].Secret = "env:MAC"
	bad.Channels[2].Keys[1].Algorithm = "rc4"
	bad.Channels[2].Keys[2].Secret = keys[2].Private
	err := keymaker.Make(dir, bad, options())
	if err == nil {
		t.Fatal("bad references were taken")
	}
	for _, want := range []string{
		"channel nucc: key 4000000001: private: only file:", "key 4000000002: private: the path must lie inside",
		"key 4000000003: public: no reference", "key 4000000005: public: the file is already", "tls: server_key: the path",
		"channel third: key 1: secret: only file:", "channel third: key 2: algorithm must be des", "channel third: key 3: secret: the file is already",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if err := keymaker.Make(dir, set(), keymaker.Options{}); err == nil {
		t.Error("keys were made without a clock")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written all the same: %v", err)
	}
}

var now = time.Date(2026, 6, 1, 10, 0, 0, 0, profiles.Beijing)

func options() keymaker.Options {
	return keymaker.Options{Now: func() time.Time { return now }}
}

// set has two channels that share their TLS files.
func set() *profiles.Set {
	key := func(serial, owner, use, algorithm, file string) profiles.Key {
		return profiles.Key{
			Serial: serial, Owner: owner, Use: use, Algorithm: algorithm,
			Private: profiles.Ref("file:nucc/" + file + ".pem"), Public: profiles.Ref("file:nucc/" + file + ".pub.pem"),
		}
	}
	endpoint := func(host string) profiles.Endpoint {
		return profiles.Endpoint{URL: "https://127.0.0.1:9101/preSvr", TLS: &profiles.TLS{
			CA: "file:tls/ca.pem", ClientCert: "file:tls/client.pem", ClientKey: "file:tls/client-key.pem",
			ServerCert: "file:tls/server.pem", ServerKey: "file:tls/server-key.pem", ServerName: host,
		}}
	}
	return &profiles.Set{Channels: []*profiles.Channel{
		{ID: "nucc", Endpoint: endpoint("hub.test"), Keys: []profiles.Key{
			key("4000000001", "gateway", "sign", "sm2", "gw-sign"),
			key("4000000002", "bank", "sign", "sm2", "hub-sign"),
			key("4000000003", "bank", "encrypt", "sm2", "hub-enc"),
			key("4000000004", "gateway", "encrypt", "sm2", "gw-enc"),
			key("4000000005", "gateway", "sign", "rsa", "rsa"),
		}},
		{ID: "second", Endpoint: endpoint("second.test")},
		{ID: "third", Keys: []profiles.Key{
			{Serial: "1", Owner: "both", Use: "mac", Algorithm: "des", Secret: "file:third/mac-des.key"},
			{Serial: "2", Owner: "both", Use: "mac", Algorithm: "sm4", Secret: "file:third/mac-sm4.key"},
			{Serial: "3", Owner: "both", Use: "master", Algorithm: "des3", Secret: "file:third/master.key"},
		}},
	}}
}

// handshake lets the two sides meet over real TLS, each demanding the other's certificate.
func handshake(t *testing.T, dir string, refs *profiles.TLS, host string) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(read(t, dir, refs.CA)) {
		t.Fatal("the authority's certificate does not parse")
	}
	pair := func(cert, key profiles.Ref) []tls.Certificate {
		c, err := tls.X509KeyPair(read(t, dir, cert), read(t, dir, key))
		must(t, err)
		return []tls.Certificate{c}
	}
	clock := func() time.Time { return now.Add(time.Minute) }
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	server := tls.Server(a, &tls.Config{Certificates: pair(refs.ServerCert, refs.ServerKey), ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, Time: clock})
	client := tls.Client(b, &tls.Config{Certificates: pair(refs.ClientCert, refs.ClientKey), RootCAs: pool, ServerName: host, Time: clock})
	served := make(chan error, 1)
	go func() {
		err := server.Handshake()
		if err == nil {
			_, err = server.Write([]byte("x"))
		}
		served <- err
	}()
	_, err := client.Read(make([]byte, 1))
	if err := errors.Join(err, <-served); err != nil {
		t.Errorf("handshake with %s: %v", host, err)
	}
}

func read(t *testing.T, dir string, ref profiles.Ref) []byte {
	t.Helper()
	return file(t, filepath.Join(dir, strings.TrimPrefix(string(ref), "file:")))
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return text
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[path] = string(file(t, path))
		}
		return err
	}))
	return files
}

func count(all []string, one string) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != one }))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
