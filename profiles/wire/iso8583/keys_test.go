package iso8583_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

func requestOf(stan string) *iso8583.Request {
	return &iso8583.Request{
		Header: between, Trace: iso8583.Trace{Transmitted: "0601100000", STAN: stan},
		Common: iso8583.Common{PAN: secret.NewCard("6217000000000000012"), ProcessingCode: "891000"},
	}
}

func answerOf(stan string) *iso8583.Answer {
	return &iso8583.Answer{
		Header: between, Trace: iso8583.Trace{Transmitted: "0601100000", STAN: stan}, Common: iso8583.Common{ProcessingCode: "891000"}, ResponseCode: "00",
	}
}

// A whole key reset under each rule, asked for by the gateway, which begins with no MAC key at all.
func TestKeyReset(t *testing.T) {
	for _, rule := range []string{"x99", "x919", "cbc3des", "sm4"} {
		t.Run(rule, func(t *testing.T) {
			masters := keys()[3:]
			gateway := codecWith(t, seal.Gateway, iso8583.Options{MAC: rule}, masters...)
			bank := codecWith(t, seal.Bank, iso8583.Options{MAC: rule}, masters...)
			if gateway.Keys().Ready() {
				t.Fatal("a MAC key without one in the ring")
			}
			if _, err := gateway.Encode(requestOf("000001")); !errors.Is(err, wire.ErrKey) {
				t.Errorf("sealed without a key: %v", err)
			}
			ask := &iso8583.Network{Header: between, Trace: iso8583.Trace{Transmitted: "0601100000", STAN: "000002"}, Application: true, Code: "101"}
			pass(t, gateway, bank, ask)

			var retired []wire.Frame // sealed with keys that are two changes old
			for range 3 {
				wrapped, err := bank.Keys().Generate()
				must(t, err)
				reset := &iso8583.NetworkAnswer{
					Header: between, Trace: ask.Trace, Application: true, ResponseCode: "00", Security: bank.Options().KeyReset(), Code: "101", NewKey: wrapped,
				}
				must(t, bank.Keys().Offer(wrapped))
				if bank.Keys().Ready() { // the bank still seals with the key before
					pass(t, bank, gateway, answerOf("000003"))
				}
				got := pass(t, bank, gateway, reset).(*iso8583.NetworkAnswer)
				late, _ := gateway.Encode(requestOf("000004")) // sealed with the key before, still on its way
				must(t, gateway.Keys().Rotate(got.NewKey))
				must(t, gateway.Keys().Rotate(got.NewKey)) // a repeat changes nothing
				pass(t, gateway, bank, requestOf("000005"))
				pass(t, bank, gateway, answerOf("000005"))
				if late.Body != nil {
					if _, err := bank.Decode(late); err != nil {
						t.Errorf("sealed with the key before: %v", err)
					}
				}
				retired = append(retired, late)
			}
			if _, err := bank.Decode(retired[1]); !errors.Is(err, wire.ErrSeal) {
				t.Errorf("sealed with a key two changes old: %v", err)
			}
		})
	}
}

// Two lines open one after the other, and each has a key made. What the bank
// still answers under the key before both is taken, until it has changed over.
func TestSeveralResetsInARow(t *testing.T) {
	gateway, bank := codecWith(t, seal.Gateway, iso8583.Options{}, keys()...), codecWith(t, seal.Bank, iso8583.Options{}, keys()...)
	for range 3 {
		answer, err := bank.Encode(answerOf("000001")) // under the first key
		must(t, err)
		wrapped, err := bank.Keys().Generate()
		must(t, err)
		must(t, bank.Keys().Offer(wrapped))
		must(t, gateway.Keys().Rotate(wrapped))
		if _, err := gateway.Decode(answer); err != nil {
			t.Errorf("sealed with a key that the bank has not left: %v", err)
		}
	}
	old, err := bank.Encode(answerOf("000002"))
	must(t, err)
	pass(t, gateway, bank, requestOf("000003"))
	pass(t, bank, gateway, answerOf("000003"))
	wrapped, err := bank.Keys().Generate()
	must(t, err)
	must(t, gateway.Keys().Rotate(wrapped))
	if _, err := gateway.Decode(old); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("sealed with a key that the bank has left, two changes ago: %v", err)
	}
}

