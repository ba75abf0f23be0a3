package keymaker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"kaqiao/profiles"
)

// years is how long certificates live. Nothing renews them, so it is long; Force makes new ones.
const years = 10

// authority signs the certificates of one channel, or of several that name the same file.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (s *store) makeChain(c chain) error {
	ca, err := s.authorityOf(c.ca, c.caKey)
	if err != nil {
		return err
	}
	if err := s.makeLeaf(ca, c.client, "Kaqiao gateway", x509.ExtKeyUsageClientAuth); err != nil {
		return err
	}
	return s.makeLeaf(ca, c.server, "Kaqiao mock banks", x509.ExtKeyUsageServerAuth)
}

// makeSigned makes a certificate that stands alone, under its authority.
func (s *store) makeSigned(l signed) error {
	ca, err := s.authorityOf(l.ca, l.caKey)
	if err != nil {
		return err
	}
	return s.makeLeaf(ca, l.leaf, l.name, l.use)
}

func (s *store) authorityOf(path, keyPath string) (authority, error) {
	hasCert, err := s.keep(path)
	if err != nil {
		return authority{}, err
	}
	key, err := s.tlsKey(keyPath, hasCert)
	if err != nil {
		return authority{}, err
	}
	if hasCert {
		cert, err := s.certificate(path, key)
		return authority{cert, key}, err
	}
	template, err := s.template("Kaqiao test authority")
	if err != nil {
		return authority{}, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, err := s.issue(path, template, authority{template, key}, key)
	return authority{cert, key}, err
}

// makeLeaf makes a certificate with its key. One that exists must still come
// from this authority and name every host, or the two sides would not meet.
func (s *store) makeLeaf(ca authority, l leaf, name string, use x509.ExtKeyUsage) error {
	hasCert, err := s.keep(l.cert)
	if err != nil {
		return err
	}
	key, err := s.tlsKey(l.key, hasCert)
	if err != nil {
		return err
	}
	if hasCert {
		return s.checkLeaf(ca, l, key)
	}
	template, err := s.template(name)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{use}
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	_, err = s.issue(l.cert, template, ca, key)
	return err
}

func (s *store) checkLeaf(ca authority, l leaf, key *ecdsa.PrivateKey) error {
	cert, err := s.certificate(l.cert, key)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, l.cert)
	if err := cert.CheckSignatureFrom(ca.cert); err != nil {
		return fmt.Errorf("%s is not from the authority of its channel: remove it, or make all keys again with --force", path)
	}
	for _, host := range l.hosts {
		if cert.VerifyHostname(host) != nil {
			return fmt.Errorf("%s does not name the host %s: remove it to have it made again", path, host)
		}
	}
	return nil
}

// tlsKey reads or makes a key of P-256. A key that is gone while its
// certificate exists can't be replaced without replacing that.
func (s *store) tlsKey(path string, hasCert bool) (*ecdsa.PrivateKey, error) {
	exists, err := s.keep(path)
	if err != nil {
		return nil, err
	}
	if exists {
		der, err := s.read(path)
		if err != nil {
			return nil, err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		key, ok := parsed.(*ecdsa.PrivateKey)
		if err != nil || !ok {
			return nil, s.unreadable(path)
		}
		return key, nil
	}
	if hasCert {
		return nil, fmt.Errorf("%s is missing, but its certificate exists: remove that, or make all keys again with --force", filepath.Join(s.dir, path))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, s.write(path, "PRIVATE KEY", der, 0o600)
}

// certificate reads a certificate and sees that it is of this key and still valid.
func (s *store) certificate(path string, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := s.read(path)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, s.unreadable(path)
	}
	if s.opts.Now().After(cert.NotAfter) {
		return nil, fmt.Errorf("%s has expired: make all keys again with --force", filepath.Join(s.dir, path))
	}
	return cert, nil
}

func (s *store) template(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	// An hour earlier, because the clocks of two machines differ.
	begin := s.opts.Now().Add(-time.Hour)
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    begin,
		NotAfter:     begin.AddDate(years, 0, 0),
	}, nil
}

func (s *store) issue(path string, template *x509.Certificate, by authority, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return cert, s.write(path, "CERTIFICATE", der, 0o644)
}

// hostsOf are the names under which a channel's server is reached: those of
// this machine, the URL's and the one that the profile says stands in the certificate.
func hostsOf(e profiles.Endpoint) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if u, err := url.Parse(e.URL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	if e.TLS.ServerName != "" {
		hosts = append(hosts, e.TLS.ServerName)
	}
	return hosts
}
