package command

import (
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
	k := keysOf{"envelope", "id"}
	c.AddCommand(
		envelopeAdd(w, data),
		k.retire(w, "Have callers seal to another key", "opens", "how long it goes on opening, 0s to 2160h", func(id string, overlap time.Duration) error {
			return app.RetireEnvelopeKey(*data, id, time.Now(), overlap)
		}),
		k.ends(w, "revoke", "Destroy a key: what was sealed to it opens no more", "is revoked", func(id string) error { return app.RevokeEnvelopeKey(*data, id) }),
		envelopeList(w, data))
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

func envelopeList(w world, data *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show all keys, newest first", Args: none,
		RunE: func(*cobra.Command, []string) error {
			keys, err := app.EnvelopeKeys(*data)
			if err != nil {
				return err
			}
			for _, k := range keys {
				if _, err := fmt.Fprintf(w.out, "%s\t%s\tsince %s\tuntil %s\n", k.ID, k.State, k.NotBefore.Format(time.RFC3339), momentOr(k.NotAfter, "it is retired")); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func within(flag string, d, longest time.Duration) error {
	if d < 0 || d > longest {
		return fmt.Errorf("--%s must be 0s to %.0fh", flag, longest.Hours())
	}
	return nil
}
