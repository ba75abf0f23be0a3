package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// enrolTries is how many card numbers are tried for one new customer.
const enrolTries = 20

// kept is how many digits of a card number a new one shares: no issuer's prefix is longer.
const kept = 10

// enrol makes customers that the farm has none of: like the given one, but for
// a card of the same issuer in another state.
func enrol(ctx context.Context, farm People, r *rand.Rand, s *Subject) error {
	registry, ok := farm.(Registry)
	if !ok {
		return errors.New("this farm takes no new customers")
	}
	c := *s.Customer
	card := c.Cards[0]
	card.OnlinePayment = s.Planned.from.newState != "open"
	for range enrolTries {
		number, ok := otherNumber(r, card.Number.Reveal())
		if !ok {
			break
		}
		card.Number = secret.NewCard(number)
		c.Cards = []control.Card{card}
		err := registry.Enrol(ctx, s.Bank, s.Planned.from.newState, c)
		var refusal *control.RefusalError
		switch {
		case errors.As(err, &refusal) && refusal.Status == http.StatusConflict: // somebody has it
			continue
		case err != nil:
			return fmt.Errorf("a new customer of %s: %w", s.Bank, err)
		}
		s.Customer = &c
		return nil
	}
	return fmt.Errorf("a new customer of %s: no card number is free", s.Bank)
}

// otherNumber is another number of the same issuer and length, with its Luhn digit.
func otherNumber(r *rand.Rand, number string) (string, bool) {
	if len(number) < kept+2 {
		return "", false
	}
	body := []byte(number[:len(number)-1])
	for i := kept; i < len(body); i++ {
		body[i] = byte('0' + r.IntN(10))
	}
	return string(body) + string(rune(bins.LuhnDigit(string(body)))), true
}
