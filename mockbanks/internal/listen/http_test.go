package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/profiles/wire"
)

const contentType = "application/xml;charset=utf-8"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// port runs a port on a free number and stops it after the test.
func port(t *testing.T, cfg HTTPConfig) *HTTP {
	t.Helper()
	cfg.Address, cfg.Path, cfg.ContentType = "127.0.0.1:0", "/preSvr", contentType
	cfg.Log = slog.New(slog.DiscardHandler)
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 64
	}
	if cfg.MaxRequestBytes == 0 {
		cfg.MaxRequestBytes = 1024
	}
	if cfg.Handle == nil {
		cfg.Handle = func(_ context.Context, f wire.Frame) Outcome {
			return Outcome{Fate: Reply, Frame: wire.Frame{
				Headers: []wire.Header{{Name: "MsgTp", Value: f.Header("msgtp")}}, Body: bytes.ToUpper(f.Body),
			}}
		}
	}
	h, err := OpenHTTP(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the port ended with %v", err)
		}
	})
	return h
}

// mutual makes both sides of mutual TLS with one authority.
func mutual(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: own, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"http/1.1"}},
		&tls.Config{MinVersion: tls.VersionTLS12, Certificates: own, RootCAs: pool}
}

// caller posts to the port, over TLS where there is a config.
type caller struct {
	url    string
	client *http.Client
}

func call(t *testing.T, h *HTTP, secure *tls.Config) caller {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: secure}
	t.Cleanup(transport.CloseIdleConnections)
	scheme := "http"
	if secure != nil {
		scheme = "https"
	}
	return caller{scheme + "://" + h.Address().String(), &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

func (c caller) do(t *testing.T, method, path, contentType string, body io.Reader) (int, string, http.Header, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("MsgTp", "epcc.101.001.01")
	answer, err := c.client.Do(r)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), answer.Header, err
}

func TestOnePortTakesBothWhereAllowed(t *testing.T) {
	server, client := mutual(t)
	nobody := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: client.RootCAs}
	for _, c := range []struct {
		name   string
		cfg    HTTPConfig
		secure *tls.Config
		works  bool
	}{
		{"TLS on a TLS port", HTTPConfig{TLS: server}, client, true},
		{"plain on a TLS port", HTTPConfig{TLS: server}, nil, false},
		{"TLS on a mixed port", HTTPConfig{TLS: server, Plain: true}, client, true},
		{"plain on a mixed port", HTTPConfig{TLS: server, Plain: true}, nil, true},
		{"plain on a plain port", HTTPConfig{}, nil, true},
		{"TLS on a plain port", HTTPConfig{}, client, false},
		{"TLS without a certificate", HTTPConfig{TLS: server, Plain: true}, nobody, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body, header, err := call(t, port(t, c.cfg), c.secure).do(t, "POST", "/preSvr", contentType, strings.NewReader("abc"))
			if works := err == nil && status == 200 && body == "ABC"; works != c.works {
				t.Fatalf("status %d, body %q, error %v", status, body, err)
			}
			if c.works && (header.Get("Content-Type") != contentType || header.Get("MsgTp") != "epcc.101.001.01") {
				t.Errorf("headers %v", header)
			}
		})
	}
}

func TestRequestsAreRefusedByTheirOutside(t *testing.T) {
	asked := atomic.Int64{}
	c := call(t, port(t, HTTPConfig{Handle: func(context.Context, wire.Frame) Outcome {
		asked.Add(1)
		return Outcome{Fate: Reply}
	}}), nil)
	long := strings.Repeat("x", 1025)
	for _, r := range []struct {
		name, method, path, media string
		body                      io.Reader
		status                    int
	}{
		{"longest", "POST", "/preSvr", contentType, strings.NewReader(long[:1024]), 200},
		{"no charset", "POST", "/preSvr", "application/xml", strings.NewReader("a"), 200},
		{"case", "POST", "/preSvr", `Application/XML; Charset="UTF-8"`, strings.NewReader("a"), 200},
		{"another path", "POST", "/", contentType, strings.NewReader("a"), 404},
		{"unclean path", "POST", "//preSvr", contentType, strings.NewReader("a"), 404},
		{"another method", "GET", "/preSvr", contentType, nil, 405},
		{"another type", "POST", "/preSvr", "text/plain", strings.NewReader("a"), 415},
		{"another charset", "POST", "/preSvr", "application/xml;charset=gbk", strings.NewReader("a"), 415},
		{"no type", "POST", "/preSvr", "", strings.NewReader("a"), 415},
		{"too long, said so", "POST", "/preSvr", contentType, strings.NewReader(long), 413},
		{"too long, in chunks", "POST", "/preSvr", contentType, io.MultiReader(strings.NewReader(long)), 413},
	} {
		before := asked.Load()
		status, _, header, err := c.do(t, r.method, r.path, r.media, r.body)
		if err != nil || status != r.status {
			t.Errorf("%s: status %d, error %v, want %d", r.name, status, err, r.status)
		}
		if (asked.Load() > before) != (r.status == 200) {
			t.Errorf("%s: the handler was asked %d times", r.name, asked.Load()-before)
		}
		if r.status == 405 && header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", r.name, header.Get("Allow"))
		}
	}
}

