package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/mockbanks/internal/keymaker"
)

func keys(env []string) *cobra.Command {
	var from, out string
	var force, verbose bool
	c := &cobra.Command{
		Use: "keys", Short: "Make the keys and certificates that both sides of every channel need",
		Long: "Make the keys and certificates that both sides of every channel need, fresh on this machine,\n" +
			"for development and tests. What exists stays as it is.",
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := profileSet(from, env)
			if err != nil {
				return err
			}
			made := 0
			err = keymaker.Make(out, set, keymaker.Options{Force: force, Now: time.Now, Wrote: func(path string) {
				made++
				if verbose {
					_, _ = fmt.Fprintln(c.ErrOrStderr(), "wrote", path)
				}
			}})
			if err != nil {
				return fmt.Errorf("keys: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "keys: %s is complete; made now: %d\n", out, made)
			return err
		},
	}
	c.Flags().StringVar(&from, "profiles", "", "folder of profiles (default: those in the program)")
	c.Flags().StringVar(&out, "out", ".kaqiao/keys", "folder of the keys")
	c.Flags().BoolVar(&force, "force", false, "make every key again; both sides must be restarted")
	c.Flags().BoolVar(&verbose, "verbose", false, "name each file that is made")
	return c
}
