package command

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

func keys(w world) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Make the vault's key, callers' keys, envelope keys and webhooks", Args: none, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	data := c.PersistentFlags().String("data", app.Defaults().Data, "the gateway's data folder")

	vault := &cobra.Command{
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
	var as app.Caller
	caller := &cobra.Command{
		Use: "caller --id ID", Short: "Make a caller's bearer key and print it, once", Args: none,
		Long: "Make a caller's bearer key and print it, once: the gateway keeps only a keyed hash.\nA caller of the same id gets a new key. A running gateway reads callers when it is started next.",
		RunE: func(*cobra.Command, []string) error {
			if as.ID == "" {
				return usageError{errors.New("keys caller: --id is required: the name of the calling service, such as wallet-a")}
			}
			key, err := app.AddCaller(*data, as, time.Now)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.out, key.Reveal())
			return err
		},
	}
	caller.Flags().StringVar(&as.ID, "id", "", "a to z, 0 to 9 and -, at most 32 characters")
	caller.Flags().BoolVar(&as.Operator, "operator", false, "the caller may overrule the gates of banks and channels")
	caller.Flags().StringVar(&as.Envelope, "envelope", "", "required: the caller must seal card, CVV and document numbers; optional: it may (default: as it was)")
	c.AddCommand(vault, caller, envelopes(w, data), webhooks(w, data))
	return c
}
