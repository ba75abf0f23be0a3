// Package command is the gateway's command line.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the work could not be done, or the answer is no
	exitUsage  = 2 // flags or configuration are wrong
)

// usageError is a fault of whoever typed the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// world is what a command touches besides the network and the file system.
type world struct {
	env       []string // of the form of os.Environ
	in        *os.File
	out, errs io.Writer
}

// Run runs one command line and returns its exit code. Results go to out;
// prompts, logs and errors to errs.
func Run(ctx context.Context, args, env []string, in *os.File, out, errs io.Writer) int {
	w := world{env: env, in: in, out: out, errs: errs}
	root := &cobra.Command{
		Use: "gateway", Short: "One API to bind bank cards with, whatever the bank",
		SilenceUsage: true, SilenceErrors: true, Args: none,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(serve(w), bind(w), checkProfiles(w), profileSchema(w), keys(w), force(w), undecided(w), decide(w), events(w), explainBinding(w), version(w))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(errs, "gateway: %v\n", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s: %q is not known; see --help", c.CommandPath(), args[0])}
	}
	return nil
}

func version(w world) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: none,
		RunE: func(*cobra.Command, []string) error {
			revision, goVersion, main := "unknown revision", "", "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion, main = info.GoVersion, info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			_, err := fmt.Fprintf(w.out, "gateway %s (%s, %s)\n", main, revision, goVersion)
			return err
		},
	}
}
