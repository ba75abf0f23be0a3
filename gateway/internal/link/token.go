package link

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

const (
	loginTimeout = 10 * time.Second // of the exchange for a token, whoever waits for it
	loginPause   = time.Second      // after a renewal that failed while the old token is still good
	maxTokenLife = 24 * time.Hour
)

// Authorizer is the token session of a channel whose requests carry one.
type Authorizer interface {
	// Login makes the request for a token. It may be called from any goroutine.
	Login() (wire.Frame, error)
	// Granted reads its answer: the value of the header Authorization, and for
	// how long it may be used. Its error never quotes the answer.
	Granted(wire.Frame) (authorization secret.Key, life time.Duration, err error)
}

// tokens keeps one token for all requests of a link. At most one exchange for
// a token is under way; it belongs to no request, so that none that gives up
// takes it from the others.
type tokens struct {
	auth     Authorizer
	exchange func(context.Context, wire.Frame) (wire.Frame, error)
	now      func() time.Time

	mu      sync.Mutex
	current token
	flight  *flight // nil: none under way
	closed  bool
	stop    context.CancelFunc
	ctx     context.Context //nolint:containedctx // ends with the link, as the exchanges for tokens do
	running sync.WaitGroup
}

type token struct {
	value          secret.Key
	renewAt, endAt time.Time
}

// flight is one exchange for a token. done is closed when err is set.
type flight struct {
	done chan struct{}
	err  error
}

func newTokens(auth Authorizer, exchange func(context.Context, wire.Frame) (wire.Frame, error), now func() time.Time) *tokens {
	t := &tokens{auth: auth, exchange: exchange, now: now}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// get returns a token that is good now. One that is soon to end is renewed in
// the background while it still serves; without a good one the caller waits.
func (t *tokens) get(ctx context.Context) (secret.Key, error) {
	for tries := 0; ; tries++ {
		t.mu.Lock()
		now, current := t.now(), t.current
		good := !current.value.IsZero() && now.Before(current.endAt)
		if good && now.Before(current.renewAt) {
			t.mu.Unlock()
			return current.value, nil
		}
		f := t.fly()
		t.mu.Unlock()
		if good {
			return current.value, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return secret.Key{}, context.Cause(ctx)
		}
		if f.err != nil {
			return secret.Key{}, f.err
		}
		if tries == 1 { // two tokens in turn that are over when they come
			return secret.Key{}, errors.New("the token is over already")
		}
	}
}

// fly begins an exchange for a token, unless one is under way. The caller holds the lock.
func (t *tokens) fly() *flight {
	if t.flight != nil {
		return t.flight
	}
	f := &flight{done: make(chan struct{})}
	if t.closed {
		f.err = errClosed
		close(f.done)
		return f
	}
	t.flight = f
	t.running.Go(func() {
		fresh, err := t.login()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.flight, f.err = nil, err
		if err == nil {
			t.current = fresh
		} else {
			t.current.renewAt = t.now().Add(loginPause)
		}
		close(f.done)
	})
	return f
}

// login exchanges credentials for a token. The life counts from before the
// request, because the bank counts from before its answer arrives.
func (t *tokens) login() (token, error) {
	ctx, cancel := context.WithTimeout(t.ctx, loginTimeout)
	defer cancel()
	ask, err := t.auth.Login()
	if err != nil {
		return token{}, err
	}
	asked := t.now()
	answer, err := t.exchange(ctx, ask)
	if err != nil {
		return token{}, err
	}
	value, life, err := t.auth.Granted(answer)
	if err != nil {
		return token{}, err
	}
	if value.IsZero() || life <= 0 {
		return token{}, errors.New("the answer grants no token")
	}
	life = min(life, maxTokenLife)
	return token{value: value, renewAt: asked.Add(renewAfter(life)), endAt: asked.Add(life)}, nil
}

// renewAfter is 80 % of a token's life, and 30 s before its end where that is
// earlier and not in its first half.
func renewAfter(life time.Duration) time.Duration {
	after := life * 8 / 10
	if early := life - 30*time.Second; early >= life/2 {
		after = min(after, early)
	}
	return after
}

// drop forgets a token that the other side did not take. A newer one stays.
func (t *tokens) drop(value secret.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.value.Equal(value) {
		t.current = token{}
	}
}

// close ends the exchange that may be under way.
func (t *tokens) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.running.Wait()
}

// authorized exchanges a frame with a token. What keeps it from having one
// keeps the frame from leaving. A token that was refused is dropped; the
// frame is not sent again, because a refusal is an answer.
func (h *HTTP) authorized(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	value, err := h.tokens.get(ctx)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("link: token: %w: %w", ErrNotSent, err)
	}
	headers := make([]wire.Header, 0, len(f.Headers)+1)
	f.Headers = append(append(headers, f.Headers...), wire.Header{Name: "Authorization", Value: value.Reveal()})
	answer, err := h.carry(ctx, f)
	var status *StatusError
	if answer.Status == http.StatusUnauthorized || errors.As(err, &status) && status.Code == http.StatusUnauthorized {
		h.tokens.drop(value)
	}
	return answer, err
}
