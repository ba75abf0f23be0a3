package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

// callers are the commands for the bearer keys of callers.
func callers(w world, data *string) *cobra.Command {
	var as app.Caller
	var overlap time.Duration
	c := &cobra.Command{
		Use: "caller --id ID", Short: "Make a caller's bearer key and print it, once", Args: none,
		Long: `Make a caller's bearer key and print it, once: the gateway keeps only a keyed hash.

A caller of the same id gets a further key; those it had go on for the overlap,
so that it can change to the new one without a pause. retire and revoke end one
key. A running gateway looks at the file before each request, so every command
counts from the next one on.`,
		RunE: func(*cobra.Command, []string) error {
			if as.ID == "" {
				return usageError{errors.New("keys caller: --id is required: the name of the calling service, such as wallet-a")}
			}
			if err := within("overlap", overlap, longestOverlap); err != nil {
				return usageError{fmt.Errorf("keys caller: %w", err)}
			}
			key, err := app.AddCaller(*data, as, overlap, time.Now)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.out, key.Reveal())
			return err
		},
	}
	c.Flags().StringVar(&as.ID, "id", "", "a to z, 0 to 9 and -, at most 32 characters")
	c.Flags().DurationVar(&overlap, "overlap", defaultOverlap, "how long the keys it had go on, 0s to 2160h")
	c.Flags().BoolVar(&as.Operator, "operator", false, "the caller may overrule the gates of banks and channels")
	c.Flags().StringVar(&as.Envelope, "envelope", "", "required: the caller must seal card, CVV and document numbers; optional: it may (default: as it was)")
	k := keysOf{"caller", "key"}
	c.AddCommand(
		k.retire(w, "End a key after an overlap", "is taken", "how long it is still taken, 0s to 2160h", func(id string, overlap time.Duration) error {
			return app.RetireCallerKey(*data, id, time.Now(), overlap)
		}),
		k.ends(w, "revoke", "End a key at once", "is revoked", func(id string) error { return app.RevokeCallerKey(*data, id) }),
		callerList(w, data))
	return c
}

func callerList(w world, data *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show all callers and their keys", Args: none,
		RunE: func(*cobra.Command, []string) error {
			all, err := app.Callers(*data)
			if err != nil {
				return err
			}
			for _, one := range all {
				for _, k := range one.Keys {
					if _, err := fmt.Fprintf(w.out, "%s\t%s\tsince %s\tuntil %s\n", one.ID, k.ID, k.At.Format(time.RFC3339), momentOr(k.NotAfter, "it is retired")); err != nil {
						return err
					}
				}
				if len(one.Keys) == 0 {
					if _, err := fmt.Fprintf(w.out, "%s\tno key\n", one.ID); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}
