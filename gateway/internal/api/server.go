// Package api is HTTP in: the only room that knows Echo. Every route stands in
// routes.go, every code in problems.yaml.
//
// A request passes: begin (number, log, panics) → admit (in-flight limit) →
// authenticate → check (strict body, then openapi.yaml) → the route's method.
// Nothing that a caller sent is ever quoted in an answer or in a log.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// The limits of one server, where Config does not say otherwise.
const (
	DefaultInFlight    = 20_000
	DefaultBodyBytes   = 64 << 10
	DefaultBodyTimeout = 10 * time.Second
)

type (
	// Callers knows who may call.
	Callers interface {
		// Find returns the caller's id. It compares keyed hashes, in constant time.
		Find(key secret.Key) (caller string, ok bool)
		// EnvelopeRequired reports whether the caller's profile wants every sensitive field sealed.
		EnvelopeRequired(caller string) bool
	}
	// Envelopes opens what callers seal.
	Envelopes interface {
		// Open returns the text of sm2:<key id>:<base64>. Its error wraps vault.ErrEnvelopeKey where the key is not in use.
		Open(envelope string) (string, error)
		// Published are the keys that callers may seal to, the one to use first.
		Published() []vault.EnvelopeKey
	}
	// Meter counts requests. route is a template, or empty where none matched.
	Meter interface {
		Request(method, route string, status int, took time.Duration)
	}
)

// Config is what a Server needs.
type Config struct {
	Flow    flow.API
	Set     *profiles.Set
	Callers Callers
	// Envelopes opens sealed fields. Required.
	Envelopes Envelopes
	// Fingerprint is a keyed hash of a canonical body. CVV and codes are left out before it is called.
	Fingerprint func(canonical []byte) []byte
	// Gates tells how banks and channels fare.
	Gates Gates
	// Events knows what callers were told.
	Events Events
	// People are asked what no query could settle.
	People People
	// Operator says which callers may overrule the gates, and see and replay others' events. Nil: none.
	Operator func(caller string) bool
	// Ready returns why the gateway can't work, or nil.
	Ready func() error
	// Metrics serves /metrics.
	Metrics http.Handler
	Meter   Meter
	Log     *slog.Logger
	Now     func() time.Time
	// InFlight is how many requests may be under way, 1 to 1,000,000. Default 20,000.
	InFlight int64
	// BodyBytes is the longest body, 1,024 to 1,048,576. Default 65,536.
	BodyBytes int64
	// BodyTimeout is how long a body may take to come once its headers are there. Default 10s.
	BodyTimeout time.Duration
}

// Server answers the northbound API. It is an http.Handler.
type Server struct {
	Config
	echo     *echo.Echo
	contract contract
	table    table
	inFlight atomic.Int64
	leaving  atomic.Bool
	stopping atomic.Bool
	unready  atomic.Bool   // the last who asked was told no
	idle     chan struct{} // has something in it when the last request under way has ended after Stop
}

var _ http.Handler = (*Server)(nil)

// New makes a Server. Its errors are faults of the files built into the program.
func New(cfg Config) (*Server, error) {
	if cfg.InFlight == 0 {
		cfg.InFlight = DefaultInFlight
	}
	if cfg.BodyBytes == 0 {
		cfg.BodyBytes = DefaultBodyBytes
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = DefaultBodyTimeout
	}
	if cfg.Flow == nil || cfg.Set == nil || cfg.Callers == nil || cfg.Envelopes == nil || cfg.Fingerprint == nil || cfg.Gates == nil || cfg.People == nil || cfg.Events == nil ||
		cfg.Ready == nil || cfg.Metrics == nil || cfg.Meter == nil || cfg.Log == nil || cfg.Now == nil {
		return nil, errors.New("api: Config is not complete")
	}
	contract, err := readContract(gen.Contract())
	if err != nil {
		return nil, err
	}
	table, err := readTable()
	if err != nil {
		return nil, err
	}
	s := &Server{Config: cfg, contract: contract, table: table, echo: echo.New(), idle: make(chan struct{}, 1)}
	contract["POST /v1/bindings"].meaning = s.bindingMeaning
	contract["POST /v1/verifications"].meaning = s.bindingMeaning
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.echo.Binder = binder{}
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Use(s.begin, s.admit)
	s.routes(s.echo)
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Leave makes /readyz say no, so that a balancer sends new work elsewhere. What comes all the same is done.
func (s *Server) Leave() { s.leaving.Store(true) }

// Idle waits until no request is under way. It is called after Stop, once.
func (s *Server) Idle(ctx context.Context) error {
	for s.inFlight.Load() > 0 {
		select {
		case <-s.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Stop makes /readyz say no and refuses new work with shutting_down. Requests under way go on.
func (s *Server) Stop() { s.stopping.Store(true) }

// InFlightNow is how many requests are under way.
func (s *Server) InFlightNow() int64 { return s.inFlight.Load() }
