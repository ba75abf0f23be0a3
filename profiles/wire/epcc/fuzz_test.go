package epcc_test

import (
	"strings"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// FuzzDecode takes bytes as they come, and then as the signed text of a good
// seal, so that the search reaches behind the seal. Whatever is taken must be
// writable again and come back the same. Seals hold chance, so coverage varies
// by itself: search with -fuzzminimizetime 10x, or nearly all time goes there.
func FuzzDecode(f *testing.F) {
	for _, g := range wiretest.ReadGoldens(f, "testdata/golden") {
		f.Add(g.Frame.Body)
		from, to := signedPart(g.Frame.Body)
		f.Add(g.Frame.Body[from:to])
	}
	sides := map[seal.Side]*epcc.Codec{}
	for _, side := range []seal.Side{seal.Gateway, seal.Bank} {
		c, err := epcc.New(epcc.Options{}, seal.NewRing(side, keysOf("sm2", "", annexKey(f))))
		must(f, err)
		sides[side] = c
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for side, receiver := range sides {
			_, _ = receiver.Decode(wire.Frame{Body: body})
			forged := forge{t, otherOf(side), "ecb"}
			if len(body) == 0 {
				continue
			}
			text := strings.NewReplacer(gatewaySigns, forged.serial(), bankSigns, forged.serial()).Replace(string(body))
			m, err := receiver.Decode(wire.Frame{Body: []byte(text + "{S:" + forged.seal(text) + "}")})
			if err != nil {
				continue
			}
			frame, err := sides[otherOf(side)].Encode(m)
			if err != nil {
				t.Fatalf("what was taken can't be written: %v", err)
			}
			back, err := receiver.Decode(frame)
			if err != nil {
				t.Fatalf("what was written can't be read: %v", err)
			}
			want, got := wiretest.Values(m), wiretest.Values(back)
			for path, value := range want {
				if got[path] != value && path != "Header.SignSN" {
					t.Fatalf("%s: %q, then %q", path, value, got[path])
				}
			}
		}
	})
}
