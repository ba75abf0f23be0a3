package profiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// ClientTLS is the gateway's end of the channel: it shows its certificate and
// believes only the profile's authority. It is nil where the endpoint has no
// TLS. File references are relative to dir.
func (c *Channel) ClientTLS(dir string) (*tls.Config, error) {
	t := c.Endpoint.TLS
	if t == nil {
		return nil, nil
	}
	authority, certificate, err := t.load(dir, "client", t.ClientCert, t.ClientKey)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", c.ID, err)
	}
	config := c.mutual(certificate)
	config.RootCAs = authority
	config.ServerName = t.ServerName
	return config, nil
}

// ServerTLS is the bank's end of the channel, for the farm: it takes only
// clients whose certificate the profile's authority has signed.
func (c *Channel) ServerTLS(dir string) (*tls.Config, error) {
	t := c.Endpoint.TLS
	if t == nil {
		return nil, nil
	}
	authority, certificate, err := t.load(dir, "server", t.ServerCert, t.ServerKey)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", c.ID, err)
	}
	config := c.mutual(certificate)
	config.ClientCAs = authority
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// mutual is what both ends have in common. HTTP/2 is not offered: the banks'
// protocols are HTTP/1.1, and there one connection is one exchange at a time.
func (c *Channel) mutual(certificate tls.Certificate) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	if !c.Endpoint.TCP() {
		config.NextProtos = []string{"http/1.1"}
	}
	return config
}

// load reads one side's certificate, its key and the authority. The error tells all that is missing.
func (t *TLS) load(dir, side string, certRef, keyRef Ref) (*x509.CertPool, tls.Certificate, error) {
	if certRef == "" || keyRef == "" {
		return nil, tls.Certificate{}, fmt.Errorf("tls: the profile names no %s_cert and %s_key", side, side)
	}
	var faults []error
	read := func(what string, r Ref, private bool) material {
		m, err := r.read(dir, private)
		if err != nil {
			faults = append(faults, fmt.Errorf("tls: %s: %w", what, err))
		}
		return m
	}
	ca := read("ca", t.CA, false)
	cert := read(side+"_cert", certRef, false)
	key := read(side+"_key", keyRef, true)
	if len(faults) > 0 {
		return nil, tls.Certificate{}, errors.Join(faults...)
	}
	pool, err := ca.pool()
	if err != nil {
		return nil, tls.Certificate{}, fmt.Errorf("tls: ca: %w", err)
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, tls.Certificate{}, fmt.Errorf("tls: %s and %s are no pair: %w", cert.from, key.from, err)
	}
	return pool, pair, nil
}

// NoticeAuthority is the authority of the certificate that the channel's notices
// must show, or nil where they need none.
func (c *Channel) NoticeAuthority(dir string) (*x509.CertPool, error) {
	t := c.Notices.TLS
	if t == nil {
		return nil, nil
	}
	return c.authority(dir, "ca", t.CA)
}

// NoticeTLS is the bank's end of the channel's notices, for the farm; nil where they need no certificate.
func (c *Channel) NoticeTLS(dir string) (*tls.Config, error) {
	t := c.Notices.TLS
	if t == nil {
		return nil, nil
	}
	if t.ClientCert == "" {
		return nil, fmt.Errorf("channel %s: notices.tls: the profile names no client_cert, client_key and gateway_ca", c.ID)
	}
	gateway, err := c.authority(dir, "gateway_ca", t.GatewayCA)
	if err != nil {
		return nil, err
	}
	cert, err1 := t.ClientCert.read(dir, false)
	key, err2 := t.ClientKey.read(dir, true)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("channel %s: notices.tls: %w", c.ID, err)
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, fmt.Errorf("channel %s: notices.tls: %s and %s are no pair: %w", c.ID, cert.from, key.from, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: gateway, NextProtos: []string{"http/1.1"}}, nil
}

func (c *Channel) authority(dir, what string, r Ref) (*x509.CertPool, error) {
	m, err := r.read(dir, false)
	if err != nil {
		return nil, fmt.Errorf("channel %s: notices.tls: %s: %w", c.ID, what, err)
	}
	pool, err := m.pool()
	if err != nil {
		return nil, fmt.Errorf("channel %s: notices.tls: %s: %w", c.ID, what, err)
	}
	return pool, nil
}

func (m material) pool() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(m.text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", m.from)
	}
	return pool, nil
}
