package farm

import (
	"net/http"

	"kaqiao/mockbanks/internal/teller"
)

// rekey has a bank hand out a new key over its lines.
func (c *control) rekey(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	hub := b.channel()
	if hub == nil {
		return nil, newProblem(http.StatusConflict, "no_line", "the bank has no channel here")
	}
	keyed, ok := hub.teller.(teller.Rekeyer)
	if !ok {
		return nil, newProblem(http.StatusConflict, "no_line", "%s has no keys that a bank hands out", hub.profile.Protocol)
	}
	if err := keyed.Rekey(b.member(hub.profile.ID)); err != nil {
		return nil, newProblem(http.StatusConflict, "no_line", "no key was handed out: %v", err)
	}
	return nil, nil
}
