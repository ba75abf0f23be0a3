// Loadtest drives a gateway against a farm of mock banks and judges both: how
// long bindings take, tier by tier, and whether both sides' books agree.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes, for scripts.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitBreaks = 3 // the books differ, or a promise was missed and --fail-on-missed was given

	exitInterrupted = 130 // by Ctrl-C, before it was done
)

// verdict ends the program with a code of its own. What there was to say has been said.
type verdict int

func (v verdict) Error() string { return fmt.Sprintf("exit code %d", int(v)) }

// usageError is a mistake in the command line.
type usageError struct{ error }

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signals = append(signals, syscall.SIGHUP) // the terminal was closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// After the first signal the next one kills at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program but for the process it lives in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	begun := false
	root := &cobra.Command{
		Use: "loadtest", Short: "Drive a Kaqiao gateway against the mock banks and judge both",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) { begun = true },
	}
	root.AddCommand(attackCommand(), reportCommand(), verifyCommand(), upCommand(), readyCommand(), versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)

	var v verdict
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &v):
		return int(v)
	case ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())):
		_, _ = fmt.Fprintln(stderr, "loadtest: interrupted")
		return exitInterrupted
	case errors.As(err, &usage), !begun:
		_, _ = fmt.Fprintf(stderr, "loadtest: %v\nloadtest --help shows what can be asked\n", err)
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "loadtest: %v\n", err)
	return exitFailed
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "loadtest", version())
			return err
		},
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return info.Main.Version + " " + s.Value
		}
	}
	return info.Main.Version
}
