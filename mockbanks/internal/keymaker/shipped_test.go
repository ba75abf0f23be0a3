package keymaker_test

import (
	"testing"

	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// What is made for the shipped profiles must be enough for both sides to talk.
func TestShippedChannelsTalkWithWhatIsMade(t *testing.T) {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	must(t, err)
	dir := t.TempDir()
	must(t, keymaker.Make(dir, set, options()))
	tried := 0
	for _, ch := range set.Channels {
		opts, ok := ch.Options.(*epcc.Options)
		if !ok {
			continue
		}
		tried++
		sides := map[seal.Side]*epcc.Codec{}
		for _, side := range []seal.Side{seal.Gateway, seal.Bank} {
			ring, err := ch.Ring(side, dir)
			must(t, err)
			sides[side], err = epcc.New(*opts, ring)
			must(t, err)
		}
		m := &epcc.Query{
			Header: epcc.Header{SndDt: "2026-06-01T10:00:00", IssrId: "Z2000000000001", Drctn: "11"},
			OriTrxInf: epcc.QueryTrx{
				OriTrxCtgy: "0202", OriTrxId: "2026060100000000000000010760001", SrcInstgId: "Z2000000000001", SinkInstgId: "C1000000000001",
			},
		}
		frame, err := sides[seal.Gateway].Encode(m)
		must(t, err)
		if _, err := sides[seal.Bank].Decode(frame); err != nil {
			t.Errorf("channel %s: the bank's side: %v", ch.ID, err)
		}
		if tls := ch.Endpoint.TLS; tls != nil {
			handshake(t, dir, tls, "127.0.0.1")
		}
	}
	if tried == 0 {
		t.Error("no shipped channel was tried")
	}
}
