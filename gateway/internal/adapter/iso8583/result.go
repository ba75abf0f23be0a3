package iso8583

import (
	"errors"
	"slices"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// What makes an answer useless. None quotes a field.
var (
	errType     = errors.New("answer is of another message type")
	errNoNumber = errors.New("answer says signed and names no agreement")
	errNoCode   = errors.New("answer has no response code")
)

// Result implements bank.Adapter. An answer that is not surely about o, or not
// surely a yes or a no, is an Unknown result.
func (a *Adapter) Result(o op.Operation, m wire.Message) op.Result {
	trace, err := iso8583.TraceOfNumber(o.Number)
	if err != nil {
		return nonsense(err)
	}
	switch m := m.(type) {
	case *iso8583.Answer:
		if m != nil && o.Kind != op.Reverse && a.processing(o.Kind) != "" {
			return a.answered(o, trace, m)
		}
	case *iso8583.ReversalAnswer:
		if m != nil && o.Kind == op.Reverse && o.Original != nil {
			return a.reversed(o, trace, m)
		}
	case *iso8583.Bounced:
		if m != nil {
			return a.bounced(o, trace, m)
		}
	}
	return nonsense(errType)
}

func (a *Adapter) answered(o op.Operation, trace iso8583.Trace, m *iso8583.Answer) op.Result {
	c := &m.Common
	if !a.ours(o, trace, m.Header, m.Trace, c) || c.ProcessingCode != a.processing(o.Kind) {
		return nonsense(op.ErrNotOurs)
	}
	order := ""
	switch o.Kind {
	case op.Apply, op.Challenge:
		order = o.Number
	case op.Confirm:
		order = o.Signing
	}
	if !same(c.Usages.Order, order) || o.Kind == op.Unsign && !same(c.Usages.Agreement, o.Agreement) {
		return nonsense(op.ErrNotOurs)
	}
	return a.said(o.Bank, o.Kind, o.Person.CardType, m)
}

// said is what an answer says of an operation of which it surely speaks.
func (a *Adapter) said(bank string, kind op.Kind, cardType string, m *iso8583.Answer) op.Result {
	if m.ResponseCode == "" {
		return nonsense(errNoCode)
	}
	r := a.narrowed(a.meaning(bank, kind, m.ResponseCode), bank, cardType, m.Common.Details.AccountClass)
	if r.Outcome != op.Accepted || kind == op.Unsign {
		return r
	}
	r.Class = class(m.Common.Details.AccountClass)
	if kind == op.Confirm {
		if m.Common.Usages.Agreement == "" {
			return nonsense(errNoNumber)
		}
		r.Agreement = m.Common.Usages.Agreement
	}
	return r
}

// narrowed: "not permitted" has more causes than one. A class of account that
// the bank does not bind tells one of them (inferred), the type of the card another (inferred).
func (a *Adapter) narrowed(r op.Result, bank, cardType, digit string) op.Result {
	if r.RawCode != iso8583.ResponseNotOpened || r.Reason != op.OnlinePaymentNotOpened {
		return r
	}
	b := a.set.Bank(bank)
	switch {
	case class(digit) != "" && b != nil && !slices.Contains(b.Accounts.Classes, class(digit)):
		r.Reason = op.ClassRestricted
	case cardType == "virtual":
		r.Reason = op.VirtualCardNoPermission
	}
	return r
}

// reversed reads a 0430. Done, never there, and undone before all mean that
// nothing of the original stands, and end the reversals (from memory).
func (a *Adapter) reversed(o op.Operation, trace iso8583.Trace, m *iso8583.ReversalAnswer) op.Result {
	of, err := iso8583.TraceOfNumber(o.Original.Number)
	named := m.Original != (iso8583.Original{})
	if err != nil || !a.ours(o, trace, m.Header, m.Trace, &m.Common) || m.Common.ProcessingCode != a.processing(o.Original.Kind) ||
		named && m.Original.Key() != of.Key() {
		return nonsense(op.ErrNotOurs)
	}
	switch m.ResponseCode {
	case "":
		return nonsense(errNoCode)
	case iso8583.ResponseDone, iso8583.ResponseNotFound, iso8583.ResponseInvalid:
		return op.Result{Outcome: op.Accepted, Undone: true, NotFound: m.ResponseCode == iso8583.ResponseNotFound, RawCode: m.ResponseCode}
	}
	return a.meaning(o.Bank, op.Reverse, m.ResponseCode)
}

// ours reports whether an answer is about o. Number and sender must be there;
// the others may be left out, and may not be others.
func (a *Adapter) ours(o op.Operation, trace iso8583.Trace, h iso8583.Header, echoed iso8583.Trace, c *iso8583.Common) bool {
	return echoed == trace && h.Source == a.destination(o.Member) && h.Destination == a.opts.Institution &&
		same(c.Acquirer, a.opts.Institution) && same(c.Forwarder, a.opts.Institution) && same(c.Receiver, o.Member) &&
		(c.PAN.IsZero() || o.Person.Card.IsZero() || c.PAN.Equal(o.Person.Card))
}

// bounced is our own message that came back unread: nothing was executed (inferred).
func (a *Adapter) bounced(o op.Operation, trace iso8583.Trace, m *iso8583.Bounced) op.Result {
	mti := iso8583.TypeRequest
	if o.Kind == op.Reverse {
		mti = (&iso8583.Reversal{Repeat: o.Repeat > 0}).Type()
	}
	if m.Trace != trace || m.MTI != mti || m.Reject == "" || m.Header.Source != a.destination(o.Member) {
		return nonsense(op.ErrNotOurs)
	}
	return returned(m)
}

func returned(m *iso8583.Bounced) op.Result {
	r := op.Result{Outcome: op.Refused, Reason: op.BankProtocolError, RawCode: m.Reject}
	if m.Reject == iso8583.RejectVersion {
		r.Reason = op.ProtocolVersionUnsupported
	}
	return r
}

// Heard implements bank.Listener: an answer that nobody waited for any more is
// the bank's word on an operation. It is known by its number; whether the card
// and the agreement in it are that operation's is for those to say who remember it. This
// protocol knows no acknowledgement of an answer.
func (a *Adapter) Heard(m wire.Message, at time.Time) (op.Notice, wire.Message, bool) {
	n := op.Notice{}
	var r op.Result
	var h iso8583.Header
	var trace iso8583.Trace
	switch m := m.(type) {
	case *iso8583.Answer:
		if m == nil {
			return n, nil, false
		}
		if n.Kind = a.kindOf(m.Common.ProcessingCode); n.Kind == "" || m.Header.Destination != a.opts.Institution {
			return n, nil, false
		}
		h, trace, n.Card = m.Header, m.Trace, m.Common.PAN
		if n.Kind == op.Unsign {
			n.Agreement = m.Common.Usages.Agreement
		}
		if n.Member = m.Common.Receiver; n.Member == "" {
			n.Member = m.Header.Source
		}
		r = a.said(a.banks[n.Member], n.Kind, "", m)
	case *iso8583.Bounced:
		if m == nil || m.MTI != iso8583.TypeRequest {
			return n, nil, false
		}
		h, trace, n.Member, r = m.Header, m.Trace, m.Header.Source, returned(m)
	default: // of a reversal nobody remembers more than that it is to be said again
		return n, nil, false
	}
	if h.Source != a.destination(n.Member) {
		return op.Notice{}, nil, false
	}
	var ok bool
	if n.Of, ok = numberOf(trace, at); !ok {
		return op.Notice{}, nil, false
	}
	n.Result = &r
	return n, nil, true
}

// kindOf is the operation of a processing code. A challenge looks like an apply.
func (a *Adapter) kindOf(code string) op.Kind {
	for _, kind := range []op.Kind{op.Verify, op.Apply, op.Confirm, op.Unsign} {
		if code == a.processing(kind) {
			return kind
		}
	}
	return ""
}

// numberOf finds the year that a trace leaves out: the one that brings it nearest.
func numberOf(t iso8583.Trace, at time.Time) (number string, ok bool) {
	var nearest time.Duration
	year := at.In(profiles.Beijing).Year()
	for _, y := range []int{year - 1, year, year + 1} {
		candidate := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") + t.Transmitted + t.STAN
		moment, err := iso8583.MomentOf(candidate)
		if err != nil {
			continue // 29 February, or no time at all
		}
		if apart := moment.Sub(at).Abs(); !ok || apart < nearest {
			number, nearest, ok = candidate, apart, true
		}
	}
	return number, ok
}

// same reports whether an echoed field is what was sent. A blank one is.
func same(echo, sent string) bool { return echo == sent || echo == "" }

// nonsense is an answer that says nothing: the operation may have been carried out.
func nonsense(err error) op.Result {
	return op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, Fault: op.ChannelFault, Err: err}
}

// class reads the account's class in field 60.11 (found).
func class(digit string) string {
	switch digit {
	case "1":
		return "I"
	case "2":
		return "II"
	case "3":
		return "III"
	}
	return ""
}
