package link_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"kaqiao/gateway/internal/link"
)

// mutual is a server that wants to see the link's certificate and closes each
// connection after its answer. It counts the connections that took up an earlier session.
func mutual(t testing.TB) (h *link.HTTP, resumed *atomic.Int64) {
	t.Helper()
	resumed = new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 {
			t.Error("the client has shown no certificate")
		}
		if r.TLS.DidResume {
			resumed.Add(1)
		}
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "ok")
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	cfg := &tls.Config{RootCAs: trusting.RootCAs, Certificates: server.TLS.Certificates}
	return newLink(t, link.Config{URL: server.URL, TLS: cfg}), resumed
}

// A connection after the first costs no certificates.
func TestSessionsAreTakenUpAgain(t *testing.T) {
	h, resumed := mutual(t)
	for range 5 {
		if _, err := h.Exchange(t.Context(), frame); err != nil {
			t.Fatal(err)
		}
	}
	if n := resumed.Load(); n != 4 {
		t.Errorf("%d of 4 later connections took up the session of an earlier one", n)
	}
}

// BenchmarkConnect is an exchange over a connection of its own: both sides' handshake and one answer.
func BenchmarkConnect(b *testing.B) {
	h, _ := mutual(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Exchange(b.Context(), frame); err != nil {
			b.Fatal(err)
		}
	}
}
