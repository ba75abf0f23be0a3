// Package client is for binding services: it speaks to a Kaqiao gateway in Go.
// The types are generated from the gateway's openapi.yaml.
//
// A binding is three calls, or one call of Bind:
//
//	c, err := client.New("http://127.0.0.1:8080", key)
//	answer, err := c.Create(ctx, request, "")            // the bank sends its code
//	answer, err = c.Confirm(ctx, answer.ID, client.ConfirmRequest{Code: code}, "")
//
// A refusal is a *Problem. A request is sent again only where the gateway has
// said that it was not begun (409, 429, 503 with Retry-After), with the same
// idempotency key. Every other error leaves the outcome open: ask with Get, or
// call again with the same key, never with another one.
//
// The requests hold card numbers, codes and names as plain texts, since this
// side sends them: don't print them.
package client

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

//go:generate go tool -modfile=../../.ci/tools.mod oapi-codegen -config oapi-codegen.yaml ../openapi.yaml

// The bounds of one client.
const (
	defaultTimeout  = 30 * time.Second // longer than a gateway waits for a bank
	maxConns        = 256
	defaultRetries  = 3
	maxRetryAfter   = 30 * time.Second
	maxAnswerBytes  = 4 << 20
	maxHeaderBytes  = 32 << 10
	idleConnTimeout = 90 * time.Second
)

// Client calls one gateway. It is safe for concurrent use.
type Client struct {
	transport *Transport
	http      *http.Client
	retries   int
	wait      waiter
	now       func() time.Time
}

// Option changes a Client as it is made.
type Option func(*options)

type options struct {
	http    *http.Client
	timeout time.Duration
	retries int
	wait    waiter
	now     func() time.Time
}

// WithTimeout limits one HTTP exchange. Default 30 s.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithRetries is how often a request that the gateway has not begun is sent
// again. 0 turns it off. Default 3.
func WithRetries(n int) Option { return func(o *options) { o.retries = n } }

// WithHTTP replaces the tuned HTTP client, which keeps at most 256 connections. WithTimeout then does nothing.
func WithHTTP(c *http.Client) Option { return func(o *options) { o.http = c } }

// New makes a client for the gateway at baseURL, such as http://127.0.0.1:8080,
// with the caller's bearer key.
func New(baseURL, key string, opts ...Option) (*Client, error) {
	o := options{timeout: defaultTimeout, retries: defaultRetries, wait: wait, now: time.Now}
	for _, opt := range opts {
		opt(&o)
	}
	if err := checkBase(baseURL); err != nil {
		return nil, err
	}
	if key = strings.TrimSpace(key); key == "" {
		return nil, errors.New("client: the bearer key is empty")
	}
	if o.http == nil {
		o.http = tuned(o.timeout)
	}
	transport, err := NewClient(baseURL, WithHTTPClient(o.http), WithRequestEditorFn(bearer(key)))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{transport: transport, http: o.http, retries: o.retries, wait: o.wait, now: o.now}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NewKey makes an idempotency key: a ULID. Keep it with the order it belongs to
// before sending, so that a restart can ask again with the same one.
func NewKey() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }

// tuned keeps connections: the standard library keeps two for each host and
// opens new ones for all others.
func tuned(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxIdleConns:           maxConns,
			MaxIdleConnsPerHost:    maxConns,
			MaxConnsPerHost:        maxConns,
			IdleConnTimeout:        idleConnTimeout,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func checkBase(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("client: the base address must be like http://127.0.0.1:8080")
	}
	return nil
}