func TestResetIsAReset(t *testing.T) {
	server, client := mutual(t)
	h := port(t, HTTPConfig{TLS: server, Plain: true, Handle: func(context.Context, wire.Frame) Outcome { return Outcome{Fate: Reset} }})
	for name, secure := range map[string]*tls.Config{"plain": nil, "TLS": client} {
		_, _, _, err := call(t, h, secure).do(t, "POST", "/preSvr", contentType, strings.NewReader("abc"))
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client saw %v, want ECONNRESET", name, err)
		}
	}
}

// A silent exchange ends for the farm when its client goes away, and its place is free again.
func TestSilenceEndsWithItsClient(t *testing.T) {
	server, client := mutual(t)
	asked, left := make(chan struct{}, 1), make(chan struct{}, 8)
	h := port(t, HTTPConfig{TLS: server, Plain: true, MaxConns: 1, left: func() { left <- struct{}{} }, Handle: func(context.Context, wire.Frame) Outcome {
		asked <- struct{}{}
		return Outcome{}
	}})
	for name, secure := range map[string]*tls.Config{"plain": nil, "TLS": client} {
		c := call(t, h, secure)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", c.url+"/preSvr", strings.NewReader("abc"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		failed := make(chan error, 1)
		go func() {
			answer, err := c.client.Do(r)
			if err == nil {
				_ = answer.Body.Close()
			}
			failed <- err
		}()
		<-asked
		select {
		case err := <-failed:
			t.Errorf("%s: the client got %v out of silence", name, err)
		default:
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		<-left // the place comes back without anybody's help
	}
}

func TestSilenceHasAnEnd(t *testing.T) {
	times := defaultTimes()
	times.silence = 10 * time.Millisecond
	h := port(t, HTTPConfig{times: times, Handle: func(context.Context, wire.Frame) Outcome { return Outcome{} }})
	if _, _, _, err := call(t, h, nil).do(t, "POST", "/preSvr", contentType, strings.NewReader("abc")); !errors.Is(err, io.EOF) {
		t.Errorf("the client saw %v, want an end without an answer", err)
	}
}

// An answer may take far longer than a request is given to arrive.
func TestTimeForARequestIsNotTimeForItsAnswer(t *testing.T) {
	times := defaultTimes()
	times.open, times.body, times.write = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond // a slow machine needs some of it
	h := port(t, HTTPConfig{times: times, Handle: func(ctx context.Context, _ wire.Frame) Outcome {
		select {
		case <-ctx.Done():
			return Outcome{}
		case <-time.After(600 * time.Millisecond):
			return Outcome{Fate: Reply, Frame: wire.Frame{Body: []byte("late")}}
		}
	}})
	status, body, _, err := call(t, h, nil).do(t, "POST", "/preSvr", contentType, strings.NewReader("abc"))
	if err != nil || status != 200 || body != "late" {
		t.Errorf("status %d, body %q, error %v", status, body, err)
	}
}

// Who says nothing, or too slowly, is shown out.
func TestSlowClientsAreShownOut(t *testing.T) {
	times := defaultTimes()
	times.open, times.body = 30*time.Millisecond, 30*time.Millisecond
	server, _ := mutual(t)
	h := port(t, HTTPConfig{times: times, TLS: server, Plain: true})
	for name, said := range map[string]string{
		"nothing":        "",
		"half a header":  "POST /preSvr HTTP/1.1\r\nHost: a\r\nConte",
		"half a body":    "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: 10\r\n\r\nabc",
		"half a TLS one": "\x16\x03\x01\x02\x00\x01",
	} {
		conn := dial(t, h)
		if _, err := conn.Write([]byte(said)); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(conn) // ends when the port closes
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(text), " 200 ") {
			t.Errorf("%s: answered", name)
		}
	}
}

