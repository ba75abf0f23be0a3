package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/bank"
)

// What ends soon is told, the louder the sooner.
func TestExpiryIsTold(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		days int
		want string
	}{{61, ""}, {59, "level=INFO msg=\"a certificate ends within 60 days\""}, {29, "level=WARN"}, {6, "level=ERROR"}, {-1, "level=ERROR"}} {
		end := now.Add(time.Duration(tc.days)*24*time.Hour + time.Minute)
		form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(-1, 0, 0), NotAfter: end}
		raw, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		log := &told{want: "\x00", came: make(chan struct{})}
		a := &App{cfg: Config{Now: func() time.Time { return now }}, log: slog.New(slog.NewTextHandler(log, nil))}
		if !math.IsInf(a.daysLeft(), 1) {
			t.Error("no certificate has an end")
		}
		a.ways.put(&way{channel: bank.Channel{ID: "hub"}, tls: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}}}, MinVersion: tls.VersionTLS12}})
		a.ways.put(&way{channel: bank.Channel{ID: "lines"}})
		a.warnOfExpiry()
		if got := log.String(); !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") || strings.Contains(got, "lines") {
			t.Errorf("%d days: %q, want %q", tc.days, got, tc.want)
		}
		if left := a.daysLeft(); math.Floor(left) != float64(tc.days) {
			t.Errorf("%d days: %v", tc.days, left)
		}
	}
}