// A codec takes the place of another: while both are in use, each takes what
// the bank says under a key that only the other was handed.
func TestSucceed(t *testing.T) {
	made := func() (gateway, bank *iso8583.Codec) {
		return codecWith(t, seal.Gateway, iso8583.Options{}, keys()...), codecWith(t, seal.Bank, iso8583.Options{}, keys()...)
	}
	first, bank := made()
	second, _ := made()
	third, _ := made()
	reset := func(to *iso8583.Codec) {
		wrapped, err := bank.Keys().Generate()
		must(t, err)
		must(t, bank.Keys().Rotate(wrapped))
		must(t, to.Keys().Rotate(wrapped))
	}
	takes := func(c *iso8583.Codec, want bool) {
		t.Helper()
		f, err := bank.Encode(answerOf("000001"))
		must(t, err)
		if _, err := c.Decode(f); (err == nil) != want || err != nil && !errors.Is(err, wire.ErrSeal) {
			t.Errorf("got %v, want it taken: %v", err, want)
		}
	}
	endSecond := second.Succeed(first)
	reset(second)
	takes(first, true)
	takes(second, true)
	takes(third, false)
	endThird := third.Succeed(second)
	reset(third)
	takes(first, true) // there are three of them
	takes(second, true)
	reset(first) // over an old line
	takes(third, true)
	endSecond()
	endThird()
	takes(third, false)
	reset(third)
	takes(first, false)
	takes(second, false)
	third.Succeed(nil)()
}

// pass encodes on one side and decodes on the other, and the same must come out.
func pass(t *testing.T, from, to *iso8583.Codec, m wire.Message) wire.Message {
	t.Helper()
	f, err := from.Encode(m)
	must(t, err)
	got, err := to.Decode(f)
	must(t, err)
	want, have := wiretest.Values(m), wiretest.Values(got)
	for path, value := range want {
		if have[path] != value {
			t.Errorf("%s: another value", path)
		}
	}
	return got
}

// Nothing of a message that carries a key may be changed, and its seal is never done without.
func TestKeyResetIsSealed(t *testing.T) {
	bank, gateway := codec(t, seal.Bank, iso8583.Options{}), codec(t, seal.Gateway, iso8583.Options{})
	wrapped, err := bank.Keys().Generate()
	must(t, err)
	f, err := bank.Encode(&iso8583.Network{
		Header: between, Trace: iso8583.Trace{Transmitted: "0601100000", STAN: "000002"}, Security: bank.Options().KeyReset(), Code: "101", NewKey: wrapped,
	})
	must(t, err)
	for at := 46; at < len(f.Body); at++ {
		bad := bytes.Clone(f.Body)
		bad[at] ^= 0x02
		if _, err := gateway.Decode(wire.Frame{Body: bad}); err == nil {
			t.Errorf("byte %d is not under the seal", at)
		}
	}
	stranger := codecWith(t, seal.Gateway, iso8583.Options{}, sharedKey("mac", "des", desKey), sharedKey("master", "des3", "1123456789ABCDEFFEDCBA9876543210"))
	if _, err := stranger.Decode(f); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("under another master key: %v", err)
	}
	masterless := codecWith(t, seal.Gateway, iso8583.Options{}, sharedKey("mac", "des", desKey))
	if _, err := masterless.Decode(f); !errors.Is(err, wire.ErrKey) {
		t.Errorf("without a master key: %v", err)
	}
	bare := bytes.Clone(f.Body[:len(f.Body)-8])
	bare[65] &^= 0x01
	copy(bare[2:6], "0136"[:4])
	copy(bare[2:6], []byte{'0', byte('0' + len(bare)/100), byte('0' + len(bare)/10%10), byte('0' + len(bare)%10)})
	if _, err := gateway.Decode(wire.Frame{Body: bare}); !errors.Is(err, wire.ErrSealMissing) {
		t.Errorf("a key without a seal: %v", err)
	}
}

func TestKeysRefuse(t *testing.T) {
	k := codec(t, seal.Gateway, iso8583.Options{}).Keys()
	for name, text := range map[string]string{"no hexadecimal": "xyz", "empty": "", "half a block": "01234567", "two keys": longKey} {
		if err := k.Rotate(secret.NewKey(text)); !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if err := k.Offer(secret.NewKey(text)); !errors.Is(err, wire.ErrKey) {
			t.Errorf("%s offered: %v", name, err)
		}
	}
	if _, err := iso8583.New(iso8583.Options{MAC: "sm4"}, seal.NewRing(seal.Bank, keys()[:2])); !errors.Is(err, wire.ErrKey) {
		t.Errorf("keys of another algorithm: %v", err)
	}
	short := sharedKey("mac", "des3", longKey+desKey)
	if _, err := iso8583.New(iso8583.Options{MAC: "x919"}, seal.NewRing(seal.Bank, []seal.Key{short})); !errors.Is(err, wire.ErrKey) {
		t.Errorf("a retail MAC with three keys: %v", err)
	}
}

