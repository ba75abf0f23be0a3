package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// call is one request on its way through this room.
type call struct {
	id        string
	begun     time.Time
	method    string
	route     string // Echo's template; empty where no route matched
	path      string
	pathKnown bool // the path holds nothing but our own ids
	caller    string
	key       string   // Idempotency-Key
	doc       document // what was checked
	code      op.Reason
	bank      string
}

type callKey struct{}

// callOf finds the call that begin has put there.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// begin numbers the request, catches panics, and says in one line what became of it.
func (s *Server) begin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		now := s.Now()
		r := c.Request()
		this := &call{id: newID(now), begun: now, method: r.Method, route: c.Path(), path: r.URL.Path}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), callKey{}, this)))
		c.Response().Header().Set(echo.HeaderXRequestID, this.id)
		s.hurry(c.Response(), r)
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // it is compared by identity, as net/http does
					panic(p)
				}
				// What panicked may hold a value of the request: only its type is told.
				s.Log.Error("panic while answering", "request_id", this.id, "route", this.route, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				s.fail(&op.Problem{Reason: op.Internal, Detail: "the gateway failed"}, c)
			}
			s.done(c, this)
		}()
		if err := next(c); err != nil {
			s.fail(err, c)
		}
		return nil
	}
}

func (s *Server) done(c echo.Context, this *call) {
	took := s.Now().Sub(this.begun)
	status := c.Response().Status
	s.Meter.Request(this.method, this.route, status, took)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	s.Log.LogAttrs(c.Request().Context(), level, "request",
		slog.String("request_id", this.id), slog.String("method", method(this)), slog.String("route", this.route),
		slog.Int("status", status), slog.Float64("took_ms", float64(took.Microseconds())/1000), slog.String("caller", this.caller),
		slog.String("code", string(this.code)), slog.String("bank", this.bank))
}

// method is the request's method where a route knows it. A stranger's own word is not repeated.
func method(c *call) string {
	if c.route == "" {
		return ""
	}
	return c.method
}

// hurry gives a body, also one that will not be read because the request is refused, a time of its own.
// A ResponseWriter that has no deadlines is no connection.
func (s *Server) hurry(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.BodyTimeout))
	}
}

// admit limits how many requests are under way. Health and metrics always pass.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !strings.HasPrefix(c.Path(), "/v1/") {
			return next(c)
		}
		if s.stopping.Load() {
			c.Response().Header().Set("Connection", "close")
			return &op.Problem{Reason: op.ShuttingDown, Outcome: op.NotSent, Detail: "the gateway is shutting down"}
		}
		defer s.left()
		if s.inFlight.Add(1) > s.InFlight {
			return &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "too many requests are under way"}
		}
		return next(c)
	}
}

// left counts a request that has ended.
func (s *Server) left() {
	if s.inFlight.Add(-1) > 0 || !s.stopping.Load() {
		return
	}
	select {
	case s.idle <- struct{}{}:
	default:
	}
}

// authenticate finds the caller by the bearer key.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		values := c.Request().Header.Values(echo.HeaderAuthorization)
		if len(values) == 1 {
			scheme, key, _ := strings.Cut(values[0], " ")
			if strings.EqualFold(scheme, "Bearer") && key != "" && len(key) <= maxKeyLength {
				if caller, ok := s.Callers.Find(secret.NewKey(key)); ok {
					callOf(c.Request().Context()).caller = caller
					return next(c)
				}
			}
		}
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="kaqiao"`)
		return &op.Problem{Reason: op.Unauthorised, Outcome: op.NotSent, Detail: "send Authorization: Bearer with a key that the gateway knows"}
	}
}

// maxKeyLength is the longest bearer key looked at, in bytes.
const maxKeyLength = 256

// check reads the body strictly and holds the request against openapi.yaml.
func (s *Server) check(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		operation := s.contract[r.Method+" "+c.Path()]
		if operation == nil {
			return fmt.Errorf("no operation in openapi.yaml for %s %s", r.Method, c.Path())
		}
		doc, err := readBody(r, s.BodyBytes)
		if err != nil {
			return err
		}
		// From here on the connection is only watched: whoever waits for a bank may take longer.
		_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Time{})
		this := callOf(r.Context())
		envelopes := opener{envelopes: s.Envelopes, required: s.Callers.EnvelopeRequired(this.caller)}
		if err := envelopes.open(&doc, operation.sealable); err != nil {
			return fmt.Errorf("write an opened body: %T", err)
		}
		if err := operation.check(r, c.Param, doc, &envelopes); err != nil {
			return err
		}
		this.doc, this.pathKnown = doc, true
		this.key = r.Header.Get("Idempotency-Key")
		return next(c)
	}
}

// binder decodes what check has checked.
type binder struct{}

var errNoCall = errors.New("the request was not checked")

func (binder) Bind(into any, c echo.Context) error {
	this := callOf(c.Request().Context())
	if this == nil {
		return errNoCall
	}
	if this.doc.empty {
		return json.Unmarshal([]byte("{}"), into)
	}
	// Every name stands once and is one of the schema's own, letter by letter,
	// so this second reading of the bytes can only agree with the first.
	if json.Unmarshal(this.doc.raw, into) == nil {
		return nil
	}
	// What the schema takes and Go's types do not is a whole number written as 2e4 or 20000.0.
	whole, err := json.Marshal(this.doc.value)
	if err == nil {
		err = json.Unmarshal(whole, into)
	}
	if err != nil {
		return fmt.Errorf("openapi.yaml let a body pass that its types do not take: %T", err)
	}
	return nil
}

// newID makes a ULID. Its chance comes from the runtime's own source, which
// takes no lock: it numbers requests and protects nothing.
func newID(now time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(now))
	a, b := rand.Uint64(), rand.Uint64() //nolint:gosec // as said above
	for i := range 8 {
		id[6+i] = byte(a >> (8 * i)) //nolint:gosec // the low byte is meant
	}
	id[14], id[15] = byte(b), byte(b>>8) //nolint:gosec // the low bytes are meant
	return id.String()
}
