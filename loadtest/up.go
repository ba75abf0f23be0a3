package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/loadtest/demo"
	"kaqiao/loadtest/up"
)

// upCommand keeps a farm and a gateway running, for people and for the demo.
func upCommand() *cobra.Command {
	cfg := up.Config{}
	var then string
	cmd := &cobra.Command{
		Use: "up", Short: "Run farm and gateway on their defaults until Ctrl-C", Args: cobra.NoArgs,
		Long: "Starts mockbanks and gateway, which lie beside this program, waits until both are ready,\n" +
			"and stops both when it ends, however it ends.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out = c.OutOrStdout()
			if then == "" {
				return up.Run(c.Context(), cfg, nil)
			}
			if then != "demo" {
				return usageError{fmt.Errorf("--then %s: demo is the only one", then)}
			}
			return up.Run(c.Context(), cfg, func(ctx context.Context) error {
				return show(ctx, cfg, c.OutOrStdout(), c.ErrOrStderr())
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Home, "home", ".kaqiao", "folder of keys, data and logs")
	flags.StringVar(&cfg.Gateway, "gateway", "127.0.0.1:8080", "where the gateway listens")
	flags.StringVar(&cfg.Farm, "farm", "127.0.0.1:9090", "where the farm's control port listens")
	flags.StringVar(&cfg.Profiles, "profiles", "", "folder of profiles for both (default: those in the programs)")
	flags.StringVar(&then, "then", "", "demo: bind a card of each tier, attack for 20 s, and stop")
	return cmd
}

// show is the demo: one binding of each tier, step by step, then the attack in a process of its own.
func show(ctx context.Context, cfg up.Config, stdout, stderr io.Writer) error {
	gateway, farm := "http://"+cfg.Gateway, "http://"+cfg.Farm
	key := filepath.Join(cfg.Home, "dev-caller.key")
	if err := demo.Run(ctx, demo.Config{Gateway: gateway, Farm: farm, KeyFile: key, Out: stdout}); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The death signal of a child is tied to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _ = fmt.Fprintf(stdout, "\n━━ 20 s of bindings over all banks, open model ━━\n")
	attack := exec.CommandContext(ctx, self, "attack", "--gateway", gateway, "--farm", farm, "--key-file", key, "--rate", "20", "--for", "20s")
	attack.Cancel = func() error { return attack.Process.Signal(os.Interrupt) }
	attack.WaitDelay = 10 * time.Second
	attack.SysProcAttr = up.OwnGroup() // one Ctrl-C has it report what it has; a second one would kill it
	attack.Stdout, attack.Stderr = stdout, stderr
	err = attack.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() > 0: // it has said why
		return verdict(ended.ExitCode())
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}
