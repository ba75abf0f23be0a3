package jws

import (
	"context"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/jws"
)

func (t *Teller) verification(c *call, m *jws.Verification) {
	c.facts = teller.Facts{Operation: "verify", Number: m.RequestID, Subject: m.Account.Number.Reveal(), IsCard: true}
	c.run = func(ctx context.Context, books teller.Ledger) (teller.Answer, error) {
		given, err := books.Verify(ctx, ledger.Verify{Request: c.request(), Identity: identity(m.Account, m.Holder)})
		if err != nil {
			return teller.Answer{}, err
		}
		result := &jws.VerificationResult{Head: c.signed(), RequestID: m.RequestID, Result: jws.Verified, Class: given.Class}
		if given.Refusal != "" {
			result.Result, result.Reason, result.Class = jws.NotVerified, codeOf(given.Refusal), ""
		}
		return c.answer(result, result.Reason, "")
	}
}

// consent opens a case. Asked again with the same number it tells how the case stands now, as the family's standard demands (memory).
func (t *Teller) consent(c *call, m *jws.ConsentRequest) {
	c.facts = teller.Facts{Operation: "apply", Number: m.RequestID, Subject: m.Account.Number.Reveal(), IsCard: true}
	c.run = func(ctx context.Context, books teller.Ledger) (teller.Answer, error) {
		p := ledger.Proposal{
			Request: c.request(), Identity: identity(m.Account, m.Holder), Account: m.WalletAccount.Reveal(), Whole: true,
		}
		if m.Challenge != "" {
			p.Kinds = []string{m.Challenge}
		}
		given, err := books.Propose(ctx, p)
		if err != nil {
			return teller.Answer{}, err
		}
		if given.Case.State == "" {
			return c.refuse(c.head, m.RequestID, denialOf(given.Refusal), string(given.Refusal))
		}
		state := stateOf(given.Case)
		return c.answer(&jws.Consent{Head: c.signed(), ConsentState: state, Created: true}, state.Reason, state.MandateID)
	}
}

// consentQuery tells of a case. A request that was refused has made none: there is nothing under its number.
func (t *Teller) consentQuery(c *call, m *jws.ConsentQuery) {
	c.facts = teller.Facts{Operation: "query", Number: m.RequestID, Subject: m.RequestID}
	c.of = "apply"
	c.run = func(ctx context.Context, books teller.Ledger) (teller.Answer, error) {
		given, found, err := c.recall(ctx, books)
		switch {
		case err != nil:
			return teller.Answer{}, err
		case !found:
			return c.NotFound()
		}
		state := stateOf(given.Case)
		return c.answer(&jws.Consent{Head: c.signed(), ConsentState: state}, "", state.MandateID)
	}
}

func (t *Teller) revocation(c *call, m *jws.Revocation) {
	c.facts = teller.Facts{Operation: "unsign", Number: m.RequestID, Subject: m.MandateID}
	c.run = func(ctx context.Context, books teller.Ledger) (teller.Answer, error) {
		given, err := books.Unsign(ctx, ledger.Unsign{
			Request: c.request(), Agreement: m.MandateID, CardTail: m.AccountTail, Account: m.WalletAccount.Reveal(),
		})
		if err != nil {
			return teller.Answer{}, err
		}
		if given.Refusal != "" {
			return c.refuse(c.head, m.RequestID, denialOf(given.Refusal), string(given.Refusal))
		}
		return c.answer(&jws.RevocationResult{
			Head: c.signed(), RequestID: m.RequestID, MandateID: given.Agreement, RevokedDateTime: stamp(given.At), Created: true,
		}, "", "")
	}
}

func (t *Teller) revocationQuery(c *call, m *jws.RevocationQuery) {
	c.facts = teller.Facts{Operation: "query", Number: m.RequestID, Subject: m.RequestID}
	c.of = "unsign"
	c.run = func(ctx context.Context, books teller.Ledger) (teller.Answer, error) {
		given, found, err := c.recall(ctx, books)
		switch {
		case err != nil:
			return teller.Answer{}, err
		case !found:
			return c.NotFound()
		}
		return c.answer(&jws.RevocationResult{
			Head: c.signed(), RequestID: m.RequestID, MandateID: given.Agreement, RevokedDateTime: stamp(given.At),
		}, "", "")
	}
}

// identity is what a request says of a person and a card. The dialect has no place for CVV and expiry.
func identity(a jws.Account, h jws.Holder) ledger.Identity {
	kind := map[string]string{"debit": "debit", "prepaid": "debit", "virtual": "debit", "credit": "credit"}[a.Type]
	return ledger.Identity{
		Card: a.Number, CardType: kind, Name: h.Name, DocumentType: h.DocumentType, Document: h.Document, Mobile: h.Mobile,
		FourElements: true,
	}
}

// stateOf is how a case stands, in the words of the dialect. A case whose place
// a later one has taken can no longer be approved: it has expired before its time.
func stateOf(c ledger.Case) jws.ConsentState {
	s := jws.ConsentState{
		RequestID: c.Number, ConsentID: c.ID, CreationDateTime: stamp(c.Opened),
		StatusUpdateDateTime: stamp(c.Opened), ExpirationDateTime: stamp(c.Expires),
		Status: map[ledger.CaseState]string{
			ledger.Received: jws.Received, ledger.InReview: jws.InReview, ledger.CallbackScheduled: jws.CallbackScheduled,
			ledger.Approved: jws.Approved, ledger.Rejected: jws.Rejected, ledger.Expired: jws.Expired, ledger.Superseded: jws.Expired,
		}[c.State],
	}
	if !c.Decided.IsZero() {
		s.StatusUpdateDateTime = stamp(c.Decided)
	}
	switch s.Status {
	case jws.Approved:
		s.MandateID, s.Class = c.Agreement.Number, c.Class
	case jws.Rejected:
		s.Reason = reasonOf(c.Reason)
	}
	return s
}

func stamp(at time.Time) string { return at.In(profiles.Beijing).Format(time.RFC3339) }
