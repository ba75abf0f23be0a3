package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// keysOf are commands about single keys of one kind, such as `gateway keys
// envelope revoke --id ID`.
type keysOf struct {
	kind string // as the command above is called
	flag string // that names a key
}

// need refuses an empty id.
func (k keysOf) need(id string) error {
	if id == "" {
		return fmt.Errorf("--%s is required: `gateway keys %s list` shows the ids", k.flag, k.kind)
	}
	return nil
}

// ends is a command that ends a key at once. told says what became of it.
func (k keysOf) ends(w world, use, short, told string, do func(id string) error) *cobra.Command {
	var id string
	c := &cobra.Command{Short: short, Args: none}
	c.Use = use + " --" + k.flag + " " + k.placeholder()
	c.RunE = func(*cobra.Command, []string) error {
		if err := k.need(id); err != nil {
			return usageError{fmt.Errorf("keys %s %s: %w", k.kind, use, err)}
		}
		if err := do(id); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w.out, "%s %s\n", id, told)
		return err
	}
	c.Flags().StringVar(&id, k.flag, "", "the key's id")
	return c
}

// retire is a command that ends a key after an overlap. does is what it goes on doing meanwhile.
func (k keysOf) retire(w world, short, does, help string, do func(id string, overlap time.Duration) error) *cobra.Command {
	var id string
	var overlap time.Duration
	c := &cobra.Command{Use: "retire --" + k.flag + " " + k.placeholder(), Short: short, Args: none}
	c.RunE = func(*cobra.Command, []string) error {
		if err := errors.Join(k.need(id), within("overlap", overlap, longestOverlap)); err != nil {
			return usageError{fmt.Errorf("keys %s retire: %w", k.kind, err)}
		}
		if err := do(id, overlap); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w.out, "%s retires: it %s for %v more at the most\n", id, does, overlap)
		return err
	}
	c.Flags().StringVar(&id, k.flag, "", "the key's id")
	c.Flags().DurationVar(&overlap, "overlap", defaultOverlap, help)
	return c
}

func (k keysOf) placeholder() string {
	if k.flag == "id" {
		return "ID"
	}
	return "KEYID"
}

// momentOr is a time as lists of keys show it, or what is said where there is none.
func momentOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Format(time.RFC3339)
}
