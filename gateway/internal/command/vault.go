package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

// vaultKeys are the commands for the keys under which the vault's keys of days are encrypted.
func vaultKeys(w world, data *string) *cobra.Command {
	c := &cobra.Command{
		Use: "vault", Short: "The vault's key-encryption keys", Args: none,
		Long: `The vault's key-encryption keys.

What the vault keeps of a binding is encrypted under a data key of its own,
that one under the key of its day, and the keys of days under a key-encryption
key. A rotation is add, a minute, destroy: add makes a key that is used from
now on, and the one before retires; a running gateway encrypts the keys of all
days under the new one within a minute (rewrap does it at once, and where no
gateway runs); destroy ends the old one once nothing is encrypted under it.

Keep copies of vault.key, vault.key.keks and vault.key.epochs: without them what
the vault holds is lost. Destroy the copies of a key with the key.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "add", Short: "Make a key; the one before retires", Args: none,
			RunE: func(*cobra.Command, []string) error {
				k, err := app.AddKEK(*data, time.Now())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(w.out, k.ID)
				return err
			},
		},
		&cobra.Command{
			Use: "rewrap", Short: "Encrypt the keys of all days under the active key now", Args: none,
			RunE: func(*cobra.Command, []string) error {
				n, err := app.RewrapKEKs(*data)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(w.out, "the keys of %d days were encrypted anew\n", n)
				return err
			},
		},
		keysOf{"vault", "id"}.ends(w, "destroy", "Destroy a key that nothing is encrypted under any more", "is destroyed. Destroy its copies as well.",
			func(id string) error { return app.DestroyKEK(*data, id) }),
		&cobra.Command{
			Use: "list", Short: "Show all keys, newest first, and of how many days each encrypts the key", Args: none,
			RunE: func(*cobra.Command, []string) error {
				keys, err := app.KEKs(*data)
				if err != nil {
					return err
				}
				for _, k := range keys {
					if _, err := fmt.Fprintf(w.out, "%s\t%s\tsince %s\tkeys of %d days\n", k.ID, k.State, momentOr(k.Since, "the beginning"), k.Wraps); err != nil {
						return err
					}
				}
				return nil
			},
		})
	return c
}