// For the race detector: keys change while messages pass.
func TestKeysChangeUnderTraffic(t *testing.T) {
	bank, gateway := codec(t, seal.Bank, iso8583.Options{}), codec(t, seal.Gateway, iso8583.Options{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				f, err := gateway.Encode(requestOf("000001"))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := bank.Decode(f); err != nil && !errors.Is(err, wire.ErrSeal) { // two changes may lie between
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		wrapped, err := bank.Keys().Generate()
		must(t, err)
		must(t, bank.Keys().Offer(wrapped))
		must(t, gateway.Keys().Rotate(wrapped))
		f, err := gateway.Encode(requestOf("000002"))
		must(t, err)
		_, err = bank.Decode(f)
		must(t, err)
	}
	wait.Wait()
}

// What is bounced comes back as it was, is matched like an answer, and tells that nothing was done.
func TestBounce(t *testing.T) {
	bank, gateway := codec(t, seal.Bank, iso8583.Options{}), codec(t, seal.Gateway, iso8583.Options{})
	sent, err := gateway.Encode(requestOf("000007"))
	must(t, err)
	for at, code := range map[int]string{0: iso8583.RejectHeaderLength, 1: iso8583.RejectVersion, 2: iso8583.RejectTotalLength, 6: iso8583.RejectDestination, 17: iso8583.RejectSource} {
		bad := wire.Frame{Body: bytes.Clone(sent.Body)}
		bad.Body[at] ^= 0x41
		_, err := bank.Decode(bad)
		if got, ok := iso8583.RejectOf(err); !ok || got != code {
			t.Errorf("byte %d: %q, %v; want %s", at, got, err, code)
		}
	}
	if code, ok := iso8583.RejectOf(wire.ErrSeal); ok {
		t.Errorf("a wrong seal is no matter of the header: %s", code)
	}
	back, err := bank.Bounce(sent, iso8583.RejectDestination)
	must(t, err)
	label, err := iso8583.LabelOf(back.Body)
	if err != nil || !label.Bounced() || !label.Answers() || label.Key() != "0601100000000007" || label.Reject != "00045" {
		t.Errorf("%+v, %v", label, err)
	}
	m, err := gateway.Decode(back)
	must(t, err)
	b, ok := m.(*iso8583.Bounced)
	if !ok || b.Reject != "00045" || b.MTI != "0100" || b.Trace.STAN != "000007" || b.Header.Source != between.Destination || b.Header.Destination != between.Source {
		t.Errorf("%+v", m)
	}
	if _, err := gateway.Decode(sent); !errors.Is(err, wire.ErrUnknownType) {
		t.Errorf("our own message, not bounced: %v", err)
	}
	forged := wire.Frame{Body: bytes.Clone(back.Body)}
	forged.Body[len(forged.Body)-1] ^= 0x01
	if _, err := gateway.Decode(forged); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("bounced, but never ours: %v", err)
	}
	if _, err := bank.Decode(back); !errors.Is(err, wire.ErrUnknownType) {
		t.Errorf("a bounced request, at the bank: %v", err)
	}
	for _, code := range []string{"00000", "45", "abcde"} {
		if _, err := bank.Bounce(sent, code); err == nil {
			t.Errorf("bounced with %q", code)
		}
	}
	if _, err := bank.Bounce(wire.Frame{Body: sent.Body[:60]}, "00045"); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("half a message: %v", err)
	}
}

func TestOriginalOf(t *testing.T) {
	m := requestOf("000009")
	m.Common.Acquirer, m.Common.Forwarder = "04990000", "12345678901"
	want := iso8583.Original{MTI: "0100", STAN: "000009", Transmitted: "0601100000", Acquirer: "00004990000", Forwarder: "12345678901"}
	if got := iso8583.OriginalOf(m); got != want || got.Key() != m.Trace.Key() {
		t.Errorf("%+v", got)
	}
}
