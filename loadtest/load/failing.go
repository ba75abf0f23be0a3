package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"kaqiao/loadtest/control"
	"kaqiao/profiles"
)

// Failing says how many bindings are to fail, and of what. The zero value: none is.
type Failing struct {
	Part float64    // of all bindings, 0 to 1
	Mix  []Weighted // categories; empty: Document
	// Terminal is what the wallet demands of phones.
	Terminal profiles.Terminal
	// Banks says how banks ask their customers. Nil: each sends a code.
	Banks *profiles.Set
}

// Check refuses what can't be planned.
func (f Failing) Check() error {
	if !(f.Part >= 0 && f.Part <= 1) {
		return errors.New("the part that fails must be 0% to 100%")
	}
	for _, w := range f.Mix {
		if !slices.Contains(categories(), w.Name) {
			return fmt.Errorf("no failure of category %q can be planned; those that can: %v", w.Name, categories())
		}
	}
	return nil
}

func categories() []string { return []string{Information, BankTrouble, Terminal, Account} }

func (f Failing) mix() []Weighted {
	if len(f.Mix) == 0 {
		return Document()
	}
	return f.Mix
}

// ways is the part of a mix that bindings are given out from: for each
// category the kinds that there are, and the bank of each that needs one.
type ways struct {
	byCategory map[string][]*Planned
	apart      map[*Planned]int // lane
	healthy    []int            // lanes of all other banks
}

// ways sets banks aside, at most every second one, each for one kind of trouble.
func (f Failing) ways(banks []control.Bank, seed uint64) (ways, error) {
	w := ways{byCategory: map[string][]*Planned{}, apart: map[*Planned]int{}}
	order := tiersInTurn(banks, seed)
	troubled := f.Part > 0 && slices.ContainsFunc(f.mix(), func(m Weighted) bool { return m.Name == BankTrouble })
	if troubled && len(banks) < 2 {
		return w, errors.New("failures of banks need banks to themselves: ask for two banks at least, or for a mix without them")
	}
	for _, p := range Catalogue(f.Terminal) {
		c := p.Want.Category
		able := func(lane int) bool { return f.can(&p, banks[lane]) }
		if p.Fault != "" {
			at := slices.IndexFunc(order, able)
			if !troubled || len(w.apart) >= len(banks)/2 || at < 0 {
				continue
			}
			w.apart[&p] = order[at]
			order = slices.Delete(order, at, at+1)
		}
		w.byCategory[c] = append(w.byCategory[c], &p)
	}
	slices.Sort(order)
	w.healthy = order
	for c, kinds := range w.byCategory {
		w.byCategory[c] = slices.DeleteFunc(kinds, func(p *Planned) bool {
			return p.Fault == "" && !slices.ContainsFunc(w.healthy, func(lane int) bool { return f.can(p, banks[lane]) })
		})
	}
	return w, nil
}

// tiersInTurn puts lanes into an order drawn by the seed in which tiers take turns.
func tiersInTurn(banks []control.Bank, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // chance that must repeat
	var tiers []string
	of := map[string][]int{}
	for _, lane := range r.Perm(len(banks)) {
		tier := banks[lane].Tier
		if of[tier] == nil {
			tiers = append(tiers, tier)
		}
		of[tier] = append(of[tier], lane)
	}
	var order []int
	for len(order) < len(banks) {
		for _, tier := range tiers {
			if list := of[tier]; len(list) > 0 {
				order, of[tier] = append(order, list[0]), list[1:]
			}
		}
	}
	return order
}

// draw says for each of n bindings what it runs into; nil: nothing. The parts
// are kept as exactly as whole bindings can, and the order is drawn by the seed.
func (f Failing) draw(w ways, n int, seed uint64) []*Planned {
	list := make([]*Planned, 0, n)
	failing := int(math.Round(f.Part * float64(n)))
	mix := f.mix()
	shares := make([]float64, len(mix))
	for i, m := range mix {
		shares[i] = m.Weight
	}
	for i, count := range apportion(failing, shares) {
		kinds := w.byCategory[mix[i].Name]
		for k, count := range apportion(count, slices.Repeat([]float64{1}, len(kinds))) {
			list = append(list, slices.Repeat([]*Planned{kinds[k]}, count)...)
		}
	}
	list = append(list, make([]*Planned, n-len(list))...)
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // chance that must repeat
	r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// apportion divides n by weights into whole parts: the largest remainders get what is left.
func apportion(n int, weights []float64) []int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	parts, order, left := make([]int, len(weights)), make([]int, len(weights)), n
	rest := make([]float64, len(weights))
	for i, w := range weights {
		exact := float64(n) * w / sum
		parts[i] = int(exact)
		rest[i], order[i] = exact-float64(parts[i]), i
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for _, i := range order[:max(0, left)] {
		parts[i]++
	}
	return parts
}

// Apart lists the banks that a plan has set aside, with what is played there.
func Apart(plan []Subject) map[string]*Planned {
	apart := map[string]*Planned{}
	for _, s := range plan {
		if s.Planned != nil && s.Planned.Fault != "" {
			apart[s.Bank] = s.Planned
		}
	}
	return apart
}

// Registry takes new customers.
type Registry interface {
	Enrol(ctx context.Context, bank, state string, c control.Customer) error
}
