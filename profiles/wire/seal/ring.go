// Package seal signs, verifies, encrypts and opens: thin layers over gmsm and
// the standard library, in the forms that the banks' protocols ask for.
package seal

import (
	"crypto"
	"fmt"
	"slices"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// Side is one end of a channel.
type Side string

// The two sides of a channel.
const (
	Gateway Side = "gateway"
	Bank    Side = "bank"
)

// Both owns a secret that the two sides share. It is nobody's side.
const Both Side = "both"

// Key is one key of a ring. Private is nil for the other side's keys; a key
// that both sides own has neither half, but a Secret.
type Key struct {
	Serial    string
	Owner     Side
	Use       string // sign, encrypt; mac, master
	Algorithm string // sm2, rsa; des, des3, sm4
	State     string // active, retiring, revoked
	Private   crypto.PrivateKey
	Public    crypto.PublicKey
	Secret    secret.Key // hexadecimal, as ParseSecret returns it
}

// Ring is the keys of one channel as one side sees them. It is immutable.
type Ring struct {
	side Side
	keys []Key
}

// NewRing returns the ring of one side.
func NewRing(side Side, keys []Key) *Ring { return &Ring{side: side, keys: keys} }

// Side is whose ring it is.
func (r *Ring) Side() Side { return r.side }

// Active returns the one key that an owner uses now for what goes out: the
// gateway's signing key, or the bank's encryption key to encrypt to it.
func (r *Ring) Active(owner Side, use, algorithm string) (Key, error) {
	for _, k := range r.keys {
		if k.Owner == owner && k.Use == use && k.Algorithm == algorithm && k.State == "active" {
			return k, nil
		}
	}
	return Key{}, fmt.Errorf("no active %s key for %s of the %s: %w", algorithm, use, owner, wire.ErrKey)
}

// BySerial returns the key that a message names. A revoked key is no key.
func (r *Ring) BySerial(owner Side, use, serial string) (Key, error) {
	for _, k := range r.keys {
		if k.Serial == serial && k.Owner == owner && k.Use == use && k.State != "revoked" {
			return k, nil
		}
	}
	return Key{}, fmt.Errorf("%s key of the %s by its serial: %w", use, owner, wire.ErrKey)
}

// Same reports whether two rings hold the same keys in the same order and states.
func (r *Ring) Same(other *Ring) bool {
	return r.side == other.side && slices.EqualFunc(r.keys, other.keys, Key.same)
}

func (k Key) same(other Key) bool {
	return k.Serial == other.Serial && k.Owner == other.Owner && k.Use == other.Use && k.Algorithm == other.Algorithm && k.State == other.State &&
		k.Secret.Reveal() == other.Secret.Reveal() && equal(k.Public, other.Public) && equal(k.Private, other.Private)
}

// equal compares two halves by what all keys of the standard library and of gmsm have.
func equal[K any](a, b K) bool {
	one, ok := any(a).(interface{ Equal(x K) bool })
	if !ok || any(b) == nil {
		return any(a) == nil && any(b) == nil
	}
	return one.Equal(b)
}
