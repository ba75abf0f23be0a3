package iso8583_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"kaqiao/profiles/reference"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

type messageInput struct {
	Hex, Format, Value string
	Field              int
}

type messageExpected struct {
	Hex, MTI string
	Fields   map[string]json.RawMessage
	Framing  struct{ Length, TPDU, Header string }
}

// Every public message is read as its case says and written again byte for byte.
func TestReferenceMessages(t *testing.T) {
	tried := map[string]int{}
	for _, c := range reference.Cases(t, reference.Dir(t), "iso8583/messages.json") {
		var in messageInput
		var want messageExpected
		c.Decode(t, &in, &want)
		if in.Format != "" {
			tried["field"]++
			fieldCase(t, c.ID, in, want.Hex)
			continue
		}
		body, dialect := unhex(t, in.Hex), iso8583.POS()
		if strings.HasPrefix(c.ID, "moov-") {
			dialect = iso8583.ASCII87
		}
		tried[c.ID[:4]]++
		if want.Framing.Length != "" {
			e, rest, err := iso8583.CutPOS(body)
			must(t, err)
			again, err := iso8583.AppendPOS(nil, e, rest)
			if err != nil || !bytes.Equal(again, body) || hex.EncodeToString([]byte(e.TPDU)) != want.Framing.TPDU || hex.EncodeToString([]byte(e.Application)) != want.Framing.Header {
				t.Errorf("%s: its envelope: %v", c.ID, err)
			}
			body = rest
		}
		mti, f, err := dialect.Unpack(body)
		if err != nil || mti != want.MTI {
			t.Errorf("%s: %q, %v", c.ID, mti, err)
			continue
		}
		for n := 2; n <= 128; n++ {
			raw, named := want.Fields[strconv.Itoa(n)]
			value, there := f.Get(n)
			if there != named || there && !sameField(t, raw, value) {
				t.Errorf("%s: field %d: %q, want %s", c.ID, n, value, raw)
			}
		}
		again, err := dialect.Pack(mti, f)
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%s: written again: %v\n%X\n%X", c.ID, err, again, body)
		}
		for n := range len(body) {
			if _, _, err := dialect.Unpack(body[:n]); err == nil {
				t.Errorf("%s: cut to %d bytes and taken", c.ID, n)
			}
		}
	}
	t.Logf("tried: %v", tried)
}

// sameField compares a field with how a case writes it: text, or bytes in hexadecimal.
func sameField(t *testing.T, raw json.RawMessage, value string) bool {
	t.Helper()
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		return value == plain || strings.ToUpper(hex.EncodeToString([]byte(value))) == plain
	}
	var coded struct{ Hex string }
	must(t, json.Unmarshal(raw, &coded))
	return strings.ToUpper(hex.EncodeToString([]byte(value))) == coded.Hex
}

// fieldCase packs one field; its bytes are the end of the message.
func fieldCase(t *testing.T, id string, in messageInput, want string) {
	t.Helper()
	var f iso8583.Fields
	f.Put(in.Field, in.Value)
	out, err := iso8583.POS().Pack("0200", &f)
	if err != nil || !strings.EqualFold(hex.EncodeToString(out[10:]), want) {
		t.Errorf("%s: %X, %v", id, out, err)
	}
}

// The published answer to a terminal's sign-in (decoded in the protocol's sheet, section 7).
func TestPublishedSignIn(t *testing.T) {
	body := unhex(t, "0810003800010AC0001400348506370904010803200000313231323132313231323132303030353631303033333330393139313034393030303030340011000001860030004024EDB7BEEC305B69648E03B4BC3A5A86A895281C37BB7BC79C51BA740000000000000000719C22F9")
	mti, f, err := iso8583.POS().Unpack(body)
	must(t, err)
	for n, want := range map[int]string{11: "003485", 12: "063709", 13: "0401", 32: "03200000", 37: "121212121212", 39: "00", 41: "05610033", 42: "309191049000004", 60: "00000186003"} {
		if got, _ := f.Get(n); got != want {
			t.Errorf("field %d: %q, want %q", n, got, want)
		}
	}
	keys, _ := f.Get(62)
	if again, err := iso8583.POS().Pack(mti, f); mti != "0810" || len(keys) != 40 || err != nil || !bytes.Equal(again, body) {
		t.Errorf("%s, %d bytes of keys, written again: %X, %v", mti, len(keys), again, err)
	}
}

// The published walk-through of a terminal's MAC: its text, and field 64 behind it.
func TestTerminalSeal(t *testing.T) {
	text := unhex(t, "0200302004C020C0981100000000000000005100183402100006324392260009942820D1312101120084393136363838303134303030303030303030303030303031313536ACF46E73838A82F92600000000000000000822000001")
	key, err := seal.NewCipher("des", unhex(t, "C24A8FB57AA20123"))
	must(t, err)
	must(t, iso8583.CheckPOS(key, append(text, "8A9E91B8"...)))
	f := new(iso8583.Fields)
	for n, v := range map[int]string{3: "000000", 11: "001834", 22: "021", 23: "001", 25: "00", 35: "4392260009942820D13121011200843", 41: "16688014", 60: "22000001"} {
		f.Put(n, v)
	}
	message, err := iso8583.SealPOS(key, "0200", *f)
	must(t, err)
	must(t, iso8583.CheckPOS(key, message))
	for at := range message {
		bad := bytes.Clone(message)
		bad[at] ^= 0x01
		if err := iso8583.CheckPOS(key, bad); err == nil {
			t.Errorf("byte %d is not under the seal", at)
		}
	}
	if _, has := f.Get(64); has {
		t.Error("the caller's fields were changed")
	}
	bare, err := iso8583.POS().Pack("0200", f)
	must(t, err)
	if err := iso8583.CheckPOS(key, bare); !errors.Is(err, wire.ErrSealMissing) {
		t.Errorf("no seal: %v", err)
	}
}

func TestTerminalRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"filled up with another digit": "0200" + "0000040000000000" + "0211", "a length in letters": "0200" + "4000000000000000" + "1A00",
		"an unknown field": "0200" + "0800000000000000", "a type of letters": "02A0" + "0000000000000000",
		"an empty second bitmap": "0200" + "8000000000000000" + "0000000000000000", "bytes behind": "0200" + "0000000000000000" + "00",
	} {
		if _, _, err := iso8583.POS().Unpack(unhex(t, body)); !errors.Is(err, wire.ErrField) && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := iso8583.CutPOS(unhex(t, "000c60000400006022000000")); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a cut envelope: %v", err)
	}
	if _, err := iso8583.AppendPOS(nil, iso8583.Envelope{}, nil); !errors.Is(err, wire.ErrField) {
		t.Errorf("no envelope: %v", err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}
