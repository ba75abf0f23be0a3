package iso8583_test

import (
	"bytes"
	"maps"
	"testing"

	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// Each golden message says what its words say, and is written again byte for byte: there is no chance in this protocol.
func TestGoldensByteForByte(t *testing.T) {
	for _, g := range wiretest.ReadGoldens(t, "testdata/golden") {
		c := codec(t, seal.Side(g.Notes["receiver"]), iso8583.Options{})
		m, err := c.Decode(g.Frame)
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if got := wiretest.Values(m); !maps.Equal(got, g.Values) {
			t.Errorf("%s: %v\nwant %v", g.Name, got, g.Values)
		}
		f, err := c.Encode(m)
		if err != nil || !bytes.Equal(f.Body, g.Frame.Body) {
			t.Errorf("%s: %v\n%X\nwant\n%X", g.Name, err, f.Body, g.Frame.Body)
		}
		label, err := iso8583.LabelOf(g.Frame.Body)
		if err != nil || label.Key() != iso8583.TraceOf(m).Key() || label.MTI != m.Type() || label.Bounced() || label.MTI != g.Name[:4] {
			t.Errorf("%s: label %+v, %v", g.Name, label, err)
		}
		if want := label.MTI[2] == '1' || label.MTI[2] == '3'; label.Answers() != want {
			t.Errorf("%s: answers %v", g.Name, label.Answers())
		}
	}
}
