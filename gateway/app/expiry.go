package app

import (
	"context"
	"crypto/x509"
	"math"
	"time"
)

// ends is when the first of the certificates that a channel shows its banks ends; zero: it shows none.
func (w *way) ends() (first time.Time) {
	if w.tls == nil {
		return first
	}
	return firstEnd(w.tls.Certificates[0].Certificate)
}

// ends is when each of the gateway's certificates ends, by channel, and that of the banks' listener as callbacks.
func (a *App) ends() map[string]time.Time {
	all := map[string]time.Time{}
	for id, w := range a.ways.all() {
		all[id] = w.ends()
	}
	if c := a.callbackTLS.Load(); c != nil && c.certificate != nil {
		all["callbacks"] = firstEnd(c.certificate.Certificate)
	}
	return all
}

func firstEnd(chain [][]byte) (first time.Time) {
	for _, raw := range chain {
		if c, err := x509.ParseCertificate(raw); err == nil && (first.IsZero() || c.NotAfter.Before(first)) {
			first = c.NotAfter
		}
	}
	return first
}

// daysLeft is how many days the first certificate of all channels has; infinite where there is none.
func (a *App) daysLeft() float64 {
	left := math.Inf(1)
	for _, end := range a.ends() {
		if !end.IsZero() {
			left = min(left, end.Sub(a.cfg.Now()).Hours()/24)
		}
	}
	return left
}

// watchExpiry warns each day of certificates that end within 60 days, and
// calls it an error within 7, until ctx ends.
func (a *App) watchExpiry(ctx context.Context) {
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		a.warnOfExpiry()
		select {
		case <-ctx.Done():
			return
		case <-day.C:
		}
	}
}

func (a *App) warnOfExpiry() {
	for id, end := range a.ends() {
		left := end.Sub(a.cfg.Now())
		switch days := int(math.Floor(left.Hours() / 24)); {
		case end.IsZero() || left > 60*24*time.Hour:
		case left > 30*24*time.Hour:
			a.log.Info("a certificate ends within 60 days", "channel", id, "ends", end, "days", days)
		case left > 7*24*time.Hour:
			a.log.Warn("a certificate ends within 30 days: have the next one made", "channel", id, "ends", end, "days", days)
		default:
			a.log.Error("a certificate ends within 7 days", "channel", id, "ends", end, "days", days)
		}
	}
}
