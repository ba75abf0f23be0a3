package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/encoding/simplifiedchinese"

	"kaqiao/loadtest/control"
)

// pageOf is how many customers are asked for at once: the farm's own limit.
const pageOf = 1_000

// Weighted is a name with its part of the whole.
type Weighted struct {
	Name   string
	Weight float64
}

// ParseWeights reads a list such as abc=3,icbc or debit=90,credit=10. The weight is 1 where none stands.
func ParseWeights(text string) ([]Weighted, error) {
	var list []Weighted
	for part := range strings.SplitSeq(text, ",") {
		name, weight, given := strings.Cut(strings.TrimSpace(part), "=")
		w := Weighted{Name: name, Weight: 1}
		if given {
			v, err := strconv.ParseFloat(weight, 64)
			if err != nil || !(v > 0 && v <= 1e6) {
				return nil, fmt.Errorf("%q: a weight is a number above 0, such as abc=3", part)
			}
			w.Weight = v
		}
		if name == "" || slices.ContainsFunc(list, func(o Weighted) bool { return o.Name == name }) {
			return nil, fmt.Errorf("%q: each name stands once, as in abc=3,icbc", text)
		}
		list = append(list, w)
	}
	return list, nil
}

// Subject is who is bound.
type Subject struct {
	Lane     int // where it is recorded
	Bank     string
	Kind     string // of customer: debit, credit…
	Customer *control.Customer
	Planned  *Planned // what it is made to run into; nil: nothing

	charset bool // the bank's channel can't carry every name
}

// Card is the card that is bound.
func (s Subject) Card() control.Card { return s.Customer.Cards[0] }

// Choice says whose cards are bound.
type Choice struct {
	Banks []Weighted // ids or tiers; empty: all
	Mix   []Weighted // kinds of customers; empty: debit
	Seed  uint64
	// Failing are the bindings that are to fail.
	Failing Failing
}

// People is what of the farm a plan needs.
type People interface {
	Customers(ctx context.Context, bank, kind, cursor string, limit int) ([]control.Customer, string, error)
}

