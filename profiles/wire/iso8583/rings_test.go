package iso8583_test

import (
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

// The tests' keys: the golden messages' MAC key and their master key, and such keys of the other algorithms.
const (
	desKey  = "0123456789ABCDEF"
	longKey = "0123456789ABCDEFFEDCBA9876543210"
)

// sharedKey is a key that both sides hold.
func sharedKey(use, algorithm, text string) seal.Key {
	return seal.Key{
		Serial: use + algorithm, Owner: seal.Both, Use: use, Algorithm: algorithm, State: "active", Secret: secret.NewKey(text),
	}
}

func keys() []seal.Key {
	return []seal.Key{
		sharedKey("mac", "des", desKey), sharedKey("mac", "des3", longKey), sharedKey("mac", "sm4", longKey),
		sharedKey("master", "des3", longKey), sharedKey("master", "sm4", longKey),
	}
}

func codec(t testing.TB, side seal.Side, opts iso8583.Options) *iso8583.Codec {
	t.Helper()
	return codecWith(t, side, opts, keys()...)
}

func codecWith(t testing.TB, side seal.Side, opts iso8583.Options, keys ...seal.Key) *iso8583.Codec {
	t.Helper()
	c, err := iso8583.New(opts, seal.NewRing(side, keys))
	must(t, err)
	return c
}

func otherOf(side seal.Side) seal.Side {
	if side == seal.Bank {
		return seal.Gateway
	}
	return seal.Bank
}
