package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// login is a token session of the plainest form: the answer's body is the token.
type login struct{ life time.Duration }

func (login) Login() (wire.Frame, error) {
	return wire.Frame{Method: "POST", Path: "token", Body: []byte("credentials")}, nil
}

func (l login) Granted(f wire.Frame) (secret.Key, time.Duration, error) {
	if f.Status != 200 {
		return secret.Key{}, 0, errors.New("no token was granted")
	}
	return secret.NewKey("Bearer " + string(f.Body)), l.life, nil
}

// authority is a bank that grants numbered tokens and counts what reaches it.
type authority struct {
	*httptest.Server
	granted, asked atomic.Int64
	// grant answers the n-th request for a token, take one operation that carries a token.
	grant func(w http.ResponseWriter, n int64)
	take  func(w http.ResponseWriter, bearer string)
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{
		grant: func(w http.ResponseWriter, n int64) { _, _ = fmt.Fprintf(w, "token-%d", n) },
		take:  func(w http.ResponseWriter, bearer string) { _, _ = io.WriteString(w, bearer) },
	}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/token" {
		if r.Header.Get("Authorization") != "" {
			http.Error(w, "a token asks for a token", http.StatusBadRequest)
			return
		}
		a.grant(w, a.granted.Add(1))
		return
	}
	a.asked.Add(1)
	a.take(w, r.Header.Get("Authorization"))
}

// clock can be moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }
func (a *authority) link(t testing.TB, c *clock, life time.Duration) *link.HTTP {
	t.Helper()
	return newLink(t, link.Config{URL: a.URL + "/v1", AnyStatus: true, Authorizer: login{life}, Now: c.now})
}

func ask(t *testing.T, h *link.HTTP) string {
	t.Helper()
	answer, err := h.Exchange(t.Context(), wire.Frame{Path: "mandates", Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.Body)
}

func TestManyShareOneToken(t *testing.T) {
	a, c := newAuthority(t), new(clock)
	h := a.link(t, c, time.Hour)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := ask(t, h); got != "Bearer token-1" {
				t.Errorf("sent with %s", got)
			}
		})
	}
	all.Wait()
	if n := a.granted.Load(); n != 1 {
		t.Errorf("%d tokens for 50 requests at once", n)
	}
}

// At 80 % of its life a token is renewed while it still serves; at its end nobody uses it.
func TestTokenIsRenewed(t *testing.T) {
	a, c := newAuthority(t), new(clock)
	release := make(chan struct{})
	a.grant = func(w http.ResponseWriter, n int64) {
		if n == 2 {
			<-release
		}
		_, _ = fmt.Fprintf(w, "token-%d", n)
	}
	h := a.link(t, c, time.Hour)
	ask(t, h)
	c.advance(48*time.Minute - time.Nanosecond)
	ask(t, h)
	if n := a.granted.Load(); n != 1 {
		t.Fatalf("%d tokens before 80 %% of the life of the first", n)
	}
	c.advance(time.Nanosecond)
	for range 3 {
		if got := ask(t, h); got != "Bearer token-1" {
			t.Errorf("sent with %s while the new token is on its way", got)
		}
	}
	close(release)
	c.advance(12 * time.Minute) // the old one is over: whoever asks now waits for the new one
	if got := ask(t, h); got != "Bearer token-2" {
		t.Errorf("sent with %s", got)
	}
	if n := a.granted.Load(); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

func TestRenewAfter(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		time.Hour: 48 * time.Minute, 100 * time.Second: 70 * time.Second, time.Minute: 30 * time.Second, 10 * time.Second: 8 * time.Second,
	} {
		if got := link.RenewAfter(life); got != want {
			t.Errorf("%v: renewed after %v, want %v", life, got, want)
		}
	}
}

// Without a token nothing of the operation leaves, whatever the reason.
func TestNoTokenNotSent(t *testing.T) {
	const told = "6228480402564890018"
	for name, grant := range map[string]func(http.ResponseWriter, int64){
		"refused":     func(w http.ResponseWriter, _ int64) { http.Error(w, told, http.StatusUnauthorized) },
		"broken":      func(http.ResponseWriter, int64) { panic(http.ErrAbortHandler) },
		"unavailable": func(w http.ResponseWriter, _ int64) { w.WriteHeader(http.StatusServiceUnavailable) },
		"over at once": func(w http.ResponseWriter, _ int64) {
			_, _ = io.WriteString(w, "token")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, c := newAuthority(t), new(clock)
			a.grant = grant
			life := time.Hour
			if name == "over at once" {
				life = -time.Second
			}
			_, err := a.link(t, c, life).Exchange(t.Context(), wire.Frame{Path: "mandates", Body: []byte("x")})
			if !errors.Is(err, link.ErrNotSent) || strings.Contains(fmt.Sprint(err), told) {
				t.Errorf("got %v", err)
			}
			if n := a.asked.Load(); n != 0 {
				t.Errorf("%d operations reached the other side", n)
			}
		})
	}
}

