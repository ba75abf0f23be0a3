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

var _ teller.Asker = queryCall{}

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
