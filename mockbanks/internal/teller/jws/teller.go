// Package jws is what a bank means by signed JSON over HTTP with OAuth2 client
// credentials: a mandate is asked for, people look at it, and the bank says
// what came of it. It is strict: what a real bank would refuse is refused, in
// the order in which they look: the token, the signature, the fields, whose
// request it is, and its age.
package jws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

// Routes are the ways into such a channel.
func Routes() []listen.Route {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	return []listen.Route{
		{Method: http.MethodPost, Path: "token", ContentType: form},
		{Method: http.MethodPost, Path: "account-verifications", ContentType: object},
		{Method: http.MethodPost, Path: "mandate-consents", ContentType: object},
		{Method: http.MethodGet, Path: "mandate-consents/*"},
		{Method: http.MethodPost, Path: "mandates/*/revocations", ContentType: object},
		{Method: http.MethodGet, Path: "revocations/*"},
	}
}

// Teller speaks for the banks of one channel.
type Teller struct {
	channel    string
	opts       jws.Options
	staleAfter time.Duration
	codec      wire.Codec
	directory  teller.Directory
	members    []string
	mutual     bool // clients without a certificate are nobody
	tokens     *tokens
	repeats    *repeats
	now        func() time.Time
	log        *slog.Logger
}

var (
	_ teller.Teller   = (*Teller)(nil)
	_ teller.Notifier = (*Teller)(nil)
	_ teller.Reporter = (*Teller)(nil)
)

// New returns the teller of a channel. Options are complete: those of the codec.
func New(cfg teller.Config, opts jws.Options) *Teller {
	return &Teller{
		channel: cfg.Channel.ID, opts: opts, staleAfter: opts.StaleLimit(), codec: cfg.Codec,
		directory: cfg.Directory, members: cfg.Members,
		mutual: strings.HasPrefix(cfg.Channel.Endpoint.URL, "https:") && !cfg.Channel.Mock.PlainHTTP,
		tokens: newTokens(opts.TokenLimit(), maxTokens), repeats: newRepeats(maxRepeats),
		now: cfg.Now, log: cfg.Log,
	}
}

// Understand implements teller.Teller.
func (t *Teller) Understand(frame wire.Frame) (teller.Call, teller.Answer, error) {
	if frame.Path == "token" {
		answer, err := t.grant(frame)
		return nil, answer, err
	}
	head := t.reply(frame)
	if !t.tokens.good(bearer(frame), frame.Client, t.now()) {
		// What stands before the bank says so, and its answers are not signed (found).
		answer, err := t.answer(&jws.Bare{Head: head, Status: http.StatusUnauthorized}, jws.CodeTokenInvalid, "")
		return nil, answer, err
	}
	message, err := t.codec.Decode(frame)
	if err != nil {
		answer, err := t.refuse(head, "", faultOf(err), err.Error())
		return nil, answer, err
	}
	c, no, about := t.call(frame, message)
	if no != (denial{}) {
		answer, err := t.refuse(c.head, c.facts.Number, no, about)
		return nil, answer, err
	}
	if c.of != "" {
		return queryCall{c}, teller.Answer{}, nil
	}
	return c, teller.Answer{}, nil
}

// call is one request that was understood, with what its bank is to do.
type call struct {
	*Teller
	head  jws.Head // of the answer
	facts teller.Facts
	of    string // of a query: the operation that it asks about
	run   func(context.Context, teller.Ledger) (teller.Answer, error)
}

// call finds out what is asked, and what is wrong with it before the bank has looked at a person.
func (t *Teller) call(frame wire.Frame, message wire.Message) (c *call, no denial, about string) {
	c = &call{Teller: t}
	var asked jws.Head
	switch m := message.(type) {
	case *jws.Verification:
		asked = m.Head
		t.verification(c, m)
	case *jws.ConsentRequest:
		asked = m.Head
		t.consent(c, m)
	case *jws.ConsentQuery:
		asked = m.Head
		t.consentQuery(c, m)
	case *jws.Revocation:
		asked = m.Head
		t.revocation(c, m)
	case *jws.RevocationQuery:
		asked = m.Head
		t.revocationQuery(c, m)
	default:
		c.head = t.reply(frame)
		return c, denial{http.StatusNotFound, jws.CodeNotFound, 0}, "no message that a bank is asked with"
	}
	c.facts.Request, c.facts.Direct = message, true
	if asked.Bank == "" && len(t.members) == 1 {
		asked.Bank = t.members[0]
	}
	c.head = jws.Head{Bank: asked.Bank, Interaction: asked.Interaction}
	bank, member := t.directory.Member(asked.Bank)
	c.facts.Bank = bank
	if !member {
		c.head.Bank = t.members[0]
		return c, denial{http.StatusForbidden, jws.CodeForbidden, 0}, "no bank of this channel"
	}
	if asked.Signer == "" {
		return c, denial{}, "" // a query: token and certificate say whose it is (found)
	}
	off := t.now().Sub(time.Unix(asked.IssuedAt, 0))
	switch {
	case off > t.staleAfter || off < -t.staleAfter:
		return c, denial{http.StatusBadRequest, jws.CodeSignatureInvalid, 0}, "the signature's time is too far from the bank's clock"
	case !t.repeats.same(frame.Path+" "+c.facts.Number, frame.Body, t.now()):
		return c, denial{http.StatusConflict, jws.CodeIdempotency, 0}, "the number came before with another body"
	}
	return c, denial{}, ""
}

