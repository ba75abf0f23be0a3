package iso8583_test

import (
	"bytes"
	"encoding"
	"reflect"
	"strings"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// sealedOptions seal network management too, so that every drawn message has a seal to break.
func sealedOptions(rule string) iso8583.Options { return iso8583.Options{MAC: rule, NetworkMAC: true} }

// TestSuite runs the suite in both directions, with the golden messages as they stand in their files.
func TestSuite(t *testing.T) {
	for _, to := range []seal.Side{seal.Bank, seal.Gateway} {
		t.Run("to "+string(to), func(t *testing.T) {
			wiretest.Run(t, suite(t, to, sealedOptions("x99"), sealedGoldens(t, to)))
		})
	}
}

// sealedGoldens are the golden messages with a seal. Those without one can't pass
// a suite that breaks seals; TestGoldensByteForByte has them.
func sealedGoldens(t testing.TB, to seal.Side) []wiretest.Golden {
	t.Helper()
	var list []wiretest.Golden
	for _, g := range wiretest.ReadGoldens(t, "testdata/golden") {
		network := g.Name[1] == '8' && g.Values["NewKey"] == ""
		if g.Notes["receiver"] == string(to) && !network {
			list = append(list, g)
		}
	}
	return list
}

func suite(t testing.TB, to seal.Side, opts iso8583.Options, goldens []wiretest.Golden) wiretest.Suite {
	t.Helper()
	from := otherOf(to)
	return wiretest.Suite{
		Sender:     codec(t, from, opts),
		Receiver:   codec(t, to, opts),
		Draw:       drawFrom(from),
		Goldens:    goldens,
		Message:    messageOf,
		Comparable: func(_ wiretest.Golden, body []byte) (string, bool) { return string(body), true },
		Signed:     signedPart,
		Impostors:  impostors(t, from, opts),
		Hostile:    hostile(t, to, opts),
		Unfit:      unfit(),
		MaxBytes:   iso8583.MaxBytes,
	}
}

// messageOf puts a golden message's words into a message, by their paths.
func messageOf(g wiretest.Golden) wire.Message {
	m := map[string]wire.Message{
		"0100": &iso8583.Request{}, "0110": &iso8583.Answer{}, "0420": &iso8583.Reversal{}, "0421": &iso8583.Reversal{},
		"0430": &iso8583.ReversalAnswer{}, "0800": &iso8583.Network{}, "0820": &iso8583.Network{},
		"0810": &iso8583.NetworkAnswer{}, "0830": &iso8583.NetworkAnswer{},
	}[g.Name[:4]]
	for path, value := range g.Values {
		at := reflect.ValueOf(m).Elem()
		for name := range strings.SplitSeq(path, ".") {
			at = at.FieldByName(name)
		}
		switch into := at.Addr().Interface().(type) {
		case encoding.TextUnmarshaler:
			_ = into.UnmarshalText([]byte(value)) // a secret takes any text
		case *bool:
			*into = value == "true"
		case *string:
			*into = value
		}
	}
	return m
}

// signedPart is the front of a message as far as field 11, all of which is under
// the seal. What is behind it is sealed in parts, as the list of fields says.
func signedPart(body []byte) (from, to int) {
	label, err := iso8583.LabelOf(body)
	if err != nil {
		return 0, 0
	}
	return 46, bytes.Index(body, []byte(label.Key())) + 16
}

// impostors send with seals that the receiver must not take.
func impostors(t testing.TB, from seal.Side, opts iso8583.Options) []wiretest.Impostor {
	t.Helper()
	other := keys()
	for i := range other {
		if other[i].Use == "mac" {
			text := strings.Replace(other[i].Secret.Reveal(), "0123", "3210", 1)
			other[i] = sharedKey("mac", other[i].Algorithm, text)
		}
	}
	rule := map[string]string{"x99": "x919", "x919": "cbc3des", "cbc3des": "x919", "sm4": "x99"}[opts.MAC]
	fewer, test := opts, opts
	fewer.MACFields = []int{0, 3, 11}
	test.Test = true
	all := []wiretest.Impostor{
		{Name: "another key", Sender: codecWith(t, from, opts, other...), Want: wire.ErrSeal},
		{Name: "another rule", Sender: codec(t, from, sealedOptions(rule)), Want: wire.ErrSeal},
		{Name: "a test system", Sender: codec(t, from, test), Want: wire.ErrField},
	}
	return append(all, wiretest.Impostor{Name: "fewer fields under the seal", Sender: businessOnly{codec(t, from, fewer)}, Want: wire.ErrSeal})
}

// businessOnly gives network management a seal that is wrong in any case: its fields are not the list's.
type businessOnly struct{ *iso8583.Codec }

func (b businessOnly) Encode(m wire.Message) (wire.Frame, error) {
	f, err := b.Codec.Encode(m)
	if err == nil && m.Type()[1] == '8' {
		f.Body[len(f.Body)-1] ^= 0x01
	}
	return f, err
}
