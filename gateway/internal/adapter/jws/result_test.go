package jws_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

func head() jws.Head {
	return jws.Head{IssuedAt: begun.Add(2 * time.Second).Unix(), Bank: member, Signer: "B1"}
}

func consent(of, status string, change func(*jws.ConsentState)) *jws.Consent {
	c := jws.ConsentState{
		RequestID: of, ConsentID: "CASE-1", Status: status, ExpirationDateTime: "2025-11-28T18:00:00+08:00",
		CreationDateTime: "2025-11-25T10:00:00+08:00", StatusUpdateDateTime: "2025-11-25T10:00:00+08:00",
	}
	if change != nil {
		change(&c)
	}
	return &jws.Consent{Head: head(), ConsentState: c}
}

func problem(status int64, code, of string) *jws.Problem {
	return &jws.Problem{Head: head(), Status: status, Code: code, RequestID: of, Message: "text that nobody is shown"}
}

var expires = time.Date(2025, 11, 28, 10, 0, 0, 0, time.UTC)

func approved(c *jws.ConsentState) { c.MandateID, c.Class = agreement, "II" }
func because(code string) func(*jws.ConsentState) {
	return func(c *jws.ConsentState) { c.Reason = code }
}

func TestResults(t *testing.T) {
	for name, c := range map[string]struct {
		o    op.Operation
		m    wire.Message
		want op.Result
	}{
		"received":            {operation(op.Apply), consent(number, jws.Received, nil), op.Result{Outcome: op.Pending, RawCode: jws.Received, ApprovalBy: expires}},
		"scheduled, no end":   {operation(op.Apply), consent(number, jws.CallbackScheduled, func(c *jws.ConsentState) { c.ExpirationDateTime = "" }), op.Result{Outcome: op.Pending, RawCode: jws.CallbackScheduled}},
		"approved at once":    {operation(op.Apply), consent(number, jws.Approved, approved), op.Result{Outcome: op.Accepted, RawCode: jws.Approved, Agreement: agreement, Class: "II"}},
		"rejected at once":    {operation(op.Apply), consent(number, jws.Rejected, because(jws.CodeCallbackFailed)), op.Result{Outcome: op.Refused, Reason: op.BankRefused, RawCode: jws.CodeCallbackFailed}},
		"rejected, no table":  {operation(op.Apply), consent(number, jws.Rejected, because("Moon.Wrong")), op.Result{Outcome: op.Refused, Reason: op.BankRefused, RawCode: "Moon.Wrong", Unmapped: true}},
		"expired":             {operation(op.Apply), consent(number, jws.Expired, nil), op.Result{Outcome: op.Refused, Reason: op.SessionExpired, RawCode: jws.Expired}},
		"still waiting":       {question(op.Apply), consent(applied, jws.InReview, nil), op.Result{Outcome: op.Accepted, RawCode: jws.InReview, Of: &op.Result{Outcome: op.Pending, RawCode: jws.InReview, ApprovalBy: expires}}},
		"approved since":      {question(op.Apply), consent(applied, jws.Approved, approved), op.Result{Outcome: op.Accepted, RawCode: jws.Approved, Of: &op.Result{Outcome: op.Accepted, RawCode: jws.Approved, Agreement: agreement, Class: "II"}}},
		"rejected since":      {question(op.Apply), consent(applied, jws.Rejected, because(jws.CodeNameMismatch)), op.Result{Outcome: op.Accepted, RawCode: jws.CodeNameMismatch, Of: &op.Result{Outcome: op.Refused, Reason: op.NameMismatch, RawCode: jws.CodeNameMismatch}}},
		"not found":           {question(op.Apply), problem(404, jws.CodeNotFound, applied), op.Result{Outcome: op.Accepted, NotFound: true, RawCode: jws.CodeNotFound}},
		"unsigning not found": {question(op.Unsign), problem(404, jws.CodeNotFound, applied), op.Result{Outcome: op.Accepted, NotFound: true, RawCode: jws.CodeNotFound}},
		"revoked": {operation(op.Unsign), &jws.RevocationResult{Head: head(), RequestID: number, MandateID: agreement, RevokedDateTime: "2025-11-25T10:00:00Z", Created: true},
			op.Result{Outcome: op.Accepted}},
		"revoked since": {question(op.Unsign), &jws.RevocationResult{Head: head(), RequestID: applied, MandateID: agreement, RevokedDateTime: "2025-11-25T10:00:00Z"},
			op.Result{Outcome: op.Accepted, Of: &op.Result{Outcome: op.Accepted}}},
		"verified":                               {operation(op.Verify), &jws.VerificationResult{Head: head(), RequestID: number, Result: jws.Verified, Class: "I"}, op.Result{Outcome: op.Accepted, Class: "I"}},
		"not verified":                           {operation(op.Verify), &jws.VerificationResult{Head: head(), RequestID: number, Result: jws.NotVerified, Reason: jws.CodeMobileMismatch}, op.Result{Outcome: op.Refused, Reason: op.MobileMismatch, RawCode: jws.CodeMobileMismatch}},
		"not, for whatever":                      {operation(op.Verify), &jws.VerificationResult{Head: head(), RequestID: number, Result: jws.NotVerified, Reason: "Moon.Wrong"}, op.Result{Outcome: op.Refused, Reason: op.IdentityMismatch, RawCode: "Moon.Wrong", Unmapped: true}},
		"busy, and says until when":              {operation(op.Apply), later(problem(429, jws.CodeRateLimited, number), 60), op.Result{Outcome: op.Refused, Reason: op.BankBusy, RawCode: jws.CodeRateLimited, RetryAfterS: 60}},
		"its front is busy, and says until when": {operation(op.Apply), &jws.Bare{Head: head(), Status: 429, RetryAfterS: 30}, op.Result{Outcome: op.Refused, Reason: op.BankBusy, RawCode: "429", RetryAfterS: 30}},
		// The bank's clock may be behind ours, within what is allowed.
		"a slow clock": {operation(op.Apply), signedAt(consent(number, jws.Received, nil), begun.Add(-9*time.Minute)), op.Result{Outcome: op.Pending, RawCode: jws.Received, ApprovalBy: expires}},
	} {
		got := newAdapter(t).Result(c.o, c.m)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func later(m wire.Message, seconds int64) wire.Message {
	p, _ := m.(*jws.Problem)
	p.RetryAfterS = seconds
	return p
}

func signedAt(c *jws.Consent, at time.Time) *jws.Consent {
	c.IssuedAt = at.Unix()
	return c
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		kind    op.Kind
		m       wire.Message
		outcome op.Outcome
		reason  op.Reason
		fault   op.Fault
		counted bool
	}{
		{op.Apply, problem(422, jws.CodeNameMismatch, number), op.Refused, op.NameMismatch, "", false},
		{op.Apply, problem(422, jws.CodeConsentOpen, number), op.Refused, op.AlreadyBound, "", false},
		{op.Apply, problem(422, "Moon.Wrong", number), op.Unknown, op.BankProtocolError, op.MemberFault, true},
		{op.Verify, problem(422, "Moon.Wrong", number), op.Refused, op.BankRefused, "", true},
		{op.Verify, problem(500, "Moon.Wrong", number), op.Unknown, op.BankProtocolError, op.MemberFault, true},
		{op.Apply, problem(500, jws.CodeNameMismatch, number), op.Unknown, op.BankProtocolError, op.MemberFault, true}, // the status contradicts the code
		{op.Apply, problem(400, jws.CodeSignatureInvalid, ""), op.Refused, op.BankProtocolError, "", false},
		{op.Apply, problem(401, jws.CodeTokenInvalid, ""), op.Refused, op.ChannelUnavailable, op.ChannelFault, false},
		{op.Unsign, problem(401, jws.CodeTokenInvalid, ""), op.Refused, op.ChannelUnavailable, op.ChannelFault, false},
		{op.Apply, problem(409, jws.CodeIdempotency, number), op.Unknown, op.BankProtocolError, op.MemberFault, false},
		{op.Apply, problem(429, jws.CodeRateLimited, ""), op.Refused, op.BankBusy, "", false},
		{op.Apply, problem(503, jws.CodeUnavailable, number), op.Unknown, op.BankBusy, op.MemberFault, false},
		{op.Apply, problem(500, jws.CodeInternal, number), op.Unknown, op.BankUnavailable, op.MemberFault, false},
		{op.Unsign, problem(422, jws.CodeMandateRevoked, number), op.Accepted, "", "", false},
		{op.Unsign, problem(404, jws.CodeMandateNotFound, number), op.Refused, op.AgreementNotFound, "", false},
		{op.Unsign, problem(422, jws.CodeNameMismatch, number), op.Unknown, op.BankProtocolError, op.MemberFault, true},
		{op.Apply, problem(404, jws.CodeNotFound, number), op.Unknown, op.BankProtocolError, op.MemberFault, true},
		{op.Apply, &jws.Bare{Status: 401}, op.Refused, op.ChannelUnavailable, op.ChannelFault, false},
		{op.Apply, &jws.TokenRefusal{Status: 401, Error: "invalid_token"}, op.Refused, op.ChannelUnavailable, op.ChannelFault, false},
		{op.Apply, &jws.TokenRefusal{Status: 400, Error: "invalid_request"}, op.Unknown, op.BankProtocolError, op.ChannelFault, false},
		{op.Apply, &jws.Bare{Status: 429}, op.Refused, op.BankBusy, "", false},
		{op.Apply, &jws.Bare{Status: 500}, op.Unknown, op.BankUnavailable, op.ChannelFault, false},
		{op.Unsign, &jws.Bare{Status: 503}, op.Unknown, op.BankBusy, op.ChannelFault, false},
		{op.Verify, &jws.Bare{Status: 504}, op.Unknown, op.BankTimeout, op.ChannelFault, false},
	} {
		got := newAdapter(t).Result(operation(c.kind), c.m)
		if got.Outcome != c.outcome || got.Reason != c.reason || got.Fault != c.fault || got.Unmapped != c.counted {
			t.Errorf("%s answered with %+v: %+v", c.kind, c.m, got)
		}
	}
}

// Whatever is not surely about what was asked says nothing of it.
func TestNotOurs(t *testing.T) {
	other := consent(number, jws.Approved, approved)
	other.Bank = "CITICNSX"
	for name, c := range map[string]struct {
		o op.Operation
		m wire.Message
	}{
		"another number":             {operation(op.Apply), consent(applied, jws.Approved, approved)},
		"another bank":               {operation(op.Apply), other},
		"an answer of yesterday":     {operation(op.Apply), signedAt(consent(number, jws.Approved, approved), begun.Add(-24*time.Hour))},
		"a refusal of another":       {operation(op.Apply), problem(422, jws.CodeNameMismatch, applied)},
		"a refusal of nothing":       {operation(op.Apply), problem(422, jws.CodeNameMismatch, "")},
		"not found of another":       {question(op.Apply), problem(404, jws.CodeNotFound, number)},
		"not found of nothing":       {question(op.Apply), problem(404, jws.CodeNotFound, "")},
		"another mandate":            {operation(op.Unsign), &jws.RevocationResult{Head: head(), RequestID: number, MandateID: "MND-2"}},
		"a consent for a verifying":  {operation(op.Verify), consent(number, jws.Approved, approved)},
		"a consent for an unsigning": {question(op.Unsign), consent(applied, jws.Approved, approved)},
		"a verifying for an apply":   {operation(op.Apply), &jws.VerificationResult{Head: head(), RequestID: number, Result: jws.Verified}},
		"a token":                    {operation(op.Apply), &jws.Token{TokenType: "Bearer", ExpiresIn: 60}},
		"a notice":                   {operation(op.Apply), &jws.Notice{Head: head(), NoticeID: "1", Event: jws.EventRevoked, MandateID: agreement}},
	} {
		if got := newAdapter(t).Result(c.o, c.m); got.Outcome != op.Unknown || got.Reason != op.BankProtocolError || got.Of != nil || got.Agreement != "" || got.NotFound {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A bank may have its own meaning of a code, in one operation or in all.
func TestBankHasItsOwnCodes(t *testing.T) {
	a := newAdapter(t, profiles.CodeRule{Code: "Moon.Wrong", Operation: "apply", Reason: "account_frozen"}, profiles.CodeRule{Code: "Sun.Down", Reason: "bank_timeout"})
	for _, c := range []struct {
		kind    op.Kind
		code    string
		outcome op.Outcome
		reason  op.Reason
	}{
		{op.Apply, "Moon.Wrong", op.Refused, op.AccountFrozen},
		{op.Unsign, "Moon.Wrong", op.Unknown, op.BankProtocolError},
		{op.Unsign, "Sun.Down", op.Unknown, op.BankTimeout},
	} {
		if got := a.Result(operation(c.kind), problem(422, c.code, number)); got.Outcome != c.outcome || got.Reason != c.reason {
			t.Errorf("%s, %s: %+v", c.kind, c.code, got)
		}
	}
	if got := a.Result(operation(op.Apply), consent(number, jws.Rejected, because("Moon.Wrong"))); got.Reason != op.AccountFrozen {
		t.Errorf("as a reason: %+v", got)
	}
}

func TestHeard(t *testing.T) {
	a := newAdapter(t, profiles.CodeRule{Code: "Moon.Wrong", Reason: "account_frozen"})
	at := begun.Add(2 * time.Second)
	notice := func(event string, change func(*jws.Notice)) *jws.Notice {
		n := &jws.Notice{Head: head(), NoticeID: "EVT-9", Event: event, EventDateTime: "2025-11-25T10:00:00+08:00"}
		n.Interaction = "93bac548-d2de-4546-b106-880a5018460d"
		change(n)
		return n
	}
	state := func(c *jws.Consent) func(*jws.Notice) { return func(n *jws.Notice) { n.Consent = c.ConsentState } }
	revoked := notice(jws.EventRevoked, func(n *jws.Notice) { n.MandateID = agreement })
	for name, c := range map[string]struct {
		m    *jws.Notice
		want op.Notice
	}{
		"approved": {notice(jws.EventConsent, state(consent(applied, jws.Approved, approved))), op.Notice{
			Kind: op.Apply, Member: member, Number: "EVT-9", Of: applied, Result: &op.Result{Outcome: op.Accepted, RawCode: jws.Approved, Agreement: agreement, Class: "II"}}},
		"rejected": {notice(jws.EventConsent, state(consent(applied, jws.Rejected, because("Moon.Wrong")))), op.Notice{
			Kind: op.Apply, Member: member, Number: "EVT-9", Of: applied, Result: &op.Result{Outcome: op.Refused, Reason: op.AccountFrozen, RawCode: "Moon.Wrong"}}},
		"needs more": {notice(jws.EventConsent, state(consent(applied, jws.NeedInfo, nil))), op.Notice{
			Kind: op.Apply, Member: member, Number: "EVT-9", Of: applied, Result: &op.Result{Outcome: op.Pending, RawCode: jws.NeedInfo, ApprovalBy: expires}}},
		"revoked": {revoked, op.Notice{Kind: op.Unsign, Member: member, Number: "EVT-9", Agreement: agreement}},
	} {
		got, ack, ok := a.Heard(c.m, at)
		if diff := cmp.Diff(c.want, got); !ok || diff != "" {
			t.Errorf("%s: taken %v (-want +got):\n%s", name, ok, diff)
		}
		want := &jws.NoticeAck{Head: jws.Head{IssuedAt: at.Unix(), Bank: member, Interaction: c.m.Interaction}, NoticeID: "EVT-9"}
		if diff := cmp.Diff(wire.Message(want), ack); diff != "" {
			t.Errorf("%s: acknowledged (-want +got):\n%s", name, diff)
		}
	}
	for name, late := range map[string]time.Duration{"replayed": 10*time.Minute + time.Second, "from the future": -10*time.Minute - time.Second} {
		if _, _, ok := a.Heard(revoked, at.Add(late)); ok {
			t.Errorf("%s: taken", name)
		}
	}
	if _, _, ok := a.Heard(revoked, at.Add(10*time.Minute)); !ok {
		t.Error("a notice as old as allowed is not taken")
	}
	if _, _, ok := a.Heard(consent(applied, jws.Approved, approved), at); ok {
		t.Error("an answer is taken for a notice")
	}
}
