// Package command is the farm's command line.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"kaqiao/profiles"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the work could not be done
	exitUsage  = 2 // flags, configuration or profiles are wrong
)

// usageError is a fault of whoever typed the command or wrote the files.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Run runs one command line and returns its exit code. Results go to out;
// progress, logs and errors to errs. Env is of the form of os.Environ.
func Run(ctx context.Context, args, env []string, out, errs io.Writer) int {
	root := &cobra.Command{
		Use:           "mockbanks",
		Short:         "A farm of mock banks that speak their real protocols",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serve(env), keys(env), invented(env), version())
	for _, c := range root.Commands() {
		c.Args = noArgs
	}
	root.Args = known // runs only where no command was found
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(errs, "mockbanks: %v\n", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

func known(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is no command: see --help", args[0])}
	}
	return nil
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("nothing is expected behind the flags, but %q stands there", args[0])}
	}
	return nil
}

// profileSet reads the profiles in a folder, or those in the program where dir is "".
func profileSet(dir string, env []string) (*profiles.Set, error) {
	opts := profiles.LoadOptions{Env: env}
	if dir == "" {
		set, err := profiles.Shipped(opts)
		if err != nil {
			return nil, usageError{fmt.Errorf("profiles: %w", err)}
		}
		return set, nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, usageError{fmt.Errorf("profiles: %s is not a folder", dir)}
	}
	set, err := profiles.Load(os.DirFS(dir), opts)
	if err != nil {
		return nil, usageError{fmt.Errorf("profiles in %s: %w", dir, err)}
	}
	return set, nil
}

func version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is",
		RunE: func(c *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			revision := "unknown revision"
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					revision = s.Value
				}
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "mockbanks %s (%s, %s)\n", info.Main.Version, revision, info.GoVersion)
			return err
		},
	}
}