// A caller that waits for a token gives up when its time is over; the exchange for it goes on for the others.
func TestTokenIsSlow(t *testing.T) {
	a, c := newAuthority(t), new(clock)
	asked, release := make(chan struct{}), make(chan struct{})
	a.grant = func(w http.ResponseWriter, n int64) {
		close(asked)
		<-release
		_, _ = fmt.Fprintf(w, "token-%d", n)
	}
	h := a.link(t, c, time.Hour)
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("the time is over")
	go func() {
		<-asked
		cancel(late)
	}()
	_, err := h.Exchange(ctx, wire.Frame{Path: "mandates", Body: []byte("x")})
	if !errors.Is(err, link.ErrNotSent) || !errors.Is(err, late) || a.asked.Load() != 0 {
		t.Errorf("got %v, and %d operations reached the other side", err, a.asked.Load())
	}
	close(release)
	if got := ask(t, h); got != "Bearer token-1" {
		t.Errorf("sent with %s", got)
	}
}

// Closing a link ends an exchange for a token that nobody answers.
func TestCloseEndsLogin(t *testing.T) {
	a, c := newAuthority(t), new(clock)
	asked, release := make(chan struct{}), make(chan struct{})
	a.grant = func(http.ResponseWriter, int64) { close(asked); <-release }
	h := a.link(t, c, time.Hour)
	told := make(chan error, 1)
	go func() {
		_, err := h.Exchange(context.Background(), wire.Frame{Path: "mandates", Body: []byte("x")})
		told <- err
	}()
	<-asked
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-told; !errors.Is(err, link.ErrNotSent) {
		t.Errorf("got %v", err)
	}
	close(release)
	if _, err := h.Exchange(t.Context(), wire.Frame{Path: "mandates", Body: []byte("x")}); !errors.Is(err, link.ErrNotSent) {
		t.Errorf("after the end: %v", err)
	}
}

// A token that ends in flight: the refusal is the answer, nothing is sent
// again, and the next operation brings a new token.
func TestTokenIsNotTaken(t *testing.T) {
	for _, anyStatus := range []bool{true, false} {
		a, c := newAuthority(t), new(clock)
		a.take = func(w http.ResponseWriter, bearer string) {
			if bearer == "Bearer token-1" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, bearer)
		}
		h := newLink(t, link.Config{URL: a.URL + "/v1", AnyStatus: anyStatus, Authorizer: anyway{login{time.Hour}}, Now: c.now})
		answer, err := h.Exchange(t.Context(), wire.Frame{Path: "mandates", Body: []byte("x")})
		if anyStatus && (err != nil || answer.Status != http.StatusUnauthorized) || !anyStatus && !status(http.StatusUnauthorized)(err) {
			t.Errorf("any status %v: %d, %v", anyStatus, answer.Status, err)
		}
		if n := a.asked.Load(); n != 1 {
			t.Errorf("the operation was sent %d times", n)
		}
		if got := ask(t, h); got != "Bearer token-2" {
			t.Errorf("the next one is sent with %s", got)
		}
	}
}

// anyway grants without looking at the status, which is the link's to give.
type anyway struct{ login }

func (a anyway) Granted(f wire.Frame) (secret.Key, time.Duration, error) {
	f.Status = http.StatusOK
	return a.login.Granted(f)
}

// A certificate that the bank does not take: TLS 1.2 says so before a byte of
// the request, TLS 1.3 after it may have left. With a token session the
// request for the token meets it first, so nothing of an operation leaves.
func TestClientCertificate(t *testing.T) {
	good, pool := certificate(t)
	wrong, _ := certificate(t)
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			asked.Add(1)
		}
		_, _ = io.WriteString(w, "token-1")
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	trust := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	exchange := func(shown []tls.Certificate, version uint16, auth link.Authorizer) error {
		cfg := link.Config{
			URL: server.URL, Authorizer: auth, AnyStatus: true,
			TLS: &tls.Config{RootCAs: trust, Certificates: shown, MinVersion: tls.VersionTLS12, MaxVersion: version},
		}
		_, err := newLink(t, cfg).Exchange(t.Context(), wire.Frame{Path: "mandates", Body: []byte("x")})
		return err
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, auth := range []link.Authorizer{nil, login{time.Hour}} {
			if err := exchange([]tls.Certificate{good}, version, auth); err != nil {
				t.Errorf("%s: the right certificate: %v", tls.VersionName(version), err)
			}
		}
		took := asked.Load()
		for name, shown := range map[string][]tls.Certificate{"another authority's": {wrong}, "none": nil} {
			err := exchange(shown, version, nil)
			if err == nil || version == tls.VersionTLS12 && !errors.Is(err, link.ErrNotSent) {
				t.Errorf("%s, certificate: %s: %v", tls.VersionName(version), name, err)
			}
			if err := exchange(shown, version, login{time.Hour}); !errors.Is(err, link.ErrNotSent) {
				t.Errorf("%s with a token, certificate: %s: %v", tls.VersionName(version), name, err)
			}
		}
		if asked.Load() != took {
			t.Errorf("%s: operations were taken under a wrong certificate", tls.VersionName(version))
		}
	}
}

// certificate makes one that signs itself, and the pool that believes it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
