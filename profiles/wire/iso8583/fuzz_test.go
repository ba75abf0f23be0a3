package iso8583_test

import (
	"bytes"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// FuzzDecode takes bytes as they come, and then with a good seal, so that the
// search reaches behind the seal. Whatever is taken must be writable again and come back the same.
func FuzzDecode(f *testing.F) {
	for _, g := range wiretest.ReadGoldens(f, "testdata/golden") {
		f.Add(g.Frame.Body)
	}
	sides := map[seal.Side]*iso8583.Codec{seal.Gateway: codec(f, seal.Gateway, iso8583.Options{}), seal.Bank: codec(f, seal.Bank, iso8583.Options{})}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		_, _ = iso8583.LabelOf(body)
		for side, receiver := range sides {
			_, _ = receiver.Decode(wire.Frame{Body: body})
			_, _ = receiver.Bounce(wire.Frame{Body: body}, iso8583.RejectSource)
			m, err := receiver.Decode(wire.Frame{Body: receiver.Reseal(body)})
			if err != nil || m.Type() == "bounced" {
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
				if got[path] != value {
					t.Fatalf("%s: %q, then %q", path, value, got[path])
				}
			}
			if len(want) != len(got) {
				t.Fatalf("%d values, then %d", len(want), len(got))
			}
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the frame was changed")
		}
	})
}

// FuzzDialects holds both tables to writing again, byte for byte, whatever they read.
func FuzzDialects(f *testing.F) {
	for _, g := range wiretest.ReadGoldens(f, "testdata/golden") {
		f.Add(g.Frame.Body[46:])
	}
	f.Add(unhex(f, "0810003800010AC0001400348506370904010803200000313231323132313231323132303030353631303033333330393139313034393030303030340011000001860030004024EDB7BEEC305B69648E03B4BC3A5A86A895281C37BB7BC79C51BA740000000000000000719C22F9"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, dialect := range []*iso8583.Dialect{iso8583.POS(), iso8583.ASCII87, iso8583.CUPS} {
			mti, fields, err := dialect.Unpack(body)
			if err != nil {
				continue
			}
			if again, err := dialect.Pack(mti, fields); err != nil || !bytes.Equal(again, body) {
				t.Fatalf("%X, written again: %X, %v", body, again, err)
			}
		}
		if e, rest, err := iso8583.CutPOS(body); err == nil {
			if again, err := iso8583.AppendPOS(nil, e, rest); err != nil || !bytes.Equal(again, body) {
				t.Fatalf("the envelope: %X, %v", again, err)
			}
		}
	})
}
