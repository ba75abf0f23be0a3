package adaptertest

import (
	"context"
	"sync"

	"kaqiao/gateway/internal/bank"
	"kaqiao/profiles/wire"
)

// tape remembers the last answer that came.
type tape struct {
	inner bank.Link
	mu    sync.Mutex
	last  wire.Frame
}

// recorded is an operation with the answer that was its own.
type recorded struct {
	number string
	frame  wire.Frame
}

// Open implements bank.Opener.
func (t *tape) Open(ctx context.Context) error { return opened(ctx, t.inner) }

// opened opens a link that has to be opened.
func opened(ctx context.Context, l bank.Link) error {
	if o, ok := l.(bank.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

// Exchange implements bank.Link.
func (t *tape) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	back, err := t.inner.Exchange(ctx, f)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = wire.Frame{}
	if err == nil {
		t.last = back
	}
	return back, err
}

func (t *tape) answer() wire.Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
