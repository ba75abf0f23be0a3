package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Meta is what stands beside an answer or a problem.
type Meta struct {
	Status     int
	RequestID  string
	BankNumber string        // the gateway's number of the exchange with the bank; empty where none was asked
	BankTook   time.Duration // how long the bank was away; 0 where none was asked
	TotalTook  time.Duration // the gateway's own measure of the whole call
	Replayed   bool          // a stored answer of an earlier request with the same key
	RetryAfter time.Duration // 0: not said
}

// Answer is a binding as the gateway told it just now.
type Answer struct {
	Binding
	Meta
}

// Problem is a refusal by the gateway: its problem document. It is an error.
type Problem struct { //nolint:errname // it is what RFC 9457 calls it
	ProblemDocument
	Meta Meta
}

// Error names the code and the gateway's sentence for developers. It holds no value of the request.
func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s", p.Meta.Status, p.Code, p.Detail)
}

// ErrAnswer is wrapped where something answered that is not a gateway.
var ErrAnswer = errors.New("not a gateway's answer")

// ResolveCard tells issuer and needed elements of a card.
func (c *Client) ResolveCard(ctx context.Context, in CardResolveRequest) (CardResolution, error) {
	out, _, err := call[CardResolution](ctx, c, "resolve card", func() (*http.Response, error) {
		return c.transport.ResolveCard(ctx, in)
	})
	return out, err
}

// ForceBank overrules a bank's breakers for a time. The caller must be an operator.
func (c *Client) ForceBank(ctx context.Context, id string, in Force) (BankHealth, error) {
	out, _, err := call[BankHealth](ctx, c, "force bank", func() (*http.Response, error) {
		return c.transport.ForceBank(ctx, id, in)
	})
	return out, err
}

// ForceChannel overrules a channel's breakers for a time. The caller must be an operator.
func (c *Client) ForceChannel(ctx context.Context, id string, in Force) (BankHealth, error) {
	out, _, err := call[BankHealth](ctx, c, "force channel", func() (*http.Response, error) {
		return c.transport.ForceChannel(ctx, id, in)
	})
	return out, err
}

// Events lists events of a caller, oldest first: this one's own where q names none.
func (c *Client) Events(ctx context.Context, q ListEventsParams) (EventPage, error) {
	out, _, err := call[EventPage](ctx, c, "list events", func() (*http.Response, error) {
		return c.transport.ListEvents(ctx, &q, dropUnset)
	})
	return out, err
}

// Replay has events delivered once more, at most 1,000 at once.
func (c *Client) Replay(ctx context.Context, in ReplayRequest) (Replay, error) {
	out, _, err := call[Replay](ctx, c, "replay events", func() (*http.Response, error) {
		return c.transport.ReplayEvents(ctx, in)
	})
	return out, err
}

// Undecided lists what waits for a person. The caller must be an operator.
func (c *Client) Undecided(ctx context.Context) (UndecidedList, error) {
	out, _, err := call[UndecidedList](ctx, c, "list undecided", func() (*http.Response, error) {
		return c.transport.ListUndecided(ctx)
	})
	return out, err
}

// Decide says what became of an attempt, as the bank has told a person. The caller must be an operator.
func (c *Client) Decide(ctx context.Context, attempt string, in Decision) (Decided, error) {
	out, _, err := call[Decided](ctx, c, "decide", func() (*http.Response, error) {
		return c.transport.DecideAttempt(ctx, attempt, in)
	})
	return out, err
}

// Create starts a binding. An empty key means a fresh one.
func (c *Client) Create(ctx context.Context, in BindingRequest, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "create binding", func() (*http.Response, error) {
		return c.transport.CreateBinding(ctx, &CreateBindingParams{IdempotencyKey: key}, in)
	}))
}

// Get asks for one binding with its history.
func (c *Client) Get(ctx context.Context, id string) (Answer, error) {
	return answer(call[Binding](ctx, c, "get binding", func() (*http.Response, error) {
		return c.transport.GetBinding(ctx, id)
	}))
}

// List asks for one page of bindings, newest first.
func (c *Client) List(ctx context.Context, q ListBindingsParams) (BindingPage, error) {
	out, _, err := call[BindingPage](ctx, c, "list bindings", func() (*http.Response, error) {
		return c.transport.ListBindings(ctx, &q, dropUnset)
	})
	return out, err
}

// dropUnset takes out what was not asked for: the generated request names every
// parameter, and an empty one is refused.
func dropUnset(_ context.Context, req *http.Request) error {
	q := req.URL.Query()
	for name, values := range q {
		if len(values) == 1 && (values[0] == "" || name == "limit" && values[0] == "0") {
			q.Del(name)
		}
	}
	req.URL.RawQuery = q.Encode()
	return nil
}

// Challenge has the code sent again. An empty key means a fresh one.
func (c *Client) Challenge(ctx context.Context, id string, in ChallengeRequest, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "challenge binding", func() (*http.Response, error) {
		return c.transport.ChallengeBinding(ctx, id, &ChallengeBindingParams{IdempotencyKey: key}, in)
	}))
}

// Confirm brings the code. An empty key means a fresh one.
func (c *Client) Confirm(ctx context.Context, id string, in ConfirmRequest, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "confirm binding", func() (*http.Response, error) {
		return c.transport.ConfirmBinding(ctx, id, &ConfirmBindingParams{IdempotencyKey: key}, in)
	}))
}

