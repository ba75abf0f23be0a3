package epcc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// The suite is on trial here: each broken twin is this codec with one defect
// that real codecs have had, and the named check must catch it.
func TestSuiteCatchesBrokenTwins(t *testing.T) {
	whole := suite(t, seal.Bank, epcc.Options{CipherMode: "ecb"})
	if faults := wiretest.Faults(whole); len(faults) > 0 {
		t.Fatalf("the unbroken codec has faults, so the trial says nothing: %v", faults)
	}
	for _, twin := range []struct {
		name     string
		sender   func(wire.Codec) wire.Codec
		receiver func(wire.Codec) wire.Codec
		caught   string
	}{
		{"swaps bank and institution both ways", swapped, swapped, "goldens say what their words say"},
		{"swaps them both ways, seen in writing", swapped, swapped, "goldens are written as others wrote them"},
		{"swaps them in reading only", nil, swapped, "drawn messages come back"},
		{"reads without checking the seal", nil, func(c wire.Codec) wire.Codec { return unsealed{c, t} }, "a changed byte breaks the seal"},
		{"takes any signer's seal", nil, func(c wire.Codec) wire.Codec { return unsealed{c, t} }, "wrong seals are refused"},
		{"cuts long names", cutting, nil, "unfit messages are not encoded"},
		{"panics on short input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "hostile frames are refused"},
		{"panics on cut input", nil, func(c wire.Codec) wire.Codec { return panicking{c} }, "messages cut anywhere are refused"},
		{"quotes values in its errors", func(c wire.Codec) wire.Codec { return quoting{c} }, nil, "unfit messages are not encoded"},
		{"takes messages of any size", nil, func(c wire.Codec) wire.Codec { return boundless{c} }, "too much is refused"},
		{"changes the message that it writes", func(c wire.Codec) wire.Codec { return stamping{c} }, nil, "neither call touches what it was given"},
		{"writes over the frame that it reads", nil, func(c wire.Codec) wire.Codec { return scribbling{c} }, "neither call touches what it was given"},
		{"makes errors of its own", nil, func(c wire.Codec) wire.Codec { return wordy{c} }, "messages cut anywhere are refused"},
		{"loses the code", losing, nil, "drawn messages come back"},
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

func swapped(c wire.Codec) wire.Codec {
	swap := func(m wire.Message) wire.Message {
		switch m := m.(type) {
		case *epcc.Sign:
			twin := *m
			twin.SgnInf.SgnAcctIssrId, twin.InstgInf.InstgId = m.InstgInf.InstgId, m.SgnInf.SgnAcctIssrId
			return &twin
		case *epcc.Unsign:
			twin := *m
			twin.SgnInf.SgnAcctIssrId, twin.InstgInf.InstgId = m.InstgInf.InstgId, m.SgnInf.SgnAcctIssrId
			return &twin
		}
		return m
	}
	return bent{c, swap, swap}
}

func cutting(c wire.Codec) wire.Codec {
	return bent{c, func(m wire.Message) wire.Message {
		sign, ok := m.(*epcc.Sign)
		if !ok {
			return m
		}
		twin := *sign
		if name := twin.SgnInf.SgnAcctNm.Reveal(); len(name) > 120 {
			twin.SgnInf.SgnAcctNm = secret.NewName(strings.ToValidUTF8(name[:120], ""))
		}
		return &twin
	}, as}
}

func losing(c wire.Codec) wire.Codec {
	return bent{c, func(m wire.Message) wire.Message {
		sign, ok := m.(*epcc.Sign)
		if !ok {
			return m
		}
		twin := *sign
		twin.TrxInf.AuthMsg = secret.Code{}
		return &twin
	}, as}
}

// unsealed puts a good seal on whatever comes, which is as good as not looking at the one it had.
type unsealed struct {
	wire.Codec
	t testing.TB
}

func (u unsealed) Decode(f wire.Frame) (wire.Message, error) {
	from, to := signedPart(f.Body)
	if from < 0 || to < from {
		return u.Codec.Decode(f)
	}
	root := bytes.Clone(f.Body[from:to])
	if at := bytes.Index(root, []byte("<SignSN>")); at > 0 && at+18 < len(root) {
		copy(root[at+8:], gatewaySigns)
	}
	signature, err := seal.SignSM2(rand.Reader, annexKey(u.t), "1234567812345678", root)
	if err != nil {
		return nil, err
	}
	f.Body = fmt.Appendf(nil, "%s{S:%s}", root, base64.StdEncoding.EncodeToString(signature))
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

type boundless struct{ wire.Codec }

func (b boundless) Decode(f wire.Frame) (wire.Message, error) {
	f.Body = bytes.TrimSpace(f.Body)
	return b.Codec.Decode(f)
}

type stamping struct{ wire.Codec }

func (s stamping) Encode(m wire.Message) (wire.Frame, error) {
	switch m := m.(type) {
	case *epcc.Sign:
		m.SignSN = gatewaySigns
	case *epcc.Query:
		m.SignSN = gatewaySigns
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
