package epcc_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// openSSL is another party that has only the openssl program and a text editor.
type openSSL struct {
	t    *testing.T
	dir  string
	intl bool
}

// newOpenSSL returns nil where the program is missing, which only CI calls a failure.
func newOpenSSL(t *testing.T, intl bool) *openSSL {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the openssl program is missing")
		}
		t.Log("left out: messages made by openssl, which is not installed here")
		return nil
	}
	s := &openSSL{t, t.TempDir(), intl}
	var key any = annexKey(t)
	if intl {
		rsaKey, err := oneRSA()
		must(t, err)
		key = rsaKey
	}
	der, err := smx509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	s.write("private.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.run("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
	return s
}

func (s *openSSL) run(args ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", args...)
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("openssl %s: %v", args[0], err)
	}
	return out
}

func (s *openSSL) write(name string, text []byte) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, name), text, 0o600))
}

func (s *openSSL) base64(args ...string) string {
	s.t.Helper()
	return base64.StdEncoding.EncodeToString(s.run(args...))
}

// field enciphers with the session key below, in the likely mode.
func (s *openSSL) field(session, text string) string {
	s.t.Helper()
	s.write("field", []byte(text))
	if s.intl {
		return s.base64("enc", "-aes-256-ecb", "-K", hex.EncodeToString([]byte(session)), "-in", "field")
	}
	return s.base64("enc", "-sm4-ecb", "-K", session, "-in", "field")
}

// message writes a 101 in its second step, as the sheet's sample has it.
func (s *openSSL) message() []byte {
	s.t.Helper()
	session, prefix, suffix := "0123456789abcdeffedcba9876543210", "02|", ""
	if s.intl {
		session, prefix, suffix = "Session-key-of-32-printable-char", "01|", "R"
	}
	s.write("plain", []byte(prefix+session))
	root := strings.NewReplacer(
		"$signer", gatewaySigns+suffix, "$opener", bankOpens+suffix,
		"$envelope", s.base64("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-in", "plain"),
		"$card", s.field(session, "6217000000000000012"), "$name", s.field(session, "张三"),
		"$id", s.field(session, "11010519491231002X"), "$mobile", s.field(session, "13800138000"), "$wallet", s.field(session, "wallet-1"),
	).Replace(`<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:00</SndDt><MsgTp>epcc.101.001.01</MsgTp><IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>$signer</SignSN><NcrptnSN>$opener</NcrptnSN><DgtlEnvlp>$envelope</DgtlEnvlp></MsgHeader><MsgBody><SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctId>$card</SgnAcctId><SgnAcctNm>$name</SgnAcctNm><IDTp>01</IDTp><IDNo>$id</IDNo><MobNo>$mobile</MobNo></SgnInf><TrxInf><TrxCtgy>0202</TrxCtgy><TrxId>2024060100000000000000011760001</TrxId><TrxDtTm>2024-06-01T10:00:01</TrxDtTm><AuthMsg>123456</AuthMsg></TrxInf><InstgInf><InstgId>Z2000000000001</InstgId><InstgAcct>$wallet</InstgAcct></InstgInf></MsgBody></root>`)
	s.write("root", []byte(root))
	var signature string
	if s.intl {
		signature = s.base64("dgst", "-sha256", "-sign", "private.pem", "root")
	} else {
		signature = s.base64("pkeyutl", "-sign", "-inkey", "private.pem", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", "root")
	}
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + root + "\n{S:" + signature + "}")
}

func messageValues(serial string) map[string]string {
	m := signMessage()
	m.SignSN = serial
	return wiretest.Values(m)
}

