package bank

import (
	"context"
	"errors"
	"fmt"

	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
)

// ErrNotNotice: a frame that came unasked is none of the notices this channel knows.
var ErrNotNotice = errors.New("not a notice of this channel")

// Heard takes what a channel says unasked: it checks the seal, understands the
// notice, lets tell write it down, and returns the acknowledgement. Without a
// durable tell there is no acknowledgement, so the bank says it again.
func (b *Banks) Heard(ctx context.Context, channel string, frame wire.Frame, tell func(context.Context, op.Notice) error) (ack wire.Frame, err error) {
	c, done, ok := b.take(channel)
	if !ok {
		return ack, fmt.Errorf("channel %s is not connected", channel)
	}
	defer done()
	stage := "decode"
	defer func() {
		if recover() != nil {
			ack, err = wire.Frame{}, fmt.Errorf("channel %s: heard: %s: %w", channel, stage, errPanic)
		}
	}()
	message, err := c.Codec.Decode(frame)
	if err != nil {
		return ack, fmt.Errorf("channel %s: heard: decode: %w", channel, err)
	}
	stage = "understand"
	listener, ok := c.Adapter.(Listener)
	if !ok {
		return ack, fmt.Errorf("channel %s: heard: %w", channel, ErrNotNotice)
	}
	notice, answer, ok := listener.Heard(message, b.now())
	if !ok {
		return ack, fmt.Errorf("channel %s: heard: %w", channel, ErrNotNotice)
	}
	notice.Channel, notice.Heard = channel, wire.Outline(message)
	crash.Here(crash.HeardUnderstood, string(notice.Kind))
	stage = "tell"
	if err := tell(context.WithoutCancel(ctx), notice); err != nil {
		return ack, fmt.Errorf("channel %s: heard: tell: %w", channel, err)
	}
	crash.Here(crash.HeardTold, string(notice.Kind))
	if answer == nil {
		return wire.Frame{}, nil
	}
	stage = "encode"
	if ack, err = c.Codec.Encode(answer); err != nil {
		return wire.Frame{}, fmt.Errorf("channel %s: heard: encode: %w", channel, err)
	}
	return ack, nil
}
