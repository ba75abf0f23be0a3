package command

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

func keys(w world) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Make and rotate the vault's keys, callers' keys, envelope keys and webhooks", Args: none, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	data := c.PersistentFlags().String("data", app.Defaults().Data, "the gateway's data folder")

	initial := &cobra.Command{
		Use: "init", Short: "Make the key that all others hang on", Args: none,
		RunE: func(*cobra.Command, []string) error {
			path, err := app.InitKeys(*data)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already and stays: without it nothing in the vault could be read", path)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.out, "%s made. Keep a copy in a safe place: what the vault holds is lost without it.\n", path)
			return err
		},
	}
	c.AddCommand(initial, vaultKeys(w, data), callers(w, data), envelopes(w, data), webhooks(w, data))
	return c
}
