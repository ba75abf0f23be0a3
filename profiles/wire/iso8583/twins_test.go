package iso8583_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// The suite is on trial here: each broken twin is this codec with one defect
// that real codecs have had, and the named check must catch it.
func TestSuiteCatchesBrokenTwins(t *testing.T) {
	whole := suite(t, seal.Bank, sealedOptions("x99"), sealedGoldens(t, seal.Bank))
	if faults := wiretest.Faults(whole); len(faults) > 0 {
		t.Fatalf("the unbroken codec has faults, so the trial says nothing: %v", faults)
	}
	for _, twin := range []struct {
		name     string
		sender   func(wire.Codec) wire.Codec
		receiver func(wire.Codec) wire.Codec
		caught   string
	}{
		{"swaps acquirer and forwarder both ways", swapped, swapped, "goldens say what their words say"},
		{"swaps them both ways, seen in writing", swapped, swapped, "goldens are written as others wrote them"},
		{"swaps them in reading only", nil, swapped, "drawn messages come back"},
		{"loses an amount of nothing both ways", amountless, amountless, "goldens say what their words say"},
		{"loses an amount of nothing in reading", nil, amountless, "drawn messages come back"},
		{"fills up with zeros, not with blanks", zeroFilling, nil, "goldens are written as others wrote them"},
		{"reads without checking the seal", nil, func(c wire.Codec) wire.Codec { return unsealed{c} }, "a changed byte breaks the seal"},
		{"takes any seal", nil, func(c wire.Codec) wire.Codec { return unsealed{c} }, "wrong seals are refused"},
		{"cuts long names", cutting, nil, "unfit messages are not encoded"},
		{"panics on short input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "hostile frames are refused"},
		{"panics on cut input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "messages cut anywhere are refused"},
		{"quotes values in its errors", func(c wire.Codec) wire.Codec { return quoting{c} }, nil, "unfit messages are not encoded"},
		{"takes messages of any size", nil, func(c wire.Codec) wire.Codec { return boundless{c} }, "too much is refused"},
		{"changes the message that it writes", func(c wire.Codec) wire.Codec { return stamping{c} }, nil, "neither call touches what it was given"},
		{"writes over the frame that it reads", nil, func(c wire.Codec) wire.Codec { return scribbling{c} }, "neither call touches what it was given"},
		{"makes errors of its own", nil, func(c wire.Codec) wire.Codec { return wordy{c} }, "messages cut anywhere are refused"},
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

// bent is a codec whose requests are bent on their way in or out.
type bent struct {
	wire.Codec
	out, in func(*iso8583.Request)
}

func (b bent) Encode(m wire.Message) (wire.Frame, error) { return b.Codec.Encode(bend(m, b.out)) }

func (b bent) Decode(f wire.Frame) (wire.Message, error) {
	m, err := b.Codec.Decode(f)
	if err != nil {
		return nil, err
	}
	return bend(m, b.in), nil
}

func bend(m wire.Message, by func(*iso8583.Request)) wire.Message {
	request, ok := m.(*iso8583.Request)
	if !ok {
		return m
	}
	twin := *request
	by(&twin)
	return &twin
}

func straight(*iso8583.Request) {}

func swapped(c wire.Codec) wire.Codec {
	swap := func(m *iso8583.Request) {
		m.Common.Acquirer, m.Common.Forwarder = m.Common.Forwarder, m.Common.Acquirer
	}
	return bent{c, swap, swap}
}

// amountless trims the zeros off an amount and fills them up again: a round trip can't see it.
func amountless(c wire.Codec) wire.Codec {
	trim := func(m *iso8583.Request) { m.Common.AmountFen = strings.TrimLeft(m.Common.AmountFen, "0") }
	fill := func(m *iso8583.Request) {
		if a := m.Common.AmountFen; a != "" {
			m.Common.AmountFen = fmt.Sprintf("%012s", a)
		}
	}
	return bent{c, fill, trim}
}

func zeroFilling(c wire.Codec) wire.Codec {
	return bent{c, func(m *iso8583.Request) {
		if v := m.Common.MerchantName; v != "" {
			m.Common.MerchantName = v + strings.Repeat("0", max(0, 40-len(v)))
		}
	}, straight}
}

func cutting(c wire.Codec) wire.Codec {
	return bent{c, func(m *iso8583.Request) {
		if name := []rune(m.Common.Identity.Name.Reveal()); len(name) > 60 {
			m.Common.Identity.Name = secret.NewName(string(name[:60]))
		}
	}, straight}
}

// unsealed puts a good seal on whatever comes, which is as good as not looking at the one it had.
type unsealed struct{ wire.Codec }

func (u unsealed) Decode(f wire.Frame) (wire.Message, error) {
	f.Body = u.Codec.(*iso8583.Codec).Reseal(f.Body)
	return u.Codec.Decode(f)
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

// boundless reads a message and passes over what is behind it.
type boundless struct{ wire.Codec }

func (b boundless) Decode(f wire.Frame) (wire.Message, error) {
	total := 0
	if len(f.Body) > 6 {
		_, _ = fmt.Sscanf(string(f.Body[2:6]), "%d", &total)
	}
	if total > 0 && total < len(f.Body) {
		f.Body = f.Body[:total]
	}
	return b.Codec.Decode(f)
}

type stamping struct{ wire.Codec }

func (s stamping) Encode(m wire.Message) (wire.Frame, error) {
	if m, ok := m.(*iso8583.Request); ok {
		m.Common.Currency = "840"
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
