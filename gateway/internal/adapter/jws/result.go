package jws

import (
	"errors"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

// What makes an answer useless. None quotes a field.
var (
	errType = errors.New("answer is of another message type")
	errOld  = errors.New("answer was signed long before its question")
)

// Result implements bank.Adapter. An answer that is not surely about o, or not
// surely a yes or a no, is an Unknown result.
func (a *Adapter) Result(o op.Operation, m wire.Message) op.Result {
	switch m := m.(type) {
	case *jws.VerificationResult:
		if o.Kind == op.Verify {
			return a.about(o, m.Head, m.RequestID == o.Number, func() op.Result { return a.verified(o, m) })
		}
	case *jws.Consent:
		switch {
		case o.Kind == op.Apply:
			return a.about(o, m.Head, m.RequestID == o.Number, func() op.Result { return a.state(o.Bank, m.ConsentState) })
		case asks(o, op.Apply):
			return a.about(o, m.Head, m.RequestID == o.Original.Number, func() op.Result { return told(a.state(o.Bank, m.ConsentState)) })
		}
	case *jws.RevocationResult:
		switch {
		case o.Kind == op.Unsign:
			return a.about(o, m.Head, m.RequestID == o.Number && m.MandateID == o.Agreement, func() op.Result { return op.Result{Outcome: op.Accepted} })
		case asks(o, op.Unsign):
			return a.about(o, m.Head, m.RequestID == o.Original.Number, func() op.Result { return told(op.Result{Outcome: op.Accepted}) })
		}
	case *jws.Problem:
		return a.about(o, m.Head, names(o, m), func() op.Result { return a.refused(o, m) })
	case *jws.Bare:
		r := unsigned(m.Status)
		r.RetryAfterS = int(m.RetryAfterS)
		return r
	case *jws.TokenRefusal:
		if m.Status == 401 { // the front's words for a token that it does not take
			return unsigned(m.Status)
		}
	}
	return nonsense(errType)
}

// about believes an answer that is of the right bank, about what was asked and
// no older than its question: a signature alone does not say when it came.
func (a *Adapter) about(o op.Operation, h jws.Head, ours bool, result func() op.Result) op.Result {
	switch {
	case !ours || h.Bank != o.Member:
		return nonsense(op.ErrNotOurs)
	case time.Unix(h.IssuedAt, 0).Before(o.At.Add(-a.opts.StaleLimit())):
		return nonsense(errOld)
	}
	return result()
}

// asks reports whether an operation is a query for one of this kind.
func asks(o op.Operation, kind op.Kind) bool {
	return o.Kind == op.Query && o.Original != nil && o.Original.Kind == kind
}

// names reports whether a problem is about what was asked. Where the bank may
// not have read that far it need not say the number.
func names(o op.Operation, m *jws.Problem) bool {
	want := o.Number
	if o.Original != nil {
		want = o.Original.Number
	}
	switch m.Status {
	case 404, 409, 422:
		return m.RequestID == want
	}
	return m.RequestID == want || m.RequestID == ""
}

func (a *Adapter) verified(o op.Operation, m *jws.VerificationResult) op.Result {
	if m.Result == jws.Verified {
		return op.Result{Outcome: op.Accepted, Class: m.Class}
	}
	return a.because(o.Bank, op.Verify, m.Reason, op.IdentityMismatch)
}

// state is how far a consent is. The bank's clock says until when it may be approved.
func (a *Adapter) state(bank string, c jws.ConsentState) op.Result {
	switch c.Status {
	case jws.Received, jws.InReview, jws.NeedInfo, jws.CallbackScheduled:
		r := op.Result{Outcome: op.Pending, RawCode: c.Status}
		if by, err := time.Parse(time.RFC3339, c.ExpirationDateTime); err == nil {
			r.ApprovalBy = by
		}
		return r
	case jws.Approved:
		return op.Result{Outcome: op.Accepted, RawCode: c.Status, Agreement: c.MandateID, Class: c.Class}
	case jws.Rejected:
		return a.because(bank, op.Apply, c.Reason, op.BankRefused)
	case jws.Expired:
		return op.Result{Outcome: op.Refused, Reason: op.SessionExpired, RawCode: c.Status}
	}
	return nonsense(errType)
}

// because is a no that is sure, whatever its reason: one in no table is otherwise, and counted.
func (a *Adapter) because(bank string, kind op.Kind, code string, otherwise op.Reason) op.Result {
	e, ok := a.find(bank, kind, 0, code)
	if !ok || e.outcome != op.Refused {
		return op.Result{Outcome: op.Refused, Reason: otherwise, RawCode: code, Unmapped: !ok}
	}
	return op.Result{Outcome: op.Refused, Reason: e.reason, RawCode: code}
}

// refused reads a problem. Of a query only "not found" says something of the original.
func (a *Adapter) refused(o op.Operation, m *jws.Problem) op.Result {
	if o.Kind == op.Query && m.Status == 404 && m.Code == jws.CodeNotFound {
		return op.Result{Outcome: op.Accepted, NotFound: true, RawCode: m.Code}
	}
	r := a.meaning(o.Bank, o.Kind, m.Status, m.Code)
	r.RetryAfterS = int(m.RetryAfterS)
	return r
}

// told is the result of a query that learned of.
func told(of op.Result) op.Result {
	return op.Result{Outcome: op.Accepted, RawCode: of.RawCode, Of: &of}
}

// Heard implements bank.Listener: how far a consent is, or a mandate that the
// bank has ended itself. A bank signs each delivery anew, so a notice whose
// signature is old is somebody else's copy of it.
func (a *Adapter) Heard(m wire.Message, at time.Time) (op.Notice, wire.Message, bool) {
	n, ok := m.(*jws.Notice)
	if !ok || time.Unix(n.IssuedAt, 0).Sub(at).Abs() > a.opts.StaleLimit() {
		return op.Notice{}, nil, false
	}
	notice := op.Notice{Member: n.Bank, Number: n.NoticeID}
	switch n.Event {
	case jws.EventRevoked:
		notice.Kind, notice.Agreement = op.Unsign, n.MandateID
	case jws.EventConsent:
		r := a.state(a.members[n.Bank], n.Consent)
		notice.Kind, notice.Of, notice.Result = op.Apply, n.Consent.RequestID, &r
	default:
		return op.Notice{}, nil, false
	}
	ack := &jws.NoticeAck{Head: jws.Head{IssuedAt: at.Unix(), Bank: n.Bank, Interaction: n.Interaction}, NoticeID: n.NoticeID}
	return notice, ack, true
}

// nonsense is an answer that says nothing: the operation may have been carried out.
func nonsense(err error) op.Result {
	return op.Result{Outcome: op.Unknown, Reason: op.BankProtocolError, Fault: op.ChannelFault, Err: err}
}
