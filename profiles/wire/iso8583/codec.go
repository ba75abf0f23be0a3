package iso8583

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// Codec is one side of one channel. It is safe for concurrent use. Its only
// state is the MAC keys, which the channel's session changes.
type Codec struct {
	opts Options
	side seal.Side
	keys *Keys
}

var _ wire.Codec = (*Codec)(nil)

// New returns the codec of ring's side. Options are completed with their
// defaults and checked, and the ring must hold an active MAC key or an active
// master key of the algorithms that option mac wants. All faults are reported at once.
func New(opts Options, ring *seal.Ring) (*Codec, error) {
	opts, err := opts.Complete()
	keys, noKeys := newKeys(opts.MAC, ring)
	return &Codec{opts: opts, side: ring.Side(), keys: keys}, errors.Join(err, noKeys)
}

// Options returns the options with all defaults in place.
func (c *Codec) Options() Options { return c.opts }

// Keys are the MAC keys that the codec works with.
func (c *Codec) Keys() *Keys { return c.keys }

// Encode implements wire.Codec: it checks every field, writes the header and
// seals. The message is not changed.
func (c *Codec) Encode(m wire.Message) (wire.Frame, error) {
	head, places := placesOf(m)
	if head == nil {
		return wire.Frame{}, fmt.Errorf("encode: %w", wire.ErrUnknownType)
	}
	body, err := c.encode(m.Type(), *head, places)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("encode %s: %w", m.Type(), err)
	}
	return wire.Frame{Body: body}, nil
}

func (c *Codec) encode(mti string, h Header, places []place) ([]byte, error) {
	var f Fields
	for i := range places {
		p := &places[i]
		value, err := p.write(&c.opts)
		if err != nil {
			return nil, err
		}
		if value != "" {
			f.Put(p.n, value)
		}
	}
	if err := c.sealFields(mti, &f); err != nil {
		return nil, err
	}
	message, err := cups.Pack(mti, &f)
	if err != nil {
		return nil, err
	}
	body, err := appendHeader(make([]byte, 0, headerBytes+len(message)), c.opts.versionByte(), h, len(message), accepted)
	if err != nil {
		return nil, err
	}
	return append(body, message...), nil
}

// Decode implements wire.Codec. Nothing of the message is believed before its
// seal has been checked. Each side takes only what the other may send; a
// message of its own is taken back only if it was bounced.
func (c *Codec) Decode(f wire.Frame) (wire.Message, error) {
	m, err := c.decode(f.Body)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return m, nil
}

func (c *Codec) decode(body []byte) (wire.Message, error) {
	h, rest, err := readHeader(body)
	if err != nil {
		return nil, err
	}
	bounced := h.reject != accepted
	if !bounced && h.version != c.opts.versionByte() {
		return nil, &wire.FieldError{Field: fieldVersion, Reason: "another version, or test for production"}
	}
	mti, f, err := cups.Unpack(rest)
	if err != nil {
		return nil, err
	}
	from := c.side // of a bounced message
	if !bounced {
		from = otherOf(c.side)
	}
	m := newMessage(mti)
	if m == nil || !sends(from, mti) {
		return nil, fmt.Errorf("from the %s: %w", from, wire.ErrUnknownType)
	}
	if err := c.checkSeal(mti, f); err != nil {
		return nil, err
	}
	if err := c.fill(m, h, f); err != nil {
		return nil, err
	}
	if bounced {
		return &Bounced{Header: h.Header, Reject: h.reject, MTI: mti, Trace: TraceOf(m)}, nil
	}
	return m, nil
}

// fill gives a message its fields. All of them must have their place in it.
func (c *Codec) fill(m wire.Message, h head, f *Fields) error {
	to, places := placesOf(m)
	*to = h.Header
	left := *f
	left.drop(128)
	for i := range places {
		p := &places[i]
		value, there := f.Get(p.n)
		left.drop(p.n)
		if !there {
			if p.need == mandatory {
				return fail(p.n, "missing")
			}
			continue
		}
		if err := p.read(&c.opts, value); err != nil {
			return err
		}
	}
	if key, err := newKeyIn(m.Type(), f); err != nil || !key.IsZero() && !f.Has(53) {
		return fail(53, "missing beside a new key")
	}
	for n := 2; n <= 128; n++ {
		if left.Has(n) {
			return fail(n, "has no place in this message")
		}
	}
	return nil
}

// Bounce returns a frame that came in as it goes back unprocessed: its header
// turned around, with a reject code, and everything behind the header as it
// was. Which code fits an error of Decode, RejectOf knows.
func (c *Codec) Bounce(f wire.Frame, reject string) (wire.Frame, error) {
	if len(f.Body) < minBytes || len(f.Body) > MaxBytes || len(reject) != 5 || !isDigits(reject) || reject == accepted {
		return wire.Frame{}, fmt.Errorf("bounce: %w", wire.ErrMalformed)
	}
	turned := Header{
		Destination: strings.TrimRight(string(f.Body[atSource:atReserved]), " "),
		Source:      strings.TrimRight(string(f.Body[atDestination:atSource]), " "),
	}
	rest := bytes.Clone(f.Body[headerBytes:])
	body, err := appendHeader(nil, c.opts.versionByte(), turned, len(rest), reject)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("bounce: %w", err)
	}
	return wire.Frame{Body: append(body, rest...)}, nil
}

// RejectOf returns the reject code for an error of Decode that lies in the header.
func RejectOf(err error) (code string, ok bool) {
	var field *wire.FieldError
	if !errors.As(err, &field) {
		return "", false
	}
	code, ok = map[string]string{
		fieldLength: RejectHeaderLength, fieldVersion: RejectVersion, fieldTotal: RejectTotalLength,
		fieldDestination: RejectDestination, fieldSource: RejectSource,
	}[field.Field]
	return code, ok
}

func otherOf(side seal.Side) seal.Side {
	if side == seal.Gateway {
		return seal.Bank
	}
	return seal.Gateway
}

// sends reports whether a side sends messages of a type. Network management
// 0820 goes both ways; only the gateway asks for keys with 0800.
func sends(side seal.Side, mti string) bool {
	switch mti {
	case TypeNetwork, TypeNetworkAnswer:
		return true
	case TypeRequest, TypeReversal, TypeReversalRepeat, TypeApplication:
		return side == seal.Gateway
	}
	return side == seal.Bank
}
