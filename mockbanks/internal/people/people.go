// Package people invents a bank's customers: the same seed, the same people.
//
// Nobody of them exists. Their documents, mobiles and card numbers are valid in
// form, because programs that check forms must take them.
package people

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
)

// Of returns the first n customers of a bank, 0 to 1,000,000. Customer i is the
// same whatever n is. No two have a card or a mobile in common. They are in
// good order: a customer whose data are given right can be bound, except that
// half of the virtual cards may not trade online, that class III is taken by
// few banks, and that a business licence is taken by few channels.
//
// Card numbers begin with the bank's rows of the table. Where the bank has no
// credit card there, its customers of that kind are of kind debit. Where its
// prefixes have fewer numbers, there are fewer customers.
func Of(bank *profiles.Bank, table *bins.Table, seed uint64, n int) iter.Seq[ledger.Customer] {
	p := &press{bank: bank.ID, seed: seed, debit: newCards(table, bank.ID, "debit", seed), credit: newCards(table, bank.ID, "credit", seed)}
	p.virtual = newCards(table, bank.ID, "virtual", seed)
	if p.virtual == nil {
		p.virtual = p.debit
	}
	return func(yield func(ledger.Customer) bool) {
		for i := range n {
			c, ok := p.customer(i)
			if !ok || !yield(c) {
				return
			}
		}
	}
}

// press makes customers of one bank.
type press struct {
	bank                   string
	seed                   uint64
	debit, credit, virtual *cards
}

// customer makes the customer of an index; false: the card numbers have run out.
func (p *press) customer(i int) (ledger.Customer, bool) {
	r := p.chance(i)
	kind := kindOf(i)
	if kind == "credit" && p.credit == nil {
		kind = "debit"
	}
	c := ledger.Customer{Kind: kind, Mobile: mobile(p.bank, p.seed, i), Email: fmt.Sprintf("%s.%06d@mail.example", p.bank, i)}
	card := ledger.Card{Type: "debit", Class: "I", OnlinePayment: true, State: "open"}
	from := p.debit
	switch kind {
	case "credit":
		from, card.Type, card.Class = p.credit, "credit", ""
	case "virtual":
		from, card.Type = p.virtual, "virtual"
		card.OnlinePayment = i/len(cycle)%2 == 0
	case "class_ii":
		card.Class = "II"
	case "class_iii":
		card.Class = "III"
	}
	if card.Type != "debit" {
		card.CVV, card.Expiry = fmt.Sprintf("%03d", r.IntN(1000)), expiry(r)
	}
	c.Name, c.Document = person(kind, r)
	var ok bool
	card.Number, ok = from.number(i)
	c.Cards = []ledger.Card{card}
	return c, ok
}

// chance is the customer's own stream: nobody else draws from it.
func (p *press) chance(i int) *rand.Rand {
	sum := keyed("person", p.seed, p.bank, uint64(i))                                               //nolint:gosec // i is not negative
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))) //nolint:gosec // invented people need no secrecy, but the same fate each time
}

// keyed is the hash from which all chance of this package comes.
func keyed(purpose string, seed uint64, text string, i uint64) [sha256.Size]byte {
	b := append(make([]byte, 0, 96), purpose...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, seed)
	b = binary.BigEndian.AppendUint64(b, i)
	return sha256.Sum256(append(b, text...))
}

// cycle is the mix of kinds, repeated: every kind among the first eight, and of
// each 50 there are 32 debit, 9 credit, 2 virtual, 2 of class II, 2 of class III
// and one each of foreign, Hong Kong, Macao and Taiwan, and corporate.
var cycle = func() (mix [50]string) {
	first := []string{"debit", "credit", "virtual", "class_ii", "class_iii", "foreign", "hk_macao_taiwan", "corporate"}
	for i := range mix {
		switch {
		case i < len(first):
			mix[i] = first[i]
		case i%5 == 0: // 10, 15 … 45
			mix[i] = "credit"
		default:
			mix[i] = "debit"
		}
	}
	mix[22], mix[32], mix[42] = "virtual", "class_ii", "class_iii"
	return mix
}()

func kindOf(i int) string { return cycle[i%len(cycle)] }

// expiry is a month from 2027-06 to 2032-12.
func expiry(r *rand.Rand) string {
	m := 2027*12 + 5 + r.IntN(5*12+7)
	return fmt.Sprintf("%04d-%02d", m/12, m%12+1)
}
