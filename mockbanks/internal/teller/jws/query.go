package jws

import (
	"context"
	"net/http"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire/jws"
)

// queryCall is a call that asks about an earlier one.
type queryCall struct{ *call }

var (
	_ teller.Asker        = queryCall{}
	_ teller.Contradictor = queryCall{}
)

// Of implements teller.Asker.
func (c queryCall) Of() (operation, number string) { return c.of, c.facts.Number }

// Done implements teller.Asker.
func (c queryCall) Done(ctx context.Context) (time.Time, bool, error) {
	books, err := c.directory.Ledger(ctx, c.facts.Bank)
	if err != nil {
		return time.Time{}, false, err
	}
	given, found, err := c.recall(ctx, books)
	if given.Case.State != "" {
		given.At = given.Case.Opened // what people make of it is another matter
	}
	return given.At, found, err
}

// NotFound implements teller.Asker.
func (c *call) NotFound() (teller.Answer, error) {
	return c.refuse(c.head, c.facts.Number, denial{http.StatusNotFound, jws.CodeNotFound, 0}, "nothing under this number")
}

// Contradict implements teller.Contradictor: of a mandate that was approved it
// says that people have rejected it. A revocation that is done has no opposite in the dialect.
func (c queryCall) Contradict(given teller.Answer) (teller.Answer, bool, error) {
	m, ok := given.Message.(*jws.Consent)
	if !ok || m.Status != jws.Approved {
		return teller.Answer{}, false, nil
	}
	state := m.ConsentState
	state.Status, state.Reason, state.MandateID, state.Class = jws.Rejected, jws.CodeDeclinedByReview, "", ""
	answer, err := c.answer(&jws.Consent{Head: c.signed(), ConsentState: state}, "", "")
	return answer, err == nil, err
}

// recall finds what the call asks about. What was refused has left nothing under its number, and another client's is none.
func (c *call) recall(ctx context.Context, books teller.Ledger) (ledger.Answer, bool, error) {
	given, found, err := books.Recall(ctx, c.channel, c.of, c.facts.Number)
	switch {
	case err != nil || !found:
		return ledger.Answer{}, false, err
	case c.of == "apply":
		found = given.Case.State != "" && given.Case.Institution == c.opts.ClientID
	default:
		found = given.Refusal == ""
	}
	return given, found, nil
}
