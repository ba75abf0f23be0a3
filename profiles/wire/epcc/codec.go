package epcc

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// Codec is one side of one EPCC channel. It is safe for concurrent use.
type Codec struct {
	opts Options
	ring *seal.Ring

	algorithm  string   // of both pairs of keys: sm2 or rsa
	signing    seal.Key // ours
	encrypting seal.Key // the other side's
	random     io.Reader
}

var (
	_ wire.Codec    = (*Codec)(nil)
	_ wire.Resealer = (*Codec)(nil)
)

// New returns the codec of ring's side. Options are completed with their
// defaults and checked, and the ring must hold what a message needs: an active
// signing key and an encryption key of this side with their private halves,
// and both of the other side. All faults are reported at once.
func New(opts Options, ring *seal.Ring) (*Codec, error) {
	opts, err := opts.Complete()
	c := &Codec{opts: opts, ring: ring, algorithm: "sm2", random: rand.Reader}
	if opts.Algorithms == "intl" {
		c.algorithm = "rsa"
	}
	faults := []error{err}
	active := func(owner seal.Side, use string) seal.Key {
		key, err := ring.Active(owner, use, c.algorithm)
		if err == nil && !c.fits(key) {
			err = fmt.Errorf("%s key of the %s, serial %s: not a key of %s with the halves that this side needs: %w", use, owner, key.Serial, c.algorithm, wire.ErrKey)
		}
		faults = append(faults, err)
		return key
	}
	own, other := ring.Side(), c.other()
	c.signing = active(own, "sign")
	active(own, "encrypt")
	active(other, "sign")
	c.encrypting = active(other, "encrypt")
	return c, errors.Join(faults...)
}

// Options returns the options with all defaults in place.
func (c *Codec) Options() Options { return c.opts }

// Encode implements wire.Codec: it checks every field, encrypts those that the
// protocol protects under a session key of this message, and signs. The
// message is not changed.
func (c *Codec) Encode(m wire.Message) (wire.Frame, error) {
	head, fields := fieldsOf(m)
	if head == nil {
		return wire.Frame{}, fmt.Errorf("encode: %w", wire.ErrUnknownType)
	}
	frame, err := c.encode(m.Type(), *head, fields)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("encode %s: %w", m.Type(), err)
	}
	return frame, nil
}

func (c *Codec) encode(typ string, head Header, fields []field) (wire.Frame, error) {
	h := header{Header: head, MsgTp: typ}
	h.SignSN = c.signing.Serial
	var cipher session
	for i := range fields {
		f := &fields[i]
		text := f.value()
		if reason := f.check(text); reason != "" {
			return wire.Frame{}, f.fail(reason)
		}
		if f.encrypted && text != "" && h.DgtlEnvlp == "" {
			var err error
			if cipher, h.DgtlEnvlp, err = c.newSession(); err != nil {
				return wire.Frame{}, fmt.Errorf("envelope: %w", err)
			}
			h.NcrptnSN = c.encrypting.Serial
		}
	}
	body := append(make([]byte, 0, 2048), prologue...)
	body, err := appendMessage(body, &h, fields, cipher)
	if err != nil {
		return wire.Frame{}, err
	}
	signature, err := c.sign(body[len(prologue):])
	if err != nil {
		return wire.Frame{}, fmt.Errorf("sign: %w", err)
	}
	body = append(body, '\n')
	body = append(body, sealStart...)
	body = append(seal.AppendBase64(body, signature), '}')
	return wire.Frame{Headers: headersOf(&h, fields), Body: body}, nil
}

// Reseal implements wire.Resealer.
func (c *Codec) Reseal(frame wire.Frame) (wire.Frame, error) {
	signed, _, err := cut(frame.Body)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("reseal: %w", err)
	}
	signature, err := c.sign(signed)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("reseal: %w", err)
	}
	body := append(append(make([]byte, 0, len(frame.Body)+16), prologue...), signed...)
	body = append(append(body, '\n'), sealStart...)
	frame.Body = append(seal.AppendBase64(body, signature), '}')
	return frame, nil
}

// Decode implements wire.Codec. Nothing of the message is believed before its
// seal has been checked over the very bytes that came. On the institution's
// side unknown elements are passed over, because banks add some; on the
// platform's side they are refused, as a real platform does.
func (c *Codec) Decode(frame wire.Frame) (wire.Message, error) {
	m, err := c.decode(frame)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return m, nil
}

func (c *Codec) decode(frame wire.Frame) (wire.Message, error) {
	signed, signature, err := cut(frame.Body)
	if err != nil {
		return nil, err
	}
	serial, err := signerOf(signed)
	if err != nil {
		return nil, err
	}
	key, err := c.ring.BySerial(c.other(), "sign", serial)
	if err != nil {
		return nil, err
	}
	if err := c.verify(key, signed, signature); err != nil {
		return nil, err
	}
	r := reader{scanner: scanner{text: signed}, lenient: c.ring.Side() == seal.Gateway}
	m, h, err := r.message()
	if err != nil {
		return nil, err
	}
	if typ := frame.Header("MsgTp"); typ != "" && typ != h.MsgTp {
		return nil, &wire.FieldError{Field: "MsgTp of the transport", Reason: "another than MsgHeader/MsgTp"}
	}
	return m, r.fill(c, h)
}

func (c *Codec) sign(text []byte) ([]byte, error) {
	switch key := c.signing.Private.(type) {
	case *sm2.PrivateKey:
		return seal.SignSM2(c.random, key, c.opts.UserID, text)
	case *rsa.PrivateKey:
		return seal.SignRSA(key, text)
	}
	return nil, wire.ErrKey
}

func (c *Codec) verify(key seal.Key, text, signature []byte) error {
	if key.Algorithm != c.algorithm {
		return fmt.Errorf("signing key of another algorithm: %w", wire.ErrKey)
	}
	switch key := key.Public.(type) {
	case *ecdsa.PublicKey:
		return seal.VerifySM2(key, c.opts.UserID, text, signature)
	case *rsa.PublicKey:
		return seal.VerifyRSA(key, text, signature)
	}
	return wire.ErrKey
}

func (c *Codec) other() seal.Side {
	if c.ring.Side() == seal.Gateway {
		return seal.Bank
	}
	return seal.Gateway
}

// fits reports whether a key has the types of its algorithm and the half that this side needs.
func (c *Codec) fits(k seal.Key) bool {
	if k.Owner == c.ring.Side() {
		switch k.Private.(type) {
		case *sm2.PrivateKey:
			return c.algorithm == "sm2"
		case *rsa.PrivateKey:
			return c.algorithm == "rsa"
		}
		return false
	}
	switch k.Public.(type) {
	case *ecdsa.PublicKey:
		return c.algorithm == "sm2"
	case *rsa.PublicKey:
		return c.algorithm == "rsa"
	}
	return false
}

// headersOf are the lines of HTTP that go with a message (found). PyerAcctTp is
// a routing aid that goes with signing only; ReservedField is always empty.
func headersOf(h *header, fields []field) []wire.Header {
	headers := make([]wire.Header, 0, 5)
	headers = append(headers,
		wire.Header{Name: "Content-Type", Value: "application/xml;charset=utf-8"},
		wire.Header{Name: "MsgTp", Value: h.MsgTp},
		wire.Header{Name: "OriIssrId", Value: h.IssrId},
		wire.Header{Name: "ReservedField"},
	)
	if h.MsgTp != TypeSign {
		return headers
	}
	for i := range fields {
		if fields[i].name == "SgnAcctTp" {
			headers = append(headers, wire.Header{Name: "PyerAcctTp", Value: *fields[i].text})
		}
	}
	return headers
}
