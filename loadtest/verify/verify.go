// Package verify lays the gateway's bindings beside the banks' own books, row
// by row. Whatever happened in between, both must tell one truth.
package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// What becomes of a row.
const (
	Matched      = "matched"
	GatewayOnly  = "gateway_only"  // the gateway knows an agreement that the bank does not
	FarmOnly     = "farm_only"     // the bank has an agreement that the gateway does not know
	StateDiffers = "state_differs" // both know it and say different things of it
	Undecided    = "undecided"     // the gateway is still finding out: no break yet
)

// Classes lists them, the breaks in the middle.
func Classes() []string { return []string{Matched, GatewayOnly, FarmOnly, StateDiffers, Undecided} }

// Row is one agreement, or one binding that may have one.
type Row struct {
	Class        string `json:"class"`
	Bank         string `json:"bank"`
	Agreement    string `json:"agreement,omitempty"`
	Binding      string `json:"binding,omitempty"`
	CardLast4    string `json:"card_last4"`
	GatewayState string `json:"gateway_state,omitempty"`
	FarmState    string `json:"farm_state,omitempty"`
}

// Break reports whether the two sides tell different truths.
func (r Row) Break() bool { return r.Class != Matched && r.Class != Undecided }

// Result is a whole comparison.
type Result struct {
	Bindings   int            `json:"bindings"`   // of the gateway, with or without an agreement
	Agreements int            `json:"agreements"` // of the banks
	Counts     map[string]int `json:"counts"`     // by class
	Rows       []Row          `json:"rows"`       // all but the matched ones
}

// Breaks is how many rows are breaks.
func (r Result) Breaks() (n int) {
	for _, row := range r.Rows {
		if row.Break() {
			n++
		}
	}
	return n
}

// Binding is what of a gateway's binding is compared.
type Binding struct{ ID, Bank, State, Agreement, CardLast4 string }

// Both sides' lists.
type (
	// Gateway lists the caller's bindings, and tells of one what was tried for it.
	Gateway interface {
		List(ctx context.Context, q client.ListBindingsParams) (client.BindingPage, error)
		Get(ctx context.Context, id string) (client.Answer, error)
	}
	// Farm lists the banks and their agreements.
	Farm interface {
		Banks(ctx context.Context) ([]control.Bank, error)
		Agreements(ctx context.Context, bank, cursor string, limit int) ([]control.Agreement, string, error)
	}
)

// Longest pages that each side gives.
const (
	gatewayPage = 200
	farmPage    = 1_000
)

