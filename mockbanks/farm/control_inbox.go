package farm

import (
	"net/http"

	"kaqiao/mockbanks/internal/ledger"
)

// approve plays the person who got a message and says yes: the customer in the
// bank's APP, or the clerk who has called back. Saying it again changes nothing.
func (c *control) approve(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	return decided(books.Decide(r.Context(), r.PathValue("message"), true, ""))
}

// deny says no. The reason goes to whoever asked for the binding, where the protocol has a place for it.
func (c *control) deny(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err != nil {
		return nil, err
	}
	p := query(r)
	reason := p.text("reason")
	if !word(reason) {
		p.wrong = append(p.wrong, "reason must be at most 32 letters a to z and _")
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	return decided(books.Decide(r.Context(), r.PathValue("message"), false, reason))
}

// decided answers 204.
func decided(_ ledger.Case, err error) (any, error) { return nil, err }

func word(text string) bool {
	for _, b := range []byte(text) {
		if b != '_' && (b < 'a' || b > 'z') {
			return false
		}
	}
	return len(text) <= 32
}
