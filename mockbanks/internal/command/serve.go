package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles"
)

// warmBanks is how many banks are opened before serve says that it is ready. More are opened when they are first asked.
const warmBanks = 32

type serveFlags struct {
	profiles, data, keys, control, host, listen, callback string
	seed                                                  uint64
	people, exchanges                                     int
	verbose                                               bool
}

func serve(env []string) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve", Short: "Run the banks until Ctrl-C",
		Long: "Run the banks and their hubs until Ctrl-C or SIGTERM.\n\n" +
			"Each flag may stand in a file (--config, YAML, TOML or JSON) or in the environment,\n" +
			"--control as KAQIAO_FARM_CONTROL. Flags go before the environment, that before the file.\n" +
			"Single values of profiles are overridden by KAQIAO_BANKS_<ID>_<KEY> and KAQIAO_CHANNELS_<ID>_<KEY>.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := configure(c, env); err != nil {
				return err
			}
			return f.run(c.Context(), env, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.String("config", "", "a file with any of these flags")
	flags.StringVar(&f.profiles, "profiles", "", "folder of profiles (default: those in the program)")
	flags.StringVar(&f.data, "data", ".kaqiao/farm", "folder of the banks' books")
	flags.StringVar(&f.keys, "keys", ".kaqiao/keys", "folder of keys, made by mockbanks keys")
	flags.StringVar(&f.control, "control", "127.0.0.1:9090", "address of the control port; it shows cards and codes")
	flags.StringVar(&f.host, "host", "", "where all channels listen, on the ports of their profiles (default: the hosts of their profiles)")
	flags.StringVar(&f.listen, "listen", "", "addresses of single channels: nucc=127.0.0.1:9101,…")
	flags.StringVar(&f.callback, "callback", "", "where banks' unasked words go: nucc=http://…,… (default http://127.0.0.1:8081/callbacks/<channel>; nothing behind = sends none)")
	flags.Uint64Var(&f.seed, "seed", 1, "decides people, codes, delays and faults")
	flags.IntVar(&f.people, "people", -1, "customers of each new bank, 0 to 1,000,000 (default -1: as the profiles say)")
	flags.IntVar(&f.exchanges, "exchanges", 0, "exchanges kept for each bank, 1 to 1,000,000 (default 0: 10,000, less with more than 20 banks)")
	flags.BoolVar(&f.verbose, "verbose", false, "log what the hubs refuse, and why")
	return c
}

func (f serveFlags) run(ctx context.Context, env []string, out, errs io.Writer) error {
	cfg, err := f.config(env, errs)
	if err != nil {
		return err
	}
	banks, err := farm.New(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // reading 4,000 profiles takes ten times what is kept of them
	done := make(chan error, 1)
	go func() { done <- banks.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-banks.Ready():
	}
	for _, c := range cfg.Set.Channels {
		_, _ = fmt.Fprintf(out, "%-10s %s  %s\n", c.ID, banks.Address(c.ID), c.Protocol)
	}
	_, _ = fmt.Fprintf(out, "%-10s %s  %d banks\n", "control", banks.ControlURL(), len(cfg.Set.Banks))
	return <-done
}

func (f serveFlags) config(env []string, errs io.Writer) (farm.Config, error) {
	set, err := profileSet(f.profiles, env)
	if err != nil {
		return farm.Config{}, err
	}
	listen, err1 := pairs("listen", f.listen)
	callbacks, err2 := pairs("callback", f.callback)
	err3 := f.hosts(set, listen)
	if err := errors.Join(err1, err2, err3); err != nil {
		return farm.Config{}, err
	}
	if f.people < -1 || f.people > 1_000_000 {
		return farm.Config{}, usageError{errors.New("--people: must be 0 to 1,000,000, or -1")}
	}
	if f.exchanges < 0 || f.exchanges > 1_000_000 {
		return farm.Config{}, usageError{errors.New("--exchanges: must be 1 to 1,000,000, or 0")}
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	cfg := farm.Config{
		Set: set, KeyDir: f.keys, DataDir: f.data, Seed: f.seed, Control: f.control, Listen: listen, Callbacks: callbacks,
		Warm: len(set.Banks) <= warmBanks, Exchanges: f.exchanges,
		Log: slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level})),
		Seeding: func(bank string, people int, took time.Duration) {
			if took == 0 {
				_, _ = fmt.Fprintf(errs, "%s: inventing %d people…\n", bank, people)
				return
			}
			_, _ = fmt.Fprintf(errs, "%s: %d people in %d ms\n", bank, people, took.Milliseconds())
		},
	}
	if f.people >= 0 {
		cfg.People = &f.people
	}
	return cfg, nil
}

// hosts gives every channel that has no address of its own the common host.
func (f serveFlags) hosts(set *profiles.Set, listen map[string]string) error {
	if f.host == "" {
		return nil
	}
	for _, c := range set.Channels {
		u, err := url.Parse(c.Endpoint.URL)
		if err != nil || u.Port() == "" {
			return usageError{fmt.Errorf("channel %s: its endpoint has no port: say --listen %s=<host>:<port>", c.ID, c.ID)}
		}
		if listen[c.ID] == "" {
			listen[c.ID] = net.JoinHostPort(f.host, u.Port())
		}
	}
	return nil
}
