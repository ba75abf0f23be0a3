package seal_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

func TestRing(t *testing.T) {
	ring := seal.NewRing(seal.Gateway, []seal.Key{
		{Serial: "1", Owner: seal.Gateway, Use: "sign", Algorithm: "sm2", State: "retiring"},
		{Serial: "2", Owner: seal.Gateway, Use: "sign", Algorithm: "sm2", State: "active"},
		{Serial: "3", Owner: seal.Bank, Use: "sign", Algorithm: "sm2", State: "revoked"},
		{Serial: "4", Owner: seal.Bank, Use: "encrypt", Algorithm: "rsa", State: "active"},
	})
	if ring.Side() != seal.Gateway {
		t.Errorf("side %s", ring.Side())
	}
	if key, err := ring.Active(seal.Gateway, "sign", "sm2"); err != nil || key.Serial != "2" {
		t.Errorf("active: %s, %v", key.Serial, err)
	}
	if key, err := ring.BySerial(seal.Gateway, "sign", "1"); err != nil || key.State != "retiring" {
		t.Errorf("a retiring key serves what comes in: %v", err)
	}
	for name, err := range map[string]error{
		"revoked":           second(ring.BySerial(seal.Bank, "sign", "3")),
		"unknown":           second(ring.BySerial(seal.Bank, "sign", "9")),
		"of another use":    second(ring.BySerial(seal.Bank, "sign", "4")),
		"of the other side": second(ring.BySerial(seal.Bank, "sign", "2")),
		"none active":       second(ring.Active(seal.Bank, "sign", "sm2")),
		"other algorithm":   second(ring.Active(seal.Bank, "encrypt", "sm2")),
	} {
		if !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s: %v, want ErrKey", name, err)
		}
	}
}

func second(_ seal.Key, err error) error { return err }

func TestSameRings(t *testing.T) {
	one, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := smx509.MarshalPKCS8PrivateKey(one)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	again := parsed.(*sm2.PrivateKey)
	ring := func(change func(*seal.Key)) *seal.Ring {
		k := seal.Key{Serial: "1", Owner: seal.Gateway, Use: "sign", Algorithm: "sm2", State: "active", Private: one, Public: &one.PublicKey}
		change(&k)
		return seal.NewRing(seal.Gateway, []seal.Key{k})
	}
	as := ring(func(*seal.Key) {})
	if !as.Same(ring(func(k *seal.Key) { k.Private, k.Public = again, again.Public() })) {
		t.Error("the same keys, read twice, are others")
	}
	for name, change := range map[string]func(*seal.Key){
		"serial": func(k *seal.Key) { k.Serial = "2" }, "state": func(k *seal.Key) { k.State = "retiring" },
		"private": func(k *seal.Key) { k.Private = two }, "public": func(k *seal.Key) { k.Public = &two.PublicKey },
		"no private": func(k *seal.Key) { k.Private = nil }, "secret": func(k *seal.Key) { k.Secret = secret.NewKey("00") },
	} {
		if as.Same(ring(change)) || ring(change).Same(as) {
			t.Errorf("%s: taken for the same", name)
		}
	}
	if as.Same(seal.NewRing(seal.Gateway, nil)) || as.Same(seal.NewRing(seal.Bank, nil)) {
		t.Error("another number of keys, or another side")
	}
}
