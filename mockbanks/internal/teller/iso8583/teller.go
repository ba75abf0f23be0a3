// Package iso8583 is what city banks mean by the messages of the interchange
// dialect, on long lines of their own or behind a hub. It is strict: what a real
// host would refuse is refused, in the order in which it looks: header, grammar,
// seal, sign-on, sender, time, trace, fields, and only then the books.
package iso8583

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// staleAfter is how far a message's time may be from the bank's clock, either way (assigned).
const staleAfter = 15 * time.Minute

// Teller speaks for one channel: a bank's own host, or a hub with members.
type Teller struct {
	channel   string
	opts      iso8583.Options
	codec     *iso8583.Codec
	directory teller.Directory
	now       func() time.Time
	log       *slog.Logger
	seen      *traces
	stan      atomic.Uint32 // of what the bank says unasked

	mu    sync.Mutex
	lines map[*line]struct{} // those signed on
}

var (
	_ teller.Teller  = (*Teller)(nil)
	_ teller.Liner   = (*Teller)(nil)
	_ teller.Rekeyer = (*Teller)(nil)
	_ teller.Line    = (*line)(nil)
)

// New returns the teller of a channel. Its options are the codec's.
func New(cfg teller.Config, codec *iso8583.Codec) *Teller {
	return &Teller{
		channel: cfg.Channel.ID, opts: codec.Options(), codec: codec, directory: cfg.Directory,
		now: cfg.Now, log: cfg.Log, seen: newTraces(maxTraces), lines: make(map[*line]struct{}),
	}
}

// line is one long line: whoever speaks over it signs on first.
type line struct {
	*Teller
	push   func(wire.Frame) error
	signed atomic.Bool
}

// Line implements teller.Liner.
func (t *Teller) Line(push func(wire.Frame) error) teller.Line {
	return &line{Teller: t, push: push}
}

// Close implements teller.Line.
func (l *line) Close() { l.sign(false) }

// sign notes whether the sender has signed on over this line.
func (l *line) sign(on bool) {
	l.signed.Store(on)
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.lines[l] = struct{}{}
	} else {
		delete(l.lines, l)
	}
}

// Understand implements teller.Teller for what comes without a line: nobody has signed on there.
func (t *Teller) Understand(frame wire.Frame) (teller.Call, teller.Answer, error) {
	return (&line{Teller: t}).Understand(frame)
}

// Understand implements teller.Line.
func (l *line) Understand(frame wire.Frame) (teller.Call, teller.Answer, error) {
	message, err := l.codec.Decode(frame)
	if err != nil {
		return l.unread(frame, err)
	}
	switch m := message.(type) {
	case *iso8583.Request:
		return l.heard(frame, m, m.Header, l.request)
	case *iso8583.Reversal:
		return l.heard(frame, m, m.Header, l.reversal)
	case *iso8583.Network:
		return l.heard(frame, m, m.Header, nil)
	case *iso8583.Bounced:
		l.log.Warn("a message of the bank's was bounced", "channel", l.channel, "code", m.Reject)
	}
	return nil, teller.Answer{}, nil // an answer to what the bank said by itself
}

// heard judges the header, and has the message judged by its kind.
func (l *line) heard(frame wire.Frame, m wire.Message, h iso8583.Header, kind func(wire.Message) (teller.Call, *refusal)) (teller.Call, teller.Answer, error) {
	if reject := l.judge(h); reject != "" {
		return l.bounce(frame, reject)
	}
	if network, ok := m.(*iso8583.Network); ok {
		answer, err := l.network(network)
		return nil, answer, err
	}
	call, no := kind(m)
	if no != nil {
		answer, err := l.refuse(m, *no)
		return nil, answer, err
	}
	return call, teller.Answer{}, nil
}

// judge compares the header's numbers; the grammar has looked at its form.
func (t *Teller) judge(h iso8583.Header) (reject string) {
	_, member := t.directory.Member(h.Destination)
	switch {
	case t.opts.Hub != "" && h.Destination != t.opts.Hub, t.opts.Hub == "" && !member:
		return iso8583.RejectDestination
	case h.Source != t.opts.Institution:
		return iso8583.RejectSource
	}
	return ""
}

// bounce sends a message back as it came: nothing of it was executed. One that
// does not say whose it is can't be sent back.
func (t *Teller) bounce(frame wire.Frame, reject string) (teller.Call, teller.Answer, error) {
	answer := teller.Answer{Code: reject}
	var err error
	if answer.Frame, err = t.codec.Bounce(frame, reject); err != nil {
		t.log.Debug("a message is dropped", "channel", t.channel, "error", err)
	}
	return nil, answer, nil
}

