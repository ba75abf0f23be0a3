package epcc

import (
	"errors"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// Codec is one side of one EPCC channel.
type Codec struct {
	opts Options
	ring *seal.Ring
}

var _ wire.Codec = (*Codec)(nil)

// New returns the codec of ring's side. Options are completed with their defaults and checked.
func New(opts Options, ring *seal.Ring) (*Codec, error) {
	return &Codec{opts: opts, ring: ring}, nil
}

// Options returns the options with all defaults in place.
func (c *Codec) Options() Options { return c.opts }

// Encode implements wire.Codec.
func (c *Codec) Encode(wire.Message) (wire.Frame, error) {
	return wire.Frame{}, errors.New("unwritten")
}

// Decode implements wire.Codec.
func (c *Codec) Decode(wire.Frame) (wire.Message, error) { return nil, errors.New("unwritten") }