// TestSuiteIntl runs the suite with RSA and AES. Its golden message is made by
// openssl on the spot, because a private key of RSA has no place in the repository.
func TestSuiteIntl(t *testing.T) {
	ssl := newOpenSSL(t, true)
	if ssl == nil {
		return
	}
	opts := epcc.Options{Algorithms: "intl"}
	golden := wiretest.Golden{
		Name: "101-openssl", Source: "OpenSSL, from a text written by hand",
		Values: messageValues(gatewaySigns + "R"), Frame: wire.Frame{Body: ssl.message()},
	}
	wiretest.Run(t, wiretest.Suite{
		Sender: codec(t, seal.Gateway, opts), Receiver: codec(t, seal.Bank, opts),
		Draw: drawMessage, Stamped: []string{"Header.SignSN"}, Goldens: []wiretest.Golden{golden},
		Message: func(wiretest.Golden) wire.Message { return signMessage() }, Comparable: shapeOnly, Signed: signedPart,
		Impostors: []wiretest.Impostor{
			{Name: "another algorithm", Sender: codec(t, seal.Gateway, epcc.Options{}), Want: wire.ErrKey},
			{Name: "the receiver's own side", Sender: codec(t, seal.Bank, opts), Want: wire.ErrKey},
		},
		Hostile: badTrailers(forge{t, seal.Gateway, "ecb"})[:12],
		Unfit:   unfit(), MaxBytes: epcc.MaxBytes,
	})
	if _, err := codec(t, seal.Bank, epcc.Options{Algorithms: "intl", EnvelopePrefix: "02|"}).Decode(golden.Frame); err == nil {
		t.Error("an envelope with another prefix was opened")
	}
}

// Fields of AES differ from message to message with the session key, so only the elements are compared.
func shapeOnly(_ wiretest.Golden, body []byte) (string, bool) {
	before, _, ok := strings.Cut(string(body), "{S:")
	for _, name := range []string{"DgtlEnvlp", "SgnAcctId", "SgnAcctNm", "IDNo", "MobNo", "InstgAcct"} {
		head, rest, _ := strings.Cut(before, "<"+name+">")
		_, tail, _ := strings.Cut(rest, "</"+name+">")
		before = head + "<" + name + ">…</" + name + ">" + tail
	}
	return before, ok
}

func TestOpenSSLReadsOurMessage(t *testing.T) {
	for _, intl := range []bool{false, true} {
		ssl := newOpenSSL(t, intl)
		if ssl == nil {
			return
		}
		opts := epcc.Options{}
		if intl {
			opts.Algorithms = "intl"
		}
		frame, err := codec(t, seal.Gateway, opts).Encode(signMessage())
		must(t, err)
		from, to := signedPart(frame.Body)
		ssl.write("root", frame.Body[from:to])
		_, rest, _ := strings.Cut(string(frame.Body), "{S:")
		signature, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, "}"))
		must(t, err)
		ssl.write("sig", signature)
		if intl {
			ssl.run("dgst", "-sha256", "-verify", "public.pem", "-signature", "sig", "root")
		} else {
			ssl.run("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", "root", "-sigfile", "sig")
		}
		ssl.write("envelope", unbase64(t, element(t, frame.Body, "DgtlEnvlp")))
		plain := string(ssl.run("pkeyutl", "-decrypt", "-inkey", "private.pem", "-in", "envelope"))
		prefix, session, ok := strings.Cut(plain, "|")
		if want := map[bool]string{false: "02", true: "01"}[intl]; !ok || prefix != want || len(session) != 32 {
			t.Fatalf("intl %v: the envelope holds %d characters behind %q", intl, len(session), prefix)
		}
		ssl.write("field", unbase64(t, element(t, frame.Body, "SgnAcctNm")))
		args := []string{"enc", "-d", "-sm4-ecb", "-K", session, "-in", "field"}
		if intl {
			args = []string{"enc", "-d", "-aes-256-ecb", "-K", hex.EncodeToString([]byte(session)), "-in", "field"}
		}
		if name := string(ssl.run(args...)); name != "张三" {
			t.Errorf("intl %v: openssl reads the name as %q", intl, name)
		}
	}
}

func TestOpenSSLWritesAndWeRead(t *testing.T) {
	ssl := newOpenSSL(t, false)
	if ssl == nil {
		return
	}
	m, err := codec(t, seal.Bank, epcc.Options{}).Decode(wire.Frame{Body: ssl.message()})
	must(t, err)
	got := wiretest.Values(m)
	for path, want := range messageValues(gatewaySigns) {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
		delete(got, path)
	}
	if len(got) != 0 {
		t.Errorf("more than the message holds: %v", got)
	}
}

func element(t *testing.T, body []byte, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(body), "<"+name+">")
	text, _, closed := strings.Cut(rest, "</"+name+">")
	if !ok || !closed {
		t.Fatalf("no element %s", name)
	}
	return text
}

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	return b
}