// Select picks the banks that a choice names, in the farm's order, with their weights.
func (c Choice) Select(banks []control.Bank) ([]control.Bank, []float64, error) {
	if len(c.Banks) == 0 {
		return banks, slices.Repeat([]float64{1}, len(banks)), nil
	}
	var picked []control.Bank
	var weights []float64
	found := make([]bool, len(c.Banks))
	for _, b := range banks {
		i := slices.IndexFunc(c.Banks, func(w Weighted) bool { return w.Name == b.ID })
		if i < 0 {
			i = slices.IndexFunc(c.Banks, func(w Weighted) bool { return w.Name == b.Tier })
		}
		if i >= 0 {
			found[i] = true
			picked, weights = append(picked, b), append(weights, c.Banks[i].Weight)
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return nil, nil, fmt.Errorf("the farm has no bank and no tier %q", c.Banks[i].Name)
	}
	return picked, weights, nil
}

// Plan says for each of n bindings who is bound, and fetches these people. No
// customer stands in it twice. Lane i belongs to banks[i].
func (c Choice) Plan(ctx context.Context, farm People, banks []control.Bank, weights []float64, n int) ([]Subject, error) {
	if len(banks) == 0 {
		return nil, fmt.Errorf("no bank to bind at")
	}
	mix := c.Mix
	if len(mix) == 0 {
		mix = []Weighted{{Name: "debit", Weight: 1}}
	}
	if err := c.suits(mix); err != nil {
		return nil, err
	}
	ways, err := c.Failing.ways(banks, c.Seed)
	if err != nil {
		return nil, err
	}
	plan, planned := make([]Subject, n), c.Failing.draw(ways, n, c.Seed)
	need, voices := map[source]int{}, voices{}
	healthy := &willing{turns: newTurns(weights, ways.healthy), can: func(p *Planned, lane int) bool { return c.Failing.can(p, banks[lane]) }}
	kinds := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // chance that must repeat
	for i := range plan {
		lane, apart := ways.apart[planned[i]]
		if !apart {
			lane = healthy.next(planned[i])
		}
		plan[i] = Subject{Lane: lane, Bank: banks[lane].ID, Kind: draw(kinds, mix), Planned: voices.of(planned[i], banks[lane].Protocol),
			charset: banks[lane].Protocol == "iso8583"}
		if p := planned[i]; p != nil && p.from.kind != "" {
			plan[i].Kind = p.from.kind
		}
		need[plan[i].source()]++
	}
	return plan, people(ctx, farm, plan, need, c.Seed)
}

// suits refuses kinds of customers of whom nobody can say whether they are meant to fail.
func (c Choice) suits(mix []Weighted) error {
	for _, m := range mix {
		if c.Failing.Part > 0 && (m.Name == "class_iii" || m.Name == "virtual") {
			return fmt.Errorf("customers of kind %s fail by themselves: leave them out of the mix, and ask for failures of category %s", m.Name, Account)
		}
	}
	return nil
}

// people gives each subject of a plan its own customer.
func people(ctx context.Context, farm People, plan []Subject, need map[source]int, seed uint64) error {
	have, err := fetch(ctx, farm, need)
	if err != nil {
		return err
	}
	numbers := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // chance that must repeat
	for i := range plan {
		s := &plan[i]
		rest := have[s.source()]
		s.Customer, have[s.source()] = &rest[0], rest[1:]
		if s.Planned == nil || s.Planned.from.newState == "" {
			continue
		}
		if err := enrol(ctx, farm, numbers, s); err != nil {
			return err
		}
	}
	return nil
}

// source is where customers come from.
type source struct {
	bank, kind string
	refused    bool // only those whose card can't pay online
	charset    bool // only those whose name stands in GBK
}

// has reports whether a customer is one of these.
func (from source) has(c control.Customer) bool {
	if len(c.Cards) == 0 || from.refused && c.Cards[0].OnlinePayment {
		return false
	}
	return !from.charset || InGBK(c.Name.Reveal())
}

// InGBK reports whether a name can be written in GBK. Where a channel knows no
// other characters the gateway refuses the rest, and rightly: nobody's failure to measure.
func InGBK(name string) bool {
	_, err := simplifiedchinese.GBK.NewEncoder().String(name)
	return err == nil
}

func (s Subject) source() source {
	return source{s.Bank, s.Kind, s.Planned != nil && s.Planned.from.refused, s.charset}
}

func fetch(ctx context.Context, farm People, need map[source]int) (map[source][]control.Customer, error) {
	type found struct {
		source
		people []control.Customer
	}
	results := make(chan found, len(need))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for from, n := range need {
		group.Go(func() error {
			people, err := fetchFrom(ctx, farm, from, n)
			results <- found{from, people}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	close(results)
	have := make(map[source][]control.Customer, len(need))
	for f := range results {
		have[f.source] = f.people
	}
	return have, nil
}

func fetchFrom(ctx context.Context, farm People, from source, n int) ([]control.Customer, error) {
	people := make([]control.Customer, 0, n)
	for cursor := ""; len(people) < n; {
		page, next, err := farm.Customers(ctx, from.bank, from.kind, cursor, min(pageOf, n-len(people)))
		if err != nil {
			return nil, fmt.Errorf("customers of %s: %w", from.bank, err)
		}
		for _, c := range page {
			if from.has(c) {
				people = append(people, c)
			}
		}
		if next == "" && len(people) < n {
			return nil, fmt.Errorf("bank %s has %d unbound customers of kind %s and %d are needed: ask for fewer bindings, or start the farm with fresh data",
				from.bank, len(people), from.kind, n)
		}
		cursor = next
	}
	return people, nil
}

// turns takes lanes in turn, each as often as its weight says, evenly spread.
type turns struct {
	lanes           []int
	weights, credit []float64
}

func newTurns(weights []float64, lanes []int) *turns {
	t := &turns{lanes: lanes, credit: make([]float64, len(lanes))}
	for _, lane := range lanes {
		t.weights = append(t.weights, weights[lane])
	}
	return t
}

func (t *turns) next() int {
	best, sum := 0, 0.0
	for i, w := range t.weights {
		t.credit[i] += w
		sum += w
		if t.credit[i] > t.credit[best] {
			best = i
		}
	}
	t.credit[best] -= sum
	return t.lanes[best]
}

// willing takes lanes in turn, and keeps the turn of one that can't do what is
// planned for the first thing that it can.
type willing struct {
	*turns
	can  func(p *Planned, lane int) bool
	kept []int
}

func (w *willing) next(p *Planned) int {
	if i := slices.IndexFunc(w.kept, func(lane int) bool { return w.can(p, lane) }); i >= 0 {
		lane := w.kept[i]
		w.kept = slices.Delete(w.kept, i, i+1)
		return lane
	}
	for { // ends: a kind that no healthy bank can do is not in the plan
		lane := w.turns.next()
		if w.can(p, lane) {
			return lane
		}
		w.kept = append(w.kept, lane)
	}
}

// voices keeps what was planned one thing at all banks of a protocol.
type voices map[voiceOf]*Planned

type voiceOf struct {
	p        *Planned
	protocol string
}

func (v voices) of(p *Planned, protocol string) *Planned {
	key := voiceOf{p, protocol}
	if v[key] == nil {
		v[key] = voiced(p, protocol)
	}
	return v[key]
}

func draw(r *rand.Rand, mix []Weighted) string {
	if len(mix) == 1 {
		return mix[0].Name
	}
	sum := 0.0
	for _, w := range mix {
		sum += w.Weight
	}
	at := r.Float64() * sum
	for _, w := range mix {
		if at -= w.Weight; at < 0 {
			return w.Name
		}
	}
	return mix[len(mix)-1].Name
}
