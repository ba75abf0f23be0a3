package command

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
	"kaqiao/profiles"
)

func checkProfiles(w world) *cobra.Command {
	return &cobra.Command{
		Use: "check-profiles DIR", Short: "Read a folder of profiles and name every fault with file, line and column",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("check-profiles takes one folder, the one that holds banks, channels and platforms")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return usageError{fmt.Errorf("%s is not a folder", args[0])}
			}
			set, err := app.ReadProfiles(args[0], w.env)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.out, "%d banks, %d channels, %d platforms: all well\n", len(set.Banks), len(set.Channels), len(set.Platforms))
			return err
		},
	}
}

func profileSchema(w world) *cobra.Command {
	return &cobra.Command{
		Use: "profile-schema FOLDER", Short: "Print the JSON Schema of the files in banks, channels or platforms, for editors",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("profile-schema takes one of banks, channels and platforms")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			schema, err := profiles.Schema(args[0])
			if err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprintf(w.out, "%s\n", schema)
			return err
		},
	}
}
