package bank

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
)

// errPanic stands for a panic. Its value is not kept: it may quote a field.
var errPanic = errors.New("panic")

// exchange is the packet's journey: meaning, bytes, link, bytes, meaning. A
// link that has to open does so before anything is sealed.
// Until the link has it the operation is not sent; from then on it is unknown
// until the answer has been understood. A panic on the way is no different
// from any other failure of its stage.
func (c Channel) exchange(ctx context.Context, o op.Operation, timeout time.Duration, now func() time.Time) (res op.Result) {
	var took time.Duration
	stage, failed := "translate", op.Result{Outcome: op.NotSent, Reason: op.Internal}
	var said string
	fail := func(err error) op.Result {
		r := failed
		r.Exchange, r.Said, r.Err = took, said, fmt.Errorf("channel %s: %s: %w", c.ID, stage, err)
		return r
	}
	defer func() {
		if recover() != nil {
			res = fail(errPanic)
		}
	}()

	ask, err := c.Adapter.Request(o)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if l, ok := c.Link.(Opener); ok {
		stage, failed.Reason, failed.Fault = "open", op.ChannelUnavailable, op.ChannelFault
		if err := l.Open(ctx); err != nil {
			return fail(err)
		}
	}
	stage, failed.Reason, failed.Fault = "encode", op.Internal, ""
	out, err := c.Codec.Encode(ask)
	if err != nil {
		return fail(err)
	}

	said = wire.Outline(ask)
	stage, failed = "exchange", op.Result{Outcome: op.Unknown, Reason: op.BankTimeout, Fault: op.ChannelFault}
	sent := now()
	back, err := c.Link.Exchange(ctx, out)
	took = now().Sub(sent)
	if errors.Is(err, link.ErrNotSent) {
		failed.Outcome, failed.Reason = op.NotSent, op.ChannelUnavailable
	}
	if err != nil {
		return fail(err)
	}

	stage, failed.Reason = "decode", op.BankProtocolError
	answer, err := c.Codec.Decode(back)
	if errors.Is(err, wire.ErrSeal) || errors.Is(err, wire.ErrSealMissing) || errors.Is(err, wire.ErrKey) {
		failed.Reason = op.BankSignatureInvalid
	}
	if err != nil {
		return fail(err)
	}
	stage = "understand"
	res = c.Adapter.Result(o, answer)
	res.Exchange, res.Said, res.Heard = took, said, wire.Outline(answer)
	return res
}
