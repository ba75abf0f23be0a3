package jws_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// The suite is on trial here: each broken twin is this codec with one defect
// that real codecs have had, and the named check must catch it.
func TestSuiteCatchesBrokenTwins(t *testing.T) {
	whole := suite(t, seal.Bank, jws.Options{Payload: "base64url"})
	if faults := wiretest.Faults(whole); len(faults) > 0 {
		t.Fatalf("the unbroken codec has faults, so the trial says nothing: %v", faults)
	}
	for _, twin := range []struct {
		name     string
		sender   func(wire.Codec) wire.Codec
		receiver func(wire.Codec) wire.Codec
		caught   string
	}{
		{"swaps name and document both ways", swapped, swapped, "goldens say what their words say"},
		{"swaps them both ways, seen in writing", swapped, swapped, "goldens are written as others wrote them"},
		{"swaps them in reading only", nil, swapped, "drawn messages come back"},
		{"reads without checking the signature", nil, func(c wire.Codec) wire.Codec { return unchecked{c, t} }, "a changed byte breaks the seal"},
		{"takes any signer's signature", nil, func(c wire.Codec) wire.Codec { return unchecked{c, t} }, "wrong seals are refused"},
		{"signs again what it has rewritten", nil, func(c wire.Codec) wire.Codec { return unchecked{c, t} }, "hostile frames are refused"},
		{"cuts long names", cutting, nil, "unfit messages are not encoded"},
		{"panics on short input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "hostile frames are refused"},
		{"panics on cut input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "messages cut anywhere are refused"},
		{"quotes values in its errors", func(c wire.Codec) wire.Codec { return quoting{c} }, nil, "unfit messages are not encoded"},
		{"takes messages of any size", nil, func(c wire.Codec) wire.Codec { return boundless{c} }, "too much is refused"},
		{"changes the message that it writes", func(c wire.Codec) wire.Codec { return stamping{c} }, nil, "neither call touches what it was given"},
		{"writes over the frame that it reads", nil, func(c wire.Codec) wire.Codec { return scribbling{c} }, "neither call touches what it was given"},
		{"makes errors of its own", nil, func(c wire.Codec) wire.Codec { return wordy{c} }, "messages cut anywhere are refused"},
		{"loses the wallet account", losing, nil, "drawn messages come back"},
	} {
		s := whole
		if twin.sender != nil {
			s.Sender = twin.sender(s.Sender)
		}
		if twin.receiver != nil {
			s.Receiver = twin.receiver(s.Receiver)
		}
		if wiretest.Faults(s, twin.caught)[twin.caught] == nil {
			t.Errorf("a codec that %s is not caught by %q", twin.name, twin.caught)
		}
	}
}

// bent is a codec whose messages are bent on their way in or out.
type bent struct {
	wire.Codec
	out, in func(wire.Message) wire.Message
}

func (b bent) Encode(m wire.Message) (wire.Frame, error) { return b.Codec.Encode(b.out(m)) }

func (b bent) Decode(f wire.Frame) (wire.Message, error) {
	m, err := b.Codec.Decode(f)
	if err != nil {
		return nil, err
	}
	return b.in(m), nil
}

func as(m wire.Message) wire.Message { return m }

func holder(m wire.Message, change func(*jws.Holder)) wire.Message {
	switch m := m.(type) {
	case *jws.Verification:
		twin := *m
		change(&twin.Holder)
		return &twin
	case *jws.ConsentRequest:
		twin := *m
		change(&twin.Holder)
		return &twin
	}
	return m
}

func swapped(c wire.Codec) wire.Codec {
	swap := func(m wire.Message) wire.Message {
		return holder(m, func(h *jws.Holder) {
			name := h.Name.Reveal()
			h.Name = secret.NewName(h.Document.Reveal())
			h.Document = secret.NewDocument(name)
		})
	}
	return bent{c, swap, swap}
}

func cutting(c wire.Codec) wire.Codec {
	return bent{c, func(m wire.Message) wire.Message {
		return holder(m, func(h *jws.Holder) {
			if name := h.Name.Reveal(); len(name) > 140 {
				h.Name = secret.NewName(strings.ToValidUTF8(name[:140], ""))
			}
		})
	}, as}
}

func losing(c wire.Codec) wire.Codec {
	return bent{c, func(m wire.Message) wire.Message {
		if m, ok := m.(*jws.ConsentRequest); ok {
			twin := *m
			twin.WalletAccount = secret.Key{}
			return &twin
		}
		return m
	}, as}
}

// unchecked puts a good signature over whatever comes, which is as good as not looking at the one it had.
type unchecked struct {
	wire.Codec
	t testing.TB
}

func (u unchecked) Decode(f wire.Frame) (wire.Message, error) {
	forged := forge{u.t, seal.Gateway, false}
	name := "x-jws-signature"
	for _, h := range f.Headers {
		if strings.EqualFold(h.Name, name) {
			name = h.Name
		}
	}
	return u.Codec.Decode(with(f, name, forged.sign(forged.encode(forged.header()), string(f.Body))))
}

type panicking struct{ wire.Codec }

func (p panicking) Decode(f wire.Frame) (wire.Message, error) {
	_ = f.Body[40]
	return p.Codec.Decode(f)
}

type quoting struct{ wire.Codec }

func (q quoting) Encode(m wire.Message) (wire.Frame, error) {
	f, err := q.Codec.Encode(m)
	if err != nil {
		return f, fmt.Errorf("%v: %w", wiretest.Values(m), err)
	}
	return f, nil
}

type boundless struct{ wire.Codec }

func (b boundless) Decode(f wire.Frame) (wire.Message, error) {
	f.Body = bytes.TrimSpace(f.Body)
	return b.Codec.Decode(f)
}

type stamping struct{ wire.Codec }

func (s stamping) Encode(m wire.Message) (wire.Frame, error) {
	switch m := m.(type) {
	case *jws.Verification:
		m.Signer = gatewaySigns
	case *jws.ConsentRequest:
		m.Signer = gatewaySigns
	case *jws.Revocation:
		m.Signer = gatewaySigns
	}
	return s.Codec.Encode(m)
}

type scribbling struct{ wire.Codec }

func (s scribbling) Decode(f wire.Frame) (wire.Message, error) {
	m, err := s.Codec.Decode(f)
	clear(f.Body)
	return m, err
}

type wordy struct{ wire.Codec }

func (w wordy) Decode(f wire.Frame) (wire.Message, error) {
	m, err := w.Codec.Decode(f)
	if err != nil {
		return nil, errors.New("it did not work")
	}
	return m, nil
}
