package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/people"
)

// maxPeople is how many people are invented in search of a kind.
const maxPeople = 1_000_000

// person is one line of the list.
type person struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Document struct {
		Type   string `json:"type"`
		Number string `json:"number"`
	} `json:"document"`
	Mobile string `json:"mobile"`
	Card   string `json:"card"`
	CVV    string `json:"cvv,omitempty"`
	Expiry string `json:"expiry,omitempty"`
}

type peopleFlags struct {
	profiles, bank, kind string
	limit                int
	seed                 uint64
	json                 bool
}

func invented(env []string) *cobra.Command {
	var f peopleFlags
	c := &cobra.Command{
		Use: "people", Short: "Show people whose cards can be bound",
		Long: "Show the first people of a bank, as a farm with the same seed and profiles invents them.\nNobody of them exists.",
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := f.find(env)
			if err != nil {
				return err
			}
			return f.print(c.OutOrStdout(), found)
		},
	}
	c.Flags().StringVar(&f.profiles, "profiles", "", "folder of profiles (default: those in the program)")
	c.Flags().StringVar(&f.bank, "bank", "abc", "the bank's id")
	c.Flags().StringVar(&f.kind, "kind", "", "only one kind: "+strings.Join(ledger.Kinds(), ", "))
	c.Flags().IntVar(&f.limit, "limit", 5, "how many, 1 to 1,000")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "the farm's seed")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func (f peopleFlags) find(env []string) ([]person, error) {
	set, err := profileSet(f.profiles, env)
	if err != nil {
		return nil, err
	}
	bank := set.Bank(f.bank)
	switch {
	case bank == nil:
		return nil, usageError{fmt.Errorf("--bank: no profile has this id")}
	case f.kind != "" && !slices.Contains(ledger.Kinds(), f.kind):
		return nil, usageError{errors.New("--kind: must be one of " + strings.Join(ledger.Kinds(), ", "))}
	case f.limit < 1 || f.limit > 1000:
		return nil, usageError{errors.New("--limit: must be 1 to 1,000")}
	}
	found := []person{}
	for c := range people.Of(bank, set.BINs, f.seed, maxPeople) {
		if f.kind != "" && c.Kind != f.kind {
			continue
		}
		found = append(found, personOf(c))
		if len(found) == f.limit {
			break
		}
	}
	return found, nil
}

func personOf(c ledger.Customer) person {
	p := person{Kind: c.Kind, Name: c.Name, Mobile: c.Mobile}
	p.Document.Type, p.Document.Number = c.Document.Type, c.Document.Number
	if len(c.Cards) > 0 {
		p.Card, p.CVV, p.Expiry = c.Cards[0].Number, c.Cards[0].CVV, c.Cards[0].Expiry
	}
	return p
}

func (f peopleFlags) print(out io.Writer, found []person) error {
	if f.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"people": found})
	}
	// A tabwriter keeps its errors for Flush.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KIND\tNAME\tDOCUMENT\tNUMBER\tMOBILE\tCARD\tCVV\tEXPIRY")
	for _, p := range found {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			p.Kind, p.Name, p.Document.Type, p.Document.Number, p.Mobile, p.Card, p.CVV, p.Expiry)
	}
	return table.Flush()
}
