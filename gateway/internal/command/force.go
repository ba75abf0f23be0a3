package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/client"
)

func force(w world) *cobra.Command {
	var gateway, keyFile, reason string
	var within time.Duration
	c := &cobra.Command{
		Use: "force bank|channel ID open|closed|auto", Short: "Have a bank asked nothing, or asked whatever happens, for a time",
		Long: "Have a bank or a channel asked nothing (open), asked whatever happens (closed), or as its breakers say again (auto).\n" +
			"--reason is required. The caller must be an operator: `gateway keys caller --operator` makes one. What is forced is not kept over a restart.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 3 || args[0] != "bank" && args[0] != "channel" || args[2] != "open" && args[2] != "closed" && args[2] != "auto" {
				return usageError{errors.New("force: say bank or channel, its id, and open, closed or auto, such as `gateway force bank abc open --for 10m --reason maintenance`")}
			}
			if reason == "" || len([]rune(reason)) > 200 {
				return usageError{errors.New("force: --reason is required, of at most 200 characters: others will ask why")}
			}
			if within < time.Second || within > 24*time.Hour {
				return usageError{errors.New("force: --for must be 1s to 24h")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := os.ReadFile(keyFile)
			if err != nil {
				return usageError{fmt.Errorf("the operator's key: %w (`make up` makes one for development; otherwise `gateway keys caller --operator`)", err)}
			}
			cl, err := client.New(gateway, string(raw))
			if err != nil {
				return usageError{err}
			}
			defer cl.Close()
			return runForce(c.Context(), w, cl, args, client.Force{State: client.ForceState(args[2]), ForS: int(within / time.Second), Reason: reason})
		},
	}
	f := c.Flags()
	f.StringVar(&gateway, "gateway", "http://127.0.0.1:8080", "where the gateway is")
	f.StringVar(&keyFile, "key-file", ".kaqiao/dev-caller.key", "file with the operator's key")
	f.DurationVar(&within, "for", 10*time.Minute, "how long, 1s to 24h")
	f.StringVar(&reason, "reason", "", "why, for the log and for whoever asks; required, 1 to 200 characters")
	return c
}

func runForce(ctx context.Context, w world, cl *client.Client, args []string, in client.Force) error {
	do := cl.ForceBank
	if args[0] == "channel" {
		do = cl.ForceChannel
	}
	now, err := do(ctx, args[1], in)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(w.out, "%s %s is %s", args[0], args[1], now.State)
	if f := now.Forced; f != nil {
		_, err = fmt.Fprintf(w.out, ": forced %s until %s by %s", f.State, f.Until.Format(time.RFC3339), f.By)
	}
	_, _ = fmt.Fprintln(w.out)
	return err
}
