package jws

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// MaxBytes is the longest body that is taken or made.
const MaxBytes = 64 << 10

// maxIssuedAt is the end of the year 9999.
const maxIssuedAt = 253_402_300_799

// Codec is one side of one channel of this family. It is safe for concurrent use.
type Codec struct {
	opts    Options
	ring    *seal.Ring
	signing seal.Key // ours
	kinds   kinds
	uuid    *regexp.Regexp
	random  io.Reader
}

var (
	_ wire.Codec    = (*Codec)(nil)
	_ wire.Resealer = (*Codec)(nil)
)

// New returns the codec of ring's side. Options are completed with their
// defaults and checked, and the ring must hold an active RSA signing key of
// each side, with the private half of this one. All faults are reported at once.
func New(opts Options, ring *seal.Ring) (*Codec, error) {
	opts, err := opts.Complete()
	c := &Codec{opts: opts, ring: ring, kinds: newKinds(), uuid: uuidForm(), random: rand.Reader}
	faults := []error{err}
	for _, owner := range []seal.Side{ring.Side(), c.other()} {
		key, err := ring.Active(owner, "sign", "rsa")
		if err == nil && !c.fits(key) {
			err = fmt.Errorf("sign key of the %s, serial %s: not a key of rsa with the halves that this side needs: %w", owner, key.Serial, wire.ErrKey)
		}
		faults = append(faults, err)
		if owner == ring.Side() {
			c.signing = key
		}
	}
	return c, errors.Join(faults...)
}

// Options returns the options with all defaults in place.
func (c *Codec) Options() Options { return c.opts }

// Encode implements wire.Codec: it checks every field, writes the body once
// and signs those very bytes. The message is not changed.
func (c *Codec) Encode(m wire.Message) (wire.Frame, error) {
	s, ok := shapeOf(m)
	if !ok {
		return wire.Frame{}, fmt.Errorf("encode: %w", wire.ErrUnknownType)
	}
	frame, err := c.encode(m, s)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("encode %s: %w", m.Type(), err)
	}
	return frame, nil
}

func (c *Codec) encode(m wire.Message, s shape) (wire.Frame, error) {
	frame, err := c.outside(m, s)
	if err != nil {
		return wire.Frame{}, err
	}
	if !s.signed {
		frame.Body, err = c.unsignedBody(m)
		return frame, err
	}
	if frame.Body, err = c.body(m, s); err != nil {
		return wire.Frame{}, err
	}
	if s.head.IssuedAt <= 0 || s.head.IssuedAt > maxIssuedAt {
		return wire.Frame{}, &wire.FieldError{Field: nameIAT, Reason: "not a time in Unix seconds"}
	}
	signature, err := c.sign(c.random, s.head.IssuedAt, frame.Body)
	if err != nil {
		return wire.Frame{}, err
	}
	frame.Headers = append(frame.Headers, wire.Header{Name: headerSignature, Value: signature})
	return frame, nil
}

// body writes the signed body.
func (c *Codec) body(m wire.Message, s shape) ([]byte, error) {
	fields := c.kinds.fields(m)
	for i := range fields {
		if err := fields[i].check(fields[i].get()); err != nil {
			return nil, err
		}
	}
	if err := fit(m); err != nil {
		return nil, err
	}
	if reason := c.kinds.bank.check(s.head.Bank); reason != "" {
		return nil, &wire.FieldError{Field: "Bank", Reason: reason}
	}
	b := append(make([]byte, 0, 1024), `{"Type":`...)
	b = append(appendText(b, m.Type()), `,"Bank":`...)
	b = append(appendText(b, s.head.Bank), `,"Data":`...)
	return append(appendData(b, fields), '}'), nil
}

// Decode implements wire.Codec. Nothing of a body is believed before its
// signature has been checked over the very bytes that came; what needs none
// is read by what it is: a request by its path, an answer by its status.
func (c *Codec) Decode(frame wire.Frame) (wire.Message, error) {
	m, err := c.decode(frame)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return m, nil
}

func (c *Codec) decode(frame wire.Frame) (wire.Message, error) {
	if len(frame.Body) > MaxBytes {
		return nil, wire.ErrTooLarge
	}
	signature, err := only(frame, headerSignature)
	if err != nil {
		return nil, unsealed("twice")
	}
	if signature == "" {
		return c.unsigned(frame)
	}
	p, err := c.verify(signature, frame.Body)
	if err != nil {
		return nil, err
	}
	m, s, err := c.read(frame.Body)
	if err != nil {
		return nil, err
	}
	s.head.IssuedAt, s.head.Signer = p.iat, p.kid
	return m, c.agree(frame, m, s)
}

// read reads a body whose signature was good.
func (c *Codec) read(body []byte) (wire.Message, shape, error) {
	o, err := parse(body)
	if err != nil {
		return nil, shape{}, err
	}
	typ, _ := o.values["Type"].(string)
	bank, _ := o.values["Bank"].(string)
	data, ok := o.values["Data"].(*object)
	if !ok || len(o.names) != 3 {
		return nil, shape{}, &wire.FieldError{Field: "body", Reason: "other than Type, Bank and Data"}
	}
	m := c.signedMessage(typ)
	if m == nil {
		return nil, shape{}, wire.ErrUnknownType
	}
	if reason := c.kinds.bank.check(bank); reason != "" {
		return nil, shape{}, &wire.FieldError{Field: "Bank", Reason: reason}
	}
	if err := fill(data, c.kinds.fields(m), false); err != nil {
		return nil, shape{}, err
	}
	fields := c.kinds.fields(m) // anew: what is needed depends on what was read
	for i := range fields {
		if err := fields[i].check(fields[i].get()); err != nil {
			return nil, shape{}, err
		}
	}
	s, _ := shapeOf(m)
	s.head.Bank = bank
	return m, s, fit(m)
}

// signedMessage is an empty message of a type that the other side may sign, or nil.
func (c *Codec) signedMessage(typ string) wire.Message {
	if c.ring.Side() == seal.Bank {
		switch typ {
		case TypeVerification:
			return new(Verification)
		case TypeConsentRequest:
			return new(ConsentRequest)
		case TypeRevocation:
			return new(Revocation)
		case TypeNoticeAck:
			return new(NoticeAck)
		}
		return nil
	}
	switch typ {
	case TypeVerificationResult:
		return new(VerificationResult)
	case TypeConsent:
		return new(Consent)
	case TypeRevocationResult:
		return new(RevocationResult)
	case TypeNotice:
		return new(Notice)
	case TypeProblem:
		return new(Problem)
	}
	return nil
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
		_, ok := k.Private.(*rsa.PrivateKey)
		return ok
	}
	_, ok := k.Public.(*rsa.PublicKey)
	return ok
}

func sha256Of(text []byte) []byte {
	sum := sha256.Sum256(text)
	return sum[:]
}
