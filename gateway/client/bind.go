package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The pauses between two questions about a binding that is not decided yet.
const (
	firstPoll = 200 * time.Millisecond
	lastPoll  = 5 * time.Second
)

// CodeFunc brings the code that the bank has sent to its customer. It may wait
// for a person; ctx says for how long.
type CodeFunc func(ctx context.Context, b Binding) (ConfirmRequest, error)

// Bind walks through a whole binding: apply, code, confirm, and asking until it
// is final. A wrong code asks for another while the bank allows it. It returns
// the last answer beside any error; a binding that ended other than active is
// an answer, not an error.
func (c *Client) Bind(ctx context.Context, in BindingRequest, code CodeFunc) (Answer, error) {
	a, err := c.Create(ctx, in, "")
	if err != nil {
		return a, err
	}
	for {
		if a, err = c.settle(ctx, a); err != nil || a.Next.Action != NextActionConfirm {
			return a, err
		}
		confirm, err := code(ctx, a.Binding)
		if err != nil {
			return a, fmt.Errorf("bring the code: %w", err)
		}
		b, err := c.Confirm(ctx, a.ID, confirm, "")
		switch {
		case err == nil:
			a = b
		case again(err):
			if b, err = c.Get(ctx, a.ID); err != nil {
				return a, err
			}
			a = b
		default:
			return a, err
		}
	}
}

// settle asks until there is something to do other than asking.
func (c *Client) settle(ctx context.Context, a Answer) (Answer, error) {
	for pause := firstPoll; a.Next.Action == NextActionPoll; pause = min(2*pause, lastPoll) {
		if until := a.Next.After.Sub(c.now()); until > pause {
			pause = until
		}
		if err := c.wait(ctx, min(pause, maxRetryAfter)); err != nil {
			return a, fmt.Errorf("wait for the bank: %w", err)
		}
		b, err := c.Get(ctx, a.ID)
		if err != nil {
			return a, err
		}
		a = b
	}
	return a, nil
}

// waiter waits for a while, or until the context ends.
type waiter func(context.Context, time.Duration) error

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// again reports whether a refused confirm leaves the session open for another code.
func again(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == ProblemCodeCodeWrong
}
