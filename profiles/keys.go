package profiles

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/wire/seal"
)

// Ring reads the keys of the channel as one side holds them: both halves of
// its own, the public half of the other side's, and the secrets of both. File references are relative
// to dir. A revoked key is listed without its material. The error tells all
// keys that are missing or unfit at once, each with its remedy; it wraps
// fs.ErrNotExist where a file is not there.
func (c *Channel) Ring(side seal.Side, dir string) (*seal.Ring, error) {
	if side != seal.Gateway && side != seal.Bank {
		return nil, fmt.Errorf("channel %s: no side %q", c.ID, side)
	}
	var faults []error
	keys := make([]seal.Key, 0, len(c.Keys))
	for _, k := range c.Keys {
		key, err := k.load(side, dir)
		if err != nil {
			whose := "the " + k.Owner
			if k.Owner == string(seal.Both) {
				whose = "both"
			}
			faults = append(faults, fmt.Errorf("channel %s: key %s (%s %s of %s): %w", c.ID, k.Serial, k.Algorithm, k.Use, whose, err))
			continue
		}
		keys = append(keys, key)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return seal.NewRing(side, keys), nil
}

func (k Key) load(side seal.Side, dir string) (seal.Key, error) {
	key := seal.Key{Serial: k.Serial, Owner: seal.Side(k.Owner), Use: k.Use, Algorithm: k.Algorithm, State: k.State}
	if k.State == "revoked" {
		return key, nil
	}
	if key.Owner == seal.Both {
		err := k.loadSecret(dir, &key)
		return key, err
	}
	public, err := k.Public.read(dir, false)
	if err != nil {
		return key, fmt.Errorf("public half: %w", err)
	}
	if key.Public, err = seal.ParsePublic(public.text); err != nil {
		return key, fmt.Errorf("public half in %s: %w", public.from, err)
	}
	if got := algorithmOf(key.Public); got != k.Algorithm {
		return key, fmt.Errorf("public half in %s is not an %s key", public.from, k.Algorithm)
	}
	if key.Owner != side {
		return key, nil
	}
	if k.Private == "" {
		return key, errors.New("private half: the profile names none, and this side needs it")
	}
	private, err := k.Private.read(dir, true)
	if err != nil {
		return key, fmt.Errorf("private half: %w", err)
	}
	if key.Private, err = seal.ParsePrivate(private.text); err != nil {
		return key, fmt.Errorf("private half in %s: %w", private.from, err)
	}
	if !belong(key.Private, key.Public) {
		return key, fmt.Errorf("private half in %s does not belong to the public one in %s", private.from, public.from)
	}
	return key, nil
}

// loadSecret reads a key that both sides hold. No error tells what stood there.
func (k Key) loadSecret(dir string, key *seal.Key) error {
	material, err := k.Secret.read(dir, true)
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	key.Secret, err = seal.ParseSecret(k.Algorithm, material.text)
	if err != nil {
		return fmt.Errorf("secret in %s: %w", material.from, err)
	}
	return nil
}

func algorithmOf(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if sm2.IsSM2PublicKey(key) {
			return "sm2"
		}
	case *rsa.PublicKey:
		return "rsa"
	}
	return ""
}

// belong reports whether two halves are one key.
func belong(private crypto.PrivateKey, public crypto.PublicKey) bool {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return false
	}
	own, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(public)
}
