package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/journal"
)

// verdict is what one try came to.
type verdict struct {
	delivered bool
	gone      bool // the endpoint wants nothing any more
	note      string
	after     time.Duration // not before: what the receiver has asked for
}

// tell makes one try and marks what it came to. It owns the event's place.
func (d *Deliverer) tell(ctx context.Context, e journal.Event) {
	var hold time.Time
	defer func() { d.leave(&e, hold) }()
	if over, ok := d.unmarked(&e); ok { // it was told: only the journal does not know yet
		hold = d.mark(ctx, &e, over)
		return
	}
	was := e

	begun := d.cfg.Now()
	var v verdict
	endpoint, ok := d.cfg.Endpoints.Of(e.Caller)
	switch {
	case !ok:
		v = verdict{gone: true, note: "the caller has no webhook"}
	case endpoint.Gone:
		v = verdict{gone: true, note: "the endpoint has answered 410 and was not added again"}
	default:
		v = d.post(ctx, &endpoint, &e)
		if ctx.Err() != nil && !v.delivered {
			return // the gateway stops: nobody knows, and it is posted again
		}
	}
	d.fared(e.Caller, v.delivered || v.gone)
	now := d.cfg.Now()
	result := settle(&e, v, now)
	if v.gone && ok {
		if err := d.cfg.Endpoints.disable(endpoint.ID); err != nil {
			d.cfg.Log.Error("an endpoint that is gone could not be written down", "caller", e.Caller, "error", err)
		}
	}
	d.cfg.Meter.Told(result, now.Sub(begun))
	d.log(&e, result)
	hold = d.mark(ctx, &was, e)
}

// settle is what a verdict makes of an event.
func settle(e *journal.Event, v verdict, now time.Time) (result string) {
	e.Note = v.note
	switch {
	case v.gone:
		e.State, e.NextAt = journal.EventDead, time.Time{}
		return "gone"
	case v.delivered:
		e.State, e.NextAt, e.Note = journal.EventDelivered, time.Time{}, ""
		e.Tries++
		return "delivered"
	}
	e.Tries++
	if e.Tries >= maxTries {
		e.State, e.NextAt = journal.EventDead, time.Time{}
		return "dead"
	}
	e.NextAt = now.Add(max(pause(e.ID, e.Tries), v.after))
	return "failed"
}

func (d *Deliverer) log(e *journal.Event, result string) {
	attrs := []any{"result", result, "event", e.ID, "type", e.Type, "caller", e.Caller, "binding", e.Subject, "tries", e.Tries}
	switch result {
	case "delivered":
		d.cfg.Log.Debug("a caller was told", attrs...)
	case "failed":
		d.cfg.Log.Warn("a caller could not be told", append(attrs, "why", e.Note, "next_at", e.NextAt)...)
	default:
		d.cfg.Log.Error("a caller was not told: only a replay tells it", append(attrs, "why", e.Note)...)
	}
}

// post sends one event and judges the answer by its status alone.
func (d *Deliverer) post(ctx context.Context, to *Endpoint, e *journal.Event) verdict {
	now := d.cfg.Now()
	signature, err := sign(e.ID, now, e.Body, to.signing(now))
	if err != nil || signature == "" {
		return verdict{note: "the endpoint has no secret that signs"}
	}
	g := guard{dev: d.cfg.Dev, allow: to.Allow}
	if err := g.checkURL(to.URL); err != nil {
		return verdict{note: "the endpoint's URL is not allowed"}
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(e.Body))
	if err != nil {
		return verdict{note: "the endpoint's URL is not valid"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "kaqiao-gateway")
	req.Header.Set(headerID, e.ID)
	req.Header.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(headerSignature, signature)
	crash.Here(crash.NotifyPosting, e.Type)
	resp, err := d.client(to).Do(req)
	if err != nil {
		return verdict{note: why(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswered) // a connection whose answer was read is used again
	crash.Here(crash.NotifyDelivered, e.Type)
	v := verdict{note: fmt.Sprintf("answered %d", resp.StatusCode)}
	switch code := resp.StatusCode; {
	case code/100 == 2:
		v.delivered = true
	case code == http.StatusGone:
		v.gone = true
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		v.after = retryAfter(resp.Header, now)
	}
	return v
}

// why says in our own words what went wrong: an error's text may hold the
// endpoint's URL, which may hold a token, or what the other side has sent.
func why(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	var unknownCA x509.UnknownAuthorityError
	var host x509.HostnameError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errAddress):
		return "the endpoint's address is not allowed"
	case errors.Is(err, errPort):
		return "the endpoint's port is not allowed"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &dns):
		return "the endpoint's name was not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.As(err, &unknownCA), errors.As(err, &host), errors.As(err, &certificate):
		return "the endpoint's certificate is not trusted"
	}
	return "the connection failed"
}
