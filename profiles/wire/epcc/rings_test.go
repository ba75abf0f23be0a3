package epcc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// Serials of the tests' keys.
const (
	gatewaySigns = "4000000001"
	bankOpens    = "4000000002"
	bankSigns    = "4000000003"
	gatewayOpens = "4000000004"
	bankRetired  = "4000000005"
	bankRevoked  = "4000000006"
	gatewayGone  = "4000000007" // revoked
	bankClosed   = "4000000008" // revoked, for envelopes
)

// annexKey is the key of GM/T 0003.5 annex A, which made the golden messages.
func annexKey(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	d, err := hex.DecodeString("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
	must(t, err)
	key, err := sm2.NewPrivateKey(d)
	must(t, err)
	return key
}

// oneRSA is made once, because a key of RSA takes long.
var oneRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// keys are both sides' keys of both algorithms; within one, all are the same key under several serials.
func keys(t testing.TB) []seal.Key {
	t.Helper()
	rsaKey, err := oneRSA()
	must(t, err)
	return append(keysOf("sm2", "", annexKey(t)), keysOf("rsa", "R", rsaKey)...)
}

func keysOf(algorithm, suffix string, key crypto.Signer) []seal.Key {
	var all []seal.Key
	add := func(serial string, owner seal.Side, use, state string) {
		all = append(all, seal.Key{
			Serial: serial + suffix, Owner: owner, Use: use, Algorithm: algorithm, State: state, Private: key, Public: key.Public(),
		})
	}
	add(gatewaySigns, seal.Gateway, "sign", "active")
	add(bankOpens, seal.Bank, "encrypt", "active")
	add(bankSigns, seal.Bank, "sign", "active")
	add(gatewayOpens, seal.Gateway, "encrypt", "active")
	add(bankRetired, seal.Bank, "sign", "retiring")
	add(bankRevoked, seal.Bank, "sign", "revoked")
	add(gatewayGone, seal.Gateway, "sign", "revoked")
	add(bankClosed, seal.Bank, "encrypt", "revoked")
	return all
}

// ring is the keys as one side sees them: the other side's have no private half.
func ring(t testing.TB, side seal.Side) *seal.Ring {
	t.Helper()
	all := keys(t)
	for i := range all {
		if all[i].Owner != side {
			all[i].Private = nil
		}
	}
	return seal.NewRing(side, all)
}

func codec(t testing.TB, side seal.Side, opts epcc.Options) *epcc.Codec {
	t.Helper()
	c, err := epcc.New(opts, ring(t, side))
	must(t, err)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