func dial(t *testing.T, h *HTTP) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", h.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestConnectionsOverTheLimitAreRefused(t *testing.T) {
	left := make(chan struct{}, 8)
	h := port(t, HTTPConfig{MaxConns: 2, left: func() { left <- struct{}{} }})
	request := "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: 1\r\n\r\na"
	ask := func(conn net.Conn) error {
		if _, err := conn.Write([]byte(request)); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	first, second := dial(t, h), dial(t, h)
	if err := errors.Join(ask(first), ask(second)); err != nil {
		t.Fatal(err)
	}
	if err := ask(dial(t, h)); err == nil {
		t.Error("a third connection was served")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	<-left
	if err := ask(dial(t, h)); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

func TestHostileBytes(t *testing.T) {
	server, _ := mutual(t)
	asked := atomic.Int64{}
	times := defaultTimes()
	times.open = 50 * time.Millisecond
	h := port(t, HTTPConfig{times: times, TLS: server, Plain: true, Handle: func(context.Context, wire.Frame) Outcome {
		asked.Add(1)
		return Outcome{Fate: Reply}
	}})
	random := mathrand.New(mathrand.NewPCG(1, 2))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, said := range map[string]string{
		"noise":             string(noise),
		"noise in TLS":      "\x16\x03\x01" + string(noise),
		"TLS 64 KiB record": "\x16\x03\x01\xff\xff" + string(noise),
		"huge header":       "POST /preSvr HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"huge line":         "POST /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\n\r\n",
		"two lengths":       "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"negative length":   "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: -1\r\n\r\nab",
		"impossible length": "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: 99999999999999999999\r\n\r\nab",
		"bad chunk":         "POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		"HTTP/2":            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"zero bytes":        strings.Repeat("\x00", 512),
	} {
		conn := dial(t, h)
		_, _ = conn.Write([]byte(said)) // the port may hang up in the middle of it
		text, err := io.ReadAll(io.LimitReader(conn, 64<<10))
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(text), " 200 ") || asked.Load() > 0 {
			t.Errorf("%s: came through", name)
		}
	}
	if status, _, _, err := call(t, h, nil).do(t, "POST", "/preSvr", contentType, strings.NewReader("a")); err != nil || status != 200 {
		t.Errorf("afterwards: status %d, error %v", status, err)
	}
}

func TestAPanicIsAnAbortedExchange(t *testing.T) {
	h := port(t, HTTPConfig{Handle: func(_ context.Context, f wire.Frame) Outcome {
		if string(f.Body) == "panic" {
			panic("a fault of ours")
		}
		return Outcome{Fate: Reply}
	}})
	c := call(t, h, nil)
	if _, _, _, err := c.do(t, "POST", "/preSvr", contentType, strings.NewReader("panic")); err == nil {
		t.Error("answered")
	}
	if status, _, _, err := c.do(t, "POST", "/preSvr", contentType, strings.NewReader("x")); err != nil || status != 200 {
		t.Errorf("afterwards: status %d, error %v", status, err)
	}
}

// Stopping waits for nobody who does not listen, and leaves nothing behind (TestMain looks).
func TestStopEndsWhatIsUnderWay(t *testing.T) {
	asked := make(chan struct{})
	cfg := HTTPConfig{
		Address: "127.0.0.1:0", Path: "/preSvr", ContentType: contentType, MaxConns: 4, MaxRequestBytes: 10,
		Log: slog.New(slog.DiscardHandler),
		Handle: func(ctx context.Context, _ wire.Frame) Outcome {
			close(asked)
			<-ctx.Done()
			return Outcome{}
		},
	}
	h, err := OpenHTTP(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	silent := dial(t, h)
	conn := dial(t, h)
	if _, err := conn.Write([]byte("POST /preSvr HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: 1\r\n\r\na")); err != nil {
		t.Fatal(err)
	}
	<-asked
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	for name, c := range map[string]net.Conn{"asking": conn, "silent": silent} {
		if text, _ := io.ReadAll(c); len(text) > 0 {
			t.Errorf("%s: got %q", name, text)
		}
	}
}
