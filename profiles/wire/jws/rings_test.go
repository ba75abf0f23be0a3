package jws_test

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// Serials of the tests' keys.
const (
	gatewaySigns = "G1"
	bankSigns    = "B1"
	gatewayGone  = "G0" // revoked
	bankGone     = "B0" // revoked
	bankRetired  = "B2"
	gatewayOpens = "G9" // of another use
	bankOpens    = "B9"
)

// rfcKey is the key that RFC 7515 prints in appendix A.2. It made the golden messages.
func rfcKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	number := func(text string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(text)
		must(t, err)
		return new(big.Int).SetBytes(b)
	}
	n := number("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")
	p := number("4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc")
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: 65537},
		D:         number("Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"),
		Primes:    []*big.Int{p, new(big.Int).Div(n, p)},
	}
	key.Precompute()
	must(t, key.Validate())
	return key
}

// keys are both sides' keys: the same one under several serials.
func keys(t testing.TB) []seal.Key {
	t.Helper()
	key := rfcKey(t)
	var all []seal.Key
	add := func(serial string, owner seal.Side, use, state string) {
		all = append(all, seal.Key{
			Serial: serial, Owner: owner, Use: use, Algorithm: "rsa", State: state, Private: key, Public: key.Public(),
		})
	}
	add(gatewaySigns, seal.Gateway, "sign", "active")
	add(bankSigns, seal.Bank, "sign", "active")
	add(gatewayGone, seal.Gateway, "sign", "revoked")
	add(bankGone, seal.Bank, "sign", "revoked")
	add(bankRetired, seal.Bank, "sign", "retiring")
	add(gatewayOpens, seal.Gateway, "encrypt", "active")
	add(bankOpens, seal.Bank, "encrypt", "active")
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

func codec(t testing.TB, side seal.Side, opts jws.Options) *jws.Codec {
	t.Helper()
	c, err := jws.New(opts, ring(t, side))
	must(t, err)
	return c
}

func otherOf(side seal.Side) seal.Side {
	if side == seal.Bank {
		return seal.Gateway
	}
	return seal.Bank
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// with returns a frame whose named header is another, or gone where value is "".
func with(f wire.Frame, name, value string) wire.Frame {
	var headers []wire.Header
	for _, h := range f.Headers {
		if h.Name != name {
			headers = append(headers, h)
		}
	}
	if value != "" {
		headers = append(headers, wire.Header{Name: name, Value: value})
	}
	f.Headers = headers
	return f
}