// Facts implements teller.Call.
func (c *call) Facts() teller.Facts { return c.facts }

// Execute implements teller.Call.
func (c *call) Execute(ctx context.Context) (teller.Answer, error) {
	books, err := c.directory.Ledger(ctx, c.facts.Bank)
	if err != nil {
		return teller.Answer{}, err
	}
	answer, err := c.run(ctx, books)
	if err != nil {
		return teller.Answer{}, fmt.Errorf("bank %s: %w", c.facts.Bank, err)
	}
	return answer, nil
}

// Excuse implements teller.Call. Only a bank that is silent leaves the other side in doubt.
func (c *call) Excuse(why teller.Excuse) (teller.Answer, error) {
	switch why {
	case teller.MemberBusy:
		return c.refuse(c.head, c.facts.Number, denial{http.StatusTooManyRequests, jws.CodeRateLimited, 1}, "the bank is busy")
	case teller.HubBusy:
		return c.answer(&jws.Bare{Head: c.head, Status: http.StatusTooManyRequests, RetryAfterS: 1}, jws.CodeRateLimited, "")
	}
	return c.answer(&jws.Bare{Head: c.head, Status: http.StatusGatewayTimeout}, jws.CodeUnavailable, "")
}

// request is what the books keep an answer under.
func (c *call) request() ledger.Request {
	return ledger.Request{Channel: c.channel, Operation: c.facts.Operation, Number: c.facts.Number, Institution: c.opts.ClientID}
}

// signed is the head of an answer that is signed now.
func (c *call) signed() jws.Head {
	h := c.head
	h.IssuedAt = c.now().Unix()
	return h
}

// refuse answers with a signed problem.
func (t *Teller) refuse(head jws.Head, number string, no denial, about string) (teller.Answer, error) {
	t.log.Debug("the bank refuses", "channel", t.channel, "code", no.code, "about", about)
	head.IssuedAt = t.now().Unix()
	return t.answer(&jws.Problem{
		Head: head, Status: no.status, RequestID: number, Code: no.code, RetryAfterS: no.retryAfterS,
	}, no.code, "")
}

// answer encodes what goes back.
func (t *Teller) answer(m wire.Message, code, agreement string) (teller.Answer, error) {
	frame, err := t.codec.Encode(m)
	if err != nil {
		return teller.Answer{}, fmt.Errorf("encode the answer %s: %w", m.Type(), err)
	}
	// A body that is there though empty: an answer without one is no answer to the farm.
	frame.Body = append([]byte{}, frame.Body...)
	return teller.Answer{Frame: frame, Message: m, Code: code, Agreement: agreement}, nil
}

// reply is the head of an answer to a request of which nothing is believed yet:
// the bank speaks, and echoes the interaction where it is one.
func (t *Teller) reply(frame wire.Frame) jws.Head {
	head := jws.Head{Interaction: frame.Header("x-fapi-interaction-id")}
	if len(t.members) > 0 {
		head.Bank = t.members[0]
	}
	if _, err := t.codec.Encode(&jws.Bare{Head: head, Status: http.StatusUnauthorized}); err != nil {
		head.Interaction = ""
	}
	return head
}

// bearer is the token of a request, empty where it brought none.
func bearer(frame wire.Frame) string {
	scheme, token, ok := strings.Cut(frame.Header("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// faultOf is the bank's word for what the grammar says of a frame.
func faultOf(err error) denial {
	code := jws.CodeFieldInvalid
	var field *wire.FieldError
	switch {
	case errors.Is(err, wire.ErrSealMissing):
		code = jws.CodeSignatureMissing
	case errors.Is(err, wire.ErrSeal), errors.Is(err, wire.ErrKey):
		code = jws.CodeSignatureInvalid
	case errors.Is(err, wire.ErrUnknownType):
		return denial{http.StatusNotFound, jws.CodeNotFound, 0}
	case errors.As(err, &field) && strings.HasPrefix(field.Field, "x-"):
		code = jws.CodeHeaderInvalid
	}
	return denial{http.StatusBadRequest, code, 0}
}
