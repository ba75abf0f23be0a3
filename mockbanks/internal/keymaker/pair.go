package keymaker

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"path/filepath"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/wire/seal"
)

// rsaBits is what NetsUnion's and UnionPay's certificates carry (from memory).
const rsaBits = 2048

// makePair makes a key pair. The private half is written first: where only
// that exists, the public half is derived from it; where only the public half
// exists, nobody has its private half any more, and Make does not guess.
func (s *store) makePair(p pair) error {
	hasPrivate, err := s.keep(p.private)
	if err != nil {
		return err
	}
	hasPublic, err := s.keep(p.public)
	if err != nil {
		return err
	}
	if hasPublic && !hasPrivate {
		return fmt.Errorf("%s exists without its private half %s: remove it, or make all keys again with --force",
			filepath.Join(s.dir, p.public), filepath.Join(s.dir, p.private))
	}
	key, err := s.privateOf(p, hasPrivate)
	if err != nil {
		return err
	}
	public, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return s.unreadable(p.private)
	}
	if hasPublic {
		return s.matches(p, public.Public())
	}
	der, err := smx509.MarshalPKIXPublicKey(public.Public())
	if err != nil {
		return err
	}
	return s.write(p.public, "PUBLIC KEY", der, 0o644)
}

// privateOf reads the private half, or makes and writes it.
func (s *store) privateOf(p pair, exists bool) (crypto.PrivateKey, error) {
	if exists {
		text, err := s.text(p.private)
		if err != nil {
			return nil, err
		}
		key, err := seal.ParsePrivate(text)
		if err != nil || algorithmOf(key) != p.algorithm {
			return nil, s.unreadable(p.private)
		}
		return key, nil
	}
	key, err := generate(p.algorithm)
	if err != nil {
		return nil, err
	}
	der, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, s.write(p.private, "PRIVATE KEY", der, 0o600)
}

func (s *store) matches(p pair, want crypto.PublicKey) error {
	text, err := s.text(p.public)
	if err != nil {
		return err
	}
	got, err := seal.ParsePublic(text)
	if err != nil {
		return s.unreadable(p.public)
	}
	if same, ok := want.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(got) {
		return fmt.Errorf("%s is not the public half of %s", filepath.Join(s.dir, p.public), filepath.Join(s.dir, p.private))
	}
	return nil
}

func generate(algorithm string) (crypto.PrivateKey, error) {
	if algorithm == "rsa" {
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return sm2.GenerateKey(rand.Reader)
}

func algorithmOf(key crypto.PrivateKey) string {
	switch key.(type) {
	case *sm2.PrivateKey:
		return "sm2"
	case *rsa.PrivateKey:
		return "rsa"
	}
	return ""
}
