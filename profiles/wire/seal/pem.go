package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// The moduli that are taken, in bits. Real parties use 2048.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// ParsePrivate reads a private key: one PEM block of PKCS#8, unencrypted.
// It returns a *sm2.PrivateKey or a *rsa.PrivateKey; anything else is an
// error, which never quotes what was read.
func ParsePrivate(text []byte) (crypto.PrivateKey, error) {
	block, err := first(text)
	if err != nil {
		return nil, err
	}
	if block.Type != "PRIVATE KEY" {
		return nil, errors.New("not a PKCS#8 private key: its PEM block must be PRIVATE KEY")
	}
	key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the PKCS#8 private key does not parse")
	}
	switch key := key.(type) {
	case *sm2.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		if err := checkRSA(&key.PublicKey); err != nil {
			return nil, err
		}
		return key, nil
	}
	return nil, errors.New("the private key is neither SM2 nor RSA")
}

// ParsePublic reads a public key: a PEM block of PKIX, or a certificate, of
// which only the key is taken: neither its dates nor its issuer are looked at,
// because the profile's state of the key decides. It returns a
// *ecdsa.PublicKey on SM2's curve or a *rsa.PublicKey.
func ParsePublic(text []byte) (crypto.PublicKey, error) {
	block, err := first(text)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = smx509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *smx509.Certificate
		if cert, err = smx509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	default:
		return nil, errors.New("not a public key: its PEM block must be PUBLIC KEY or CERTIFICATE")
	}
	if err != nil {
		return nil, fmt.Errorf("the block %s does not parse", block.Type)
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if sm2.IsSM2PublicKey(key) {
			return key, nil
		}
	case *rsa.PublicKey:
		if err := checkRSA(key); err != nil {
			return nil, err
		}
		return key, nil
	}
	return nil, errors.New("the public key is neither SM2 nor RSA")
}

func first(text []byte) (*pem.Block, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return block, nil
}

func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("an RSA key of %d bits: %d to %d are taken", bits, minRSABits, maxRSABits)
	}
	return nil
}