// Cancel gives up an unfinished session.
func (c *Client) Cancel(ctx context.Context, id, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "cancel binding", func() (*http.Response, error) {
		return c.transport.CancelBinding(ctx, id, &CancelBindingParams{IdempotencyKey: key}, CancelRequest{})
	}))
}

// Revoke ends the agreement at the bank.
func (c *Client) Revoke(ctx context.Context, id, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "revoke binding", func() (*http.Response, error) {
		return c.transport.RevokeBinding(ctx, id, &RevokeBindingParams{IdempotencyKey: key})
	}))
}

// PutPasswordFree switches small payments without a password on or off.
func (c *Client) PutPasswordFree(ctx context.Context, id string, in PasswordFree, key string) (Answer, error) {
	key = orNew(key)
	return answer(call[Binding](ctx, c, "put password-free", func() (*http.Response, error) {
		return c.transport.PutPasswordFree(ctx, id, &PutPasswordFreeParams{IdempotencyKey: key}, in)
	}))
}

// Verified is what a bank has said of a holder's details just now.
type Verified struct {
	Verification
	Meta
}

// Verify has the bank check a holder's details without binding anything. A
// mismatch is a *Problem. An empty key means a fresh one.
func (c *Client) Verify(ctx context.Context, in VerificationRequest, key string) (Verified, error) {
	key = orNew(key)
	out, meta, err := call[Verification](ctx, c, "verify", func() (*http.Response, error) {
		return c.transport.CreateVerification(ctx, &CreateVerificationParams{IdempotencyKey: key}, in)
	})
	return Verified{Verification: out, Meta: meta}, err
}

// Banks lists the banks that the gateway serves.
func (c *Client) Banks(ctx context.Context) ([]Bank, error) {
	out, _, err := call[BankPage](ctx, c, "list banks", func() (*http.Response, error) { return c.transport.ListBanks(ctx) })
	return out.Banks, err
}

// BankByID asks for one bank.
func (c *Client) BankByID(ctx context.Context, id string) (Bank, error) {
	out, _, err := call[Bank](ctx, c, "get bank", func() (*http.Response, error) { return c.transport.GetBank(ctx, id) })
	return out, err
}

// call sends, and sends again while the gateway says that it has not begun.
func call[T any](ctx context.Context, c *Client, doing string, send func() (*http.Response, error)) (T, Meta, error) {
	for try := 0; ; try++ {
		out, meta, err := once[T](doing, send)
		if try == c.retries || !notBegun(err) {
			return out, meta, err
		}
		if stopped := c.wait(ctx, min(meta.RetryAfter, maxRetryAfter)); stopped != nil {
			return out, meta, err
		}
	}
}

func once[T any](doing string, send func() (*http.Response, error)) (out T, meta Meta, err error) {
	resp, err := send()
	if err != nil {
		return out, meta, fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { _ = resp.Body.Close() }()
	meta = metaOf(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return out, meta, fmt.Errorf("%s: read answer: %w", doing, err)
	}
	if len(body) > maxAnswerBytes {
		return out, meta, fmt.Errorf("%s: %w: longer than %d bytes", doing, ErrAnswer, maxAnswerBytes)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json":
		p := &Problem{Meta: meta}
		if err := json.Unmarshal(body, &p.ProblemDocument); err != nil {
			return out, meta, fmt.Errorf("%s: %w: problem document: %w", doing, ErrAnswer, err)
		}
		return out, meta, fmt.Errorf("%s: %w", doing, p)
	case kind == "application/json" && meta.Status/100 == 2:
		if err := json.Unmarshal(body, &out); err != nil {
			return out, meta, fmt.Errorf("%s: %w: %w", doing, ErrAnswer, err)
		}
		return out, meta, nil
	}
	return out, meta, fmt.Errorf("%s: %w: status %d, content type %q", doing, ErrAnswer, meta.Status, kind)
}

// notBegun reports whether the gateway has refused before doing anything and
// said when to come again. Each call carries an idempotency key or changes
// nothing, so that sending it again is safe.
func notBegun(err error) bool {
	var p *Problem
	if !errors.As(err, &p) || p.Meta.RetryAfter == 0 {
		return false
	}
	switch p.Meta.Status {
	case http.StatusConflict: // an earlier request with this key still runs
		return true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return p.Outcome == OutcomeNotSent
	}
	return false
}

func answer(b Binding, m Meta, err error) (Answer, error) { return Answer{Binding: b, Meta: m}, err }

func orNew(key string) string {
	if key == "" {
		return NewKey()
	}
	return key
}

func bearer(key string) RequestEditorFn {
	value := "Bearer " + key
	return func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", value)
		return nil
	}
}

func metaOf(resp *http.Response) Meta {
	m := Meta{
		Status:     resp.StatusCode,
		RequestID:  resp.Header.Get("X-Request-Id"),
		BankNumber: resp.Header.Get("Kaqiao-Bank-Number"),
		Replayed:   resp.Header.Get("Idempotency-Replayed") == "true",
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		m.RetryAfter = time.Duration(s) * time.Second
	}
	for part := range strings.SplitSeq(resp.Header.Get("Server-Timing"), ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		ms, err := strconv.ParseFloat(strings.TrimPrefix(rest, "dur="), 64)
		if err != nil {
			continue
		}
		switch took := time.Duration(ms * float64(time.Millisecond)); name {
		case "bank":
			m.BankTook = took
		case "total":
			m.TotalTook = took
		}
	}
	return m
}
