package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"kaqiao/profiles"
)

// callbackTLS is the banks' listener's side of TLS as it is now. A reload replaces it whole.
type callbackTLS struct {
	certificate *tls.Certificate // nil: the listener is plain
	banks       map[string]bankCertificate
}

// bankCertificate is what a channel's notices must show.
type bankCertificate struct {
	authority *x509.CertPool
	name      string
}

// errCertificate: a notice did not come with its channel's certificate.
var errCertificate = errors.New("the channel's notices must show its certificate")

// readCallbackTLS reads the listener's certificate, and of each channel the authority of its notices. The error tells all that is wrong.
func (a *App) readCallbackTLS(channels []*profiles.Channel) (*callbackTLS, error) {
	c := &callbackTLS{banks: map[string]bankCertificate{}}
	var faults []error
	if a.cfg.CallbacksCert != "" {
		faults = append(faults, c.read(a.cfg.CallbacksCert, a.cfg.CallbacksKey))
	}
	for _, channel := range channels {
		authority, err := channel.NoticeAuthority(a.cfg.Keys)
		switch {
		case err != nil:
			faults = append(faults, err)
		case authority != nil && a.cfg.CallbacksCert == "":
			faults = append(faults, fmt.Errorf("channel %s: its notices must show a certificate, and the listener for banks has no TLS: set callbacks-cert and callbacks-key", channel.ID))
		case authority != nil:
			c.banks[channel.ID] = bankCertificate{authority, channel.Notices.TLS.Name}
		}
	}
	return c, errors.Join(faults...)
}

func (c *callbackTLS) read(cert, key string) error {
	info, err := os.Stat(key)
	if err != nil {
		return fmt.Errorf("callbacks-key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("callbacks-key: others may read %s: chmod 600 it", key)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("callbacks-cert and callbacks-key: %w", err)
	}
	c.certificate = &pair
	return nil
}

// serverTLS is the listener's configuration; nil: it is plain. Who must show which certificate is
// known only when the request says of which channel it is: here one is asked for, and its owner proven.
func (a *App) serverTLS() *tls.Config {
	if a.callbackTLS.Load().certificate == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.callbackTLS.Load().certificate, nil },
	}
}

// admits checks the certificate that came with a channel's notice, where it needs one.
func (a *App) admits(channel string, r *http.Request) error {
	want, needed := a.callbackTLS.Load().banks[channel]
	if !needed {
		return nil
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errCertificate
	}
	shown := r.TLS.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range r.TLS.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := shown.Verify(x509.VerifyOptions{
		Roots: want.authority, Intermediates: between, CurrentTime: a.cfg.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil || shown.VerifyHostname(want.name) != nil && shown.Subject.CommonName != want.name {
		return errCertificate
	}
	return nil
}
