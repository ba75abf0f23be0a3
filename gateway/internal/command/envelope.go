package command

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

// The bounds of an envelope key's times.
const (
	defaultOverlap = 7 * 24 * time.Hour
	longestOverlap = 90 * 24 * time.Hour
	longestLife    = 10 * 365 * 24 * time.Hour
)

// envelopes are the commands for the keys to which callers seal fields.
func envelopes(w world, data *string) *cobra.Command {
	c := &cobra.Command{
		Use: "envelope", Short: "The keys to which callers seal card, CVV and document numbers", Args: none,
		Long: `The keys to which callers seal card, CVV and document numbers (GET /v1/keys).

A rotation is one command: add makes a key that callers seal to from now on,
and lets the one before it open for the overlap. A running gateway looks at the
file before each use, so every command counts from its next request on.
revoke is for a key that has become known: what was sealed to it is refused at
once, and callers fetch the list again. Add another first, or callers that must
seal can send nothing.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(envelopeAdd(w, data), envelopeRetire(w, data), envelopeRevoke(w, data), envelopeList(w, data))
	return c
}

func envelopeAdd(w world, data *string) *cobra.Command {
	var overlap, lives time.Duration
	c := &cobra.Command{
		Use: "add", Short: "Make a key; those that were active retire", Args: none,
		RunE: func(*cobra.Command, []string) error {
			if err := errors.Join(within("overlap", overlap, longestOverlap), within("lives", lives, longestLife)); err != nil {
				return usageError{fmt.Errorf("keys envelope add: %w", err)}
			}
			k, err := app.AddEnvelopeKey(*data, time.Now(), overlap, lives)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.out, k.ID)
			return err
		},
	}
	c.Flags().DurationVar(&overlap, "overlap", defaultOverlap, "how long keys that were active go on opening, 0s to 2160h")
	c.Flags().DurationVar(&lives, "lives", 0, "how long the new key opens, at most 87600h (default: until it is retired)")
	return c
}

func envelopeRetire(w world, data *string) *cobra.Command {
	var id string
	var overlap time.Duration
	c := &cobra.Command{
		Use: "retire --id ID", Short: "Have callers seal to another key", Args: none,
		RunE: func(*cobra.Command, []string) error {
			if err := errors.Join(named(id), within("overlap", overlap, longestOverlap)); err != nil {
				return usageError{fmt.Errorf("keys envelope retire: %w", err)}
			}
			if err := app.RetireEnvelopeKey(*data, id, time.Now(), overlap); err != nil {
				return err
			}
			_, err := fmt.Fprintf(w.out, "%s retires: it opens for %v more at the most\n", id, overlap)
			return err
		},
	}
	c.Flags().StringVar(&id, "id", "", "the key's id")
	c.Flags().DurationVar(&overlap, "overlap", defaultOverlap, "how long it goes on opening, 0s to 2160h")
	return c
}

func envelopeRevoke(w world, data *string) *cobra.Command {
	var id string
	c := &cobra.Command{
		Use: "revoke --id ID", Short: "Destroy a key: what was sealed to it opens no more", Args: none,
		RunE: func(*cobra.Command, []string) error {
			if err := named(id); err != nil {
				return usageError{fmt.Errorf("keys envelope revoke: %w", err)}
			}
			if err := app.RevokeEnvelopeKey(*data, id); err != nil {
				return err
			}
			_, err := fmt.Fprintf(w.out, "%s is revoked\n", id)
			return err
		},
	}
	c.Flags().StringVar(&id, "id", "", "the key's id")
	return c
}

func envelopeList(w world, data *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show all keys, newest first", Args: none,
		RunE: func(*cobra.Command, []string) error {
			keys, err := app.EnvelopeKeys(*data)
			if err != nil {
				return err
			}
			for _, k := range keys {
				end := ""
				if !k.NotAfter.IsZero() {
					end = k.NotAfter.Format(time.RFC3339)
				}
				if _, err := fmt.Fprintf(w.out, "%s\t%s\tsince %s\tuntil %s\n", k.ID, k.State, k.NotBefore.Format(time.RFC3339), cmp.Or(end, "it is retired")); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func named(id string) error {
	if id == "" {
		return errors.New("--id is required: `gateway keys envelope list` shows the ids")
	}
	return nil
}

func within(flag string, d, longest time.Duration) error {
	if d < 0 || d > longest {
		return fmt.Errorf("--%s must be 0s to %.0fh", flag, longest.Hours())
	}
	return nil
}