// Read fetches both sides and compares them. The gateway is read first: what it
// says is signed must be in a bank's books by then.
func Read(ctx context.Context, g Gateway, f Farm) (Result, error) {
	var bindings []Binding
	for cursor := ""; ; {
		page, err := g.List(ctx, client.ListBindingsParams{Cursor: cursor, Limit: gatewayPage})
		if err != nil {
			return Result{}, fmt.Errorf("the gateway's bindings: %w", err)
		}
		for _, b := range page.Bindings {
			bindings = append(bindings, Binding{b.ID, b.Bank.ID, string(b.State), b.Agreement.Number, b.Card.Last4})
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	banks, err := f.Banks(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("the farm's banks: %w", err)
	}
	agreements := map[string][]control.Agreement{}
	for _, b := range banks {
		if agreements[b.ID], err = agreementsOf(ctx, f, b.ID); err != nil {
			return Result{}, fmt.Errorf("agreements of %s: %w", b.ID, err)
		}
	}
	r := Compare(bindings, agreements)
	return r, pardon(ctx, g, bindings, &r)
}

func agreementsOf(ctx context.Context, f Farm, bank string) (all []control.Agreement, err error) {
	for cursor := ""; ; {
		page, next, err := f.Agreements(ctx, bank, cursor, farmPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if cursor = next; cursor == "" {
			return all, nil
		}
	}
}

// Compare matches bindings and agreements by bank and agreement number.
func Compare(bindings []Binding, agreements map[string][]control.Agreement) Result {
	c := comparison{
		books: map[place]control.Agreement{}, doubtful: map[cardAt][]Binding{},
		result: Result{Bindings: len(bindings), Counts: map[string]int{}, Rows: []Row{}},
	}
	for bank, list := range agreements {
		for _, a := range list {
			c.books[place{bank, a.Number}] = a
		}
	}
	c.result.Agreements = len(c.books)
	for _, b := range bindings {
		c.binding(b)
	}
	c.rest()
	slices.SortFunc(c.result.Rows, inOrder)
	return c.result
}

// pardon classes agreements that stand at a bank as undecided where a binding of the card that has
// ended is still being looked after: what it gave up is found out, and ended at the bank. Only its
// history tells that, so it is read for such rows alone.
func pardon(ctx context.Context, g Gateway, bindings []Binding, r *Result) error {
	taken := map[string]bool{}
	for i, row := range r.Rows {
		if row.FarmState != "signed" || row.Class != FarmOnly && row.Class != StateDiffers {
			continue
		}
		for _, b := range bindings {
			mine := b.ID == row.Binding || row.Class == FarmOnly && b.Agreement == "" && b.Bank == row.Bank && b.CardLast4 == row.CardLast4
			if !mine || taken[b.ID] || !ended(b.State) {
				continue
			}
			now, err := g.Get(ctx, b.ID)
			if err != nil {
				return fmt.Errorf("the gateway's binding %s: %w", b.ID, err)
			}
			if !lookedAfter(now.History) {
				continue
			}
			taken[b.ID] = true
			r.Counts[row.Class]--
			r.Counts[Undecided]++
			r.Rows[i].Class, r.Rows[i].Binding, r.Rows[i].GatewayState = Undecided, b.ID, b.State
			break
		}
	}
	slices.SortFunc(r.Rows, inOrder)
	return nil
}

func ended(state string) bool { return state == "failed" || state == "cancelled" || state == "expired" }

// lookedAfter reports whether what could have signed, or an unsigning, is not known yet.
func lookedAfter(history []client.Attempt) bool {
	return slices.ContainsFunc(history, func(a client.Attempt) bool {
		switch a.Operation {
		case client.AttemptOperationApply, client.AttemptOperationChallenge, client.AttemptOperationConfirm, client.AttemptOperationUnsign:
			return a.Outcome == client.OutcomeUnknown
		}
		return false
	})
}

func inOrder(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Bank, b.Bank), cmp.Compare(a.Agreement, b.Agreement), cmp.Compare(a.Binding, b.Binding))
}

type (
	place  struct{ bank, number string }
	cardAt struct{ bank, last4 string }
)

// comparison is one under way. Agreements leave books as they are matched.
type comparison struct {
	books    map[place]control.Agreement
	doubtful map[cardAt][]Binding // bindings that may turn out to have an agreement
	result   Result
}

func (c *comparison) binding(b Binding) {
	if b.Agreement == "" {
		switch b.State {
		case "active": // signed, and by whom it does not say
			c.put(Row{Class: GatewayOnly, Bank: b.Bank, Binding: b.ID, CardLast4: b.CardLast4, GatewayState: b.State})
		case "processing", "revoking":
			at := cardAt{b.Bank, b.CardLast4}
			c.doubtful[at] = append(c.doubtful[at], b)
		}
		return
	}
	at := place{b.Bank, b.Agreement}
	a, known := c.books[at]
	delete(c.books, at)
	class := StateDiffers
	switch {
	case !known:
		class = GatewayOnly
	case b.State == "revoking":
		class = Undecided
	case b.State == "active" && a.State == "signed", b.State != "active" && a.State != "signed":
		class = Matched
	}
	c.put(Row{Class: class, Bank: b.Bank, Agreement: b.Agreement, Binding: b.ID, CardLast4: b.CardLast4, GatewayState: b.State, FarmState: a.State})
}

// rest classes the agreements that no binding names, and the bindings still being found out.
func (c *comparison) rest() {
	for at, a := range c.books {
		row := Row{Class: FarmOnly, Bank: at.bank, Agreement: a.Number, CardLast4: a.CardLast4, FarmState: a.State}
		card := cardAt{at.bank, a.CardLast4}
		if a.State == "invalidated" { // signed and undone: the gateway has never known its number
			row.Class = Matched
			c.put(row)
			continue
		}
		if list := c.doubtful[card]; len(list) > 0 {
			row.Class, row.Binding, row.GatewayState = Undecided, list[0].ID, list[0].State
			c.doubtful[card] = list[1:]
		}
		c.put(row)
	}
	for _, list := range c.doubtful {
		for _, b := range list {
			c.put(Row{Class: Undecided, Bank: b.Bank, Binding: b.ID, CardLast4: b.CardLast4, GatewayState: b.State})
		}
	}
}

func (c *comparison) put(r Row) {
	c.result.Counts[r.Class]++
	if r.Class != Matched {
		c.result.Rows = append(c.result.Rows, r)
	}
}
