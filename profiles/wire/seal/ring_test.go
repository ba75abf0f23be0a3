package seal_test

import (
	"errors"
	"testing"

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
