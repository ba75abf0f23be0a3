package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

func serve(w world) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "serve", Short: "Run the gateway until SIGINT or SIGTERM", Args: none,
		Long: `Run the gateway until SIGINT or SIGTERM.

Each setting may stand in a YAML file (--config), in the environment
(KAQIAO_GATEWAY_ and the flag's name, such as KAQIAO_GATEWAY_SESSION_TTL) or in
a flag; a later one of these wins. Single values of profiles may be overridden
by the environment as well, such as KAQIAO_CHANNELS_NUCC_ENDPOINT_URL.

SIGHUP reads the keys and certificates of all channels again, with their states
as the profiles give them now, and the certificates of the listener for banks
and of their notices. Where one of them is wrong, all stay as they were
and the log says why. What else has changed in profiles counts from the next
start on.`,
	}
	app.Flags(c.Flags())
	settings := c.Flags()
	c.PersistentFlags().StringVar(&file, "config", "", "YAML file with the settings below")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := app.Load(file, w.env, settings)
		if err != nil {
			return usageError{err}
		}
		var level slog.Level
		if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
			return usageError{fmt.Errorf("log-level: %w", err)}
		}
		cfg.Log = slog.New(slog.NewJSONHandler(w.errs, &slog.HandlerOptions{Level: level}))
		gateway, err := app.New(cfg)
		if err != nil {
			return err
		}
		debug.FreeOSMemory() // reading 4,000 profiles takes ten times what is kept of them
		defer reloadOnHangUp(c.Context(), gateway)()
		return gateway.Run(c.Context())
	}
	return c
}

// reloadOnHangUp has SIGHUP change the channels' keys once the gateway is ready. stop ends that, and waits.
func reloadOnHangUp(ctx context.Context, gateway *app.App) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() {
		select {
		case <-gateway.Ready():
		case <-ctx.Done():
			return
		}
		for {
			select {
			case <-hangUps:
				_ = gateway.Reload(ctx) // it is in the log
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { signal.Stop(hangUps); cancel(); running.Wait() }
}