// unread answers what can't be read. What can't even be told for a request gets no answer.
func (t *Teller) unread(frame wire.Frame, fault error) (teller.Call, teller.Answer, error) {
	if reject, ok := iso8583.RejectOf(fault); ok {
		return t.bounce(frame, reject)
	}
	label, err := iso8583.LabelOf(frame.Body)
	if err != nil || label.Answers() {
		t.log.Debug("a message is dropped", "channel", t.channel, "error", fault)
		return nil, teller.Answer{}, nil //nolint:nilerr // what is dropped is nobody's trouble
	}
	if reject := t.judge(label.Header); reject != "" {
		return t.bounce(frame, reject)
	}
	no := refusal{codeOfFault(fault), fault.Error()}
	common := iso8583.Common{ProcessingCode: orElse(label.ProcessingCode, "000000")}
	var m wire.Message
	switch label.MTI {
	case iso8583.TypeRequest:
		m = &iso8583.Request{Header: label.Header, Trace: label.Trace, Common: common}
	case iso8583.TypeReversal, iso8583.TypeReversalRepeat:
		m = &iso8583.Reversal{Header: label.Header, Trace: label.Trace, Common: common}
	case iso8583.TypeNetwork, iso8583.TypeApplication:
		m = &iso8583.Network{Header: label.Header, Trace: label.Trace, Application: label.MTI == iso8583.TypeApplication, Code: "000"}
	default:
		t.log.Debug("a message is dropped", "channel", t.channel, "error", fault)
		return nil, teller.Answer{}, nil
	}
	answer, err := t.refuse(m, no)
	return nil, answer, err
}

// refusal is why a request is not passed on to the books.
type refusal struct {
	code  string
	about string // for the log of whoever debugs a client; it quotes nothing
}

// refuse answers in the message type that belongs to the request.
func (t *Teller) refuse(m wire.Message, no refusal) (teller.Answer, error) {
	t.log.Debug("the bank refuses", "channel", t.channel, "code", no.code, "about", no.about)
	switch m := m.(type) {
	case *iso8583.Request:
		return t.answer(t.reply(m, no.code))
	case *iso8583.Reversal:
		return t.answer(t.undone(m, no.code))
	case *iso8583.Network:
		return t.answer(t.networkReply(m, no.code))
	}
	return teller.Answer{}, errors.New("no such request")
}

// answer seals what goes back.
func (t *Teller) answer(m wire.Message) (teller.Answer, error) {
	frame, err := t.codec.Encode(m)
	if err != nil {
		return teller.Answer{}, fmt.Errorf("encode the answer %s: %w", m.Type(), err)
	}
	out := teller.Answer{Frame: frame, Message: m}
	switch m := m.(type) {
	case *iso8583.Answer:
		out.Code, out.Agreement = m.ResponseCode, m.Common.Usages.Agreement
	case *iso8583.ReversalAnswer:
		out.Code = m.ResponseCode
	case *iso8583.NetworkAnswer:
		out.Code = m.ResponseCode
	}
	if out.Code == iso8583.ResponseDone {
		out.Code = ""
	}
	return out, nil
}

// excuse answers in a member's place. A direct bank has nobody who would when it is silent.
func (t *Teller) excuse(m wire.Message, why teller.Excuse) (teller.Answer, error) {
	code := iso8583.ResponseBusy
	if why == teller.MemberSilent {
		if t.direct() {
			return teller.Answer{}, nil
		}
		code = iso8583.ResponseLate
	}
	return t.refuse(m, refusal{code, "an excuse"})
}

// direct: the channel is the bank itself.
func (t *Teller) direct() bool { return t.opts.Hub == "" }

// turned is the header of an answer.
func turned(h iso8583.Header) iso8583.Header {
	return iso8583.Header{Destination: h.Source, Source: h.Destination}
}

// books are those of a call's bank.
func (t *Teller) books(ctx context.Context, bank string) (teller.Ledger, error) {
	return t.directory.Ledger(ctx, bank)
}

// asked is what a ledger is told of every request.
func (t *Teller) asked(operation, number string) ledger.Request {
	return ledger.Request{Channel: t.channel, Operation: operation, Number: number, Institution: t.opts.Institution}
}

func (t *Teller) beijing() time.Time { return t.now().In(profiles.Beijing) }

// first returns the first refusal that there is.
func first(list ...*refusal) *refusal {
	for _, no := range list {
		if no != nil {
			return no
		}
	}
	return nil
}

// unless refuses where something does not hold.
func unless(ok bool, code, about string) *refusal {
	if ok {
		return nil
	}
	return &refusal{code, about}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
