package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"kaqiao/gateway/internal/api"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/prune"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
)

// Config is one gateway. The key of a field in a file, with _ for - in the
// environment, stands in its mapstructure tag: data, KAQIAO_GATEWAY_DATA, --data.
type Config struct {
	// Listen is where callers call. Port 0 takes any free one.
	Listen string `mapstructure:"listen"`
	// Callbacks is where banks say what was not asked. Port 0 takes any free one.
	Callbacks string `mapstructure:"callbacks"`
	// CallbacksCert and CallbacksKey are PEM files with the certificate, and what leads to its authority, of the listener
	// for banks and its key, of mode 0600. Both or neither; without them it takes plain HTTP. SIGHUP reads them again.
	CallbacksCert string `mapstructure:"callbacks-cert"`
	CallbacksKey  string `mapstructure:"callbacks-key"`
	// Profiles is a folder with banks/, channels/ and platforms/. Empty: those in the program.
	Profiles string `mapstructure:"profiles"`
	// Keys is the folder that the profiles' file: references start from.
	Keys string `mapstructure:"keys"`
	// Data is the folder of the journal, the vault's keys and the callers. It is made with mode 0700.
	Data string `mapstructure:"data"`
	// Dev makes the vault's key and a caller where they are missing.
	Dev bool `mapstructure:"dev"`
	// DevCallerKey is the file, with mode 0600 and one line, that Dev writes its caller's key into.
	DevCallerKey string `mapstructure:"dev-caller-key"`
	// Node tells gateways with journals of their own apart in the numbers towards banks, 0 to 99.
	Node int `mapstructure:"node"`
	// SessionTTL is how long an unfinished binding lives, 1m to 24h.
	SessionTTL time.Duration `mapstructure:"session-ttl"`
	// RecogniserConfidence is how sure a recogniser must be of a card number that nobody types, 0.5 to 1.
	RecogniserConfidence float64 `mapstructure:"recogniser-confidence"`
	// RecogniserMargin is how much surer it must be of it than of any other number that could be meant, 0 to 0.5.
	RecogniserMargin float64 `mapstructure:"recogniser-margin"`
	// InFlight is how many callers' requests may be under way, 1 to 1,000,000.
	InFlight int64 `mapstructure:"in-flight"`
	// BodyBytes is the longest body of a request, 1,024 to 1,048,576.
	BodyBytes int64 `mapstructure:"body-bytes"`
	// MaxConnections is how many connections callers may have open at once, 16 to 1,000,000. Each is an open file.
	// When all are taken, the one that has waited longest without a request is closed for a new one; where all have
	// requests under way, the new one is answered with 503 and closed. Fewer, where the system allows fewer files.
	MaxConnections int `mapstructure:"max-connections"`
	// CallbackConnections is the same of banks, 16 to 1,000,000; what finds no place is closed without an answer.
	CallbackConnections int `mapstructure:"callback-connections"`
	// HeaderTimeout is how long the headers of a request may take to come, 100ms to 1m. Then the connection is closed.
	HeaderTimeout time.Duration `mapstructure:"header-timeout"`
	// BodyTimeout is how long the body of a request may take to come after them, 100ms to 1m. Then the answer is 408.
	BodyTimeout time.Duration `mapstructure:"body-timeout"`
	// IdleTimeout is how long a connection may be kept between two requests, 1s to 1h.
	IdleTimeout time.Duration `mapstructure:"idle-timeout"`
	// JournalQueue is how many changes may wait to be written, 1 to 1,000,000.
	JournalQueue int `mapstructure:"journal-queue"`
	// VaultDays is how many days the key of a day lives in the vault, 2 to 3,650: one day after that,
	// what was unbound is past recovery from copies of the journal as well.
	VaultDays int `mapstructure:"vault-days"`
	// IdempotencyDays is how many days an idempotency key is kept: at least as long as an outcome may be unknown over
	// any channel, at most 3,650. One that comes again after that is a new request.
	IdempotencyDays int `mapstructure:"idempotency-days"`
	// EventDays is how many days an event is kept that was delivered, 1 to 3,650; one that was not is kept for good.
	EventDays int `mapstructure:"event-days"`
	// Drain is how long requests under way may go on after a stop, 0s to 10m.
	Drain time.Duration `mapstructure:"drain"`
	// DrainNotice is how long requests are still served after a stop while /readyz says no, so that a balancer
	// can hear of it, 0s to 5m.
	DrainNotice time.Duration `mapstructure:"drain-notice"`
	// LogLevel is debug, info, warn or error. Each request is one line of info.
	LogLevel string `mapstructure:"log-level"`

	// The rest is for tests and programs that hold a gateway within.

	// Set replaces Profiles.
	Set *profiles.Set `mapstructure:"-"`
	// Endpoints replaces the URLs of channels, by channel id. With http:// the channel's TLS is left out.
	Endpoints map[string]string `mapstructure:"-"`
	// WebhookTLS is what callers' endpoints are trusted by. Default: the system's certificates.
	WebhookTLS *tls.Config `mapstructure:"-"`
	// Env is laid over the profiles, in the form of os.Environ.
	Env []string `mapstructure:"-"`
	// Now is the clock. Default: the real one.
	Now func() time.Time `mapstructure:"-"`
	// Log is where the program tells what happens. Default: nowhere.
	Log *slog.Logger `mapstructure:"-"`
}

// Defaults is a gateway on this machine, without a balancer, whose files lie under .kaqiao.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080", Callbacks: "127.0.0.1:8081",
		Keys: ".kaqiao/keys", Data: ".kaqiao/gateway", DevCallerKey: ".kaqiao/dev-caller.key",
		SessionTTL: 15 * time.Minute, RecogniserConfidence: flow.DefaultMinConfidence, RecogniserMargin: flow.DefaultMargin,
		InFlight: api.DefaultInFlight, BodyBytes: api.DefaultBodyBytes, JournalQueue: 4096, VaultDays: vault.DefaultKeepDays,
		IdempotencyDays: prune.DefaultKeyDays, EventDays: prune.DefaultEventDays,
		MaxConnections: 10_000, CallbackConnections: 1024,
		HeaderTimeout: 10 * time.Second, BodyTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		Drain: 30 * time.Second, LogLevel: "info",
	}
}

// Flags declares a flag for every key, with its default.
func Flags(f *pflag.FlagSet) {
	d := Defaults()
	f.String("listen", d.Listen, "where callers call")
	f.String("callbacks", d.Callbacks, "where banks call")
	f.String("callbacks-cert", d.CallbacksCert, "certificate of the listener for banks, in PEM (default: none, plain HTTP)")
	f.String("callbacks-key", d.CallbacksKey, "its key, in PEM, of mode 0600")
	f.String("profiles", d.Profiles, "folder of profiles (default: those in the program)")
	f.String("keys", d.Keys, "folder of the channels' keys")
	f.String("data", d.Data, "folder of the journal, the vault's keys and the callers")
	f.Bool("dev", d.Dev, "make the vault's key and a caller where they are missing")
	f.String("dev-caller-key", d.DevCallerKey, "where --dev writes its caller's key")
	f.Int("node", d.Node, "number of this gateway among those with journals of their own, 0 to 99")
	f.Duration("session-ttl", d.SessionTTL, "how long an unfinished binding lives, 1m to 24h")
	f.Float64("recogniser-confidence", d.RecogniserConfidence, "how sure a recogniser must be of a card number that nobody types, 0.5 to 1")
	f.Float64("recogniser-margin", d.RecogniserMargin, "how much surer than of any other number that could be meant, 0 to 0.5")
	f.Int64("in-flight", d.InFlight, "requests under way at once, 1 to 1,000,000")
	f.Int64("body-bytes", d.BodyBytes, "longest body of a request, 1,024 to 1,048,576")
	f.Int("max-connections", d.MaxConnections, "callers' connections open at once, 16 to 1,000,000")
	f.Int("callback-connections", d.CallbackConnections, "banks' connections open at once, 16 to 1,000,000")
	f.Duration("header-timeout", d.HeaderTimeout, "how long the headers of a request may take, 100ms to 1m")
	f.Duration("body-timeout", d.BodyTimeout, "how long the body of a request may take, 100ms to 1m")
	f.Duration("idle-timeout", d.IdleTimeout, "how long a connection is kept between two requests, 1s to 1h")
	f.Int("journal-queue", d.JournalQueue, "changes that may wait to be written, 1 to 1,000,000")
	f.Int("vault-days", d.VaultDays, "days after which the vault ends the key of a day, 2 to 3,650")
	f.Int("idempotency-days", d.IdempotencyDays, "days that an idempotency key is kept, at least as long as an outcome may be unknown, at most 3,650")
	f.Int("event-days", d.EventDays, "days that an event is kept after it was delivered, 1 to 3,650")
	f.Duration("drain", d.Drain, "how long requests may go on after a stop, 0s to 10m")
	f.Duration("drain-notice", drainNotice, "how long a balancer has to hear of a stop before requests are refused, 0s to 5m (with --dev: 0s)")
	f.String("log-level", d.LogLevel, "debug, info, warn or error")
}

// drainNotice is longer than most balancers take between two looks at /readyz.
// A gateway for development has no balancer before it.
const drainNotice = 5 * time.Second

const envPrefix = "KAQIAO_GATEWAY_"

// Load reads a configuration: defaults, under the file (if one is named),
// under the environment, under the flags that were set. An unknown key in the
// file or the environment is an error.
func Load(file string, environ []string, flags *pflag.FlagSet) (Config, error) {
	v := viper.New()
	var known []string // the flags of Flags are all keys there are; a command may have others besides
	ours := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(ours)
	ours.VisitAll(func(f *pflag.Flag) {
		known = append(known, f.Name)
		_ = v.BindPFlag(f.Name, flags.Lookup(f.Name)) // it fails only for a flag that is not there
	})
	if file != "" {
		v.SetConfigFile(file)
		if filepath.Ext(file) == "" {
			v.SetConfigType("yaml")
		}
		if err := v.ReadInConfig(); err != nil {
			return Config{}, fmt.Errorf("configuration: %w", err)
		}
	}
	var faults []error
	for _, key := range v.AllKeys() {
		if !slices.Contains(known, key) {
			faults = append(faults, fmt.Errorf("configuration: %s: there is no key %s", file, key))
		}
	}
	env, err := fromEnv(environ, known)
	faults = append(faults, err)
	for key, value := range env {
		if !flags.Changed(key) {
			v.Set(key, value)
		}
	}
	cfg := Defaults()
	faults = append(faults, v.Unmarshal(&cfg, viper.DecodeHook(mapstructure.StringToTimeDurationHookFunc())))
	if err := errors.Join(faults...); err != nil {
		return Config{}, err
	}
	if cfg.Dev && !v.IsSet("drain-notice") {
		cfg.DrainNotice = 0
	}
	cfg.Env = environ
	return cfg, cfg.check()
}

// owner is under what name a part of this gateway takes what it looks after:
// the same after a restart, so that nothing waits for the leases of a process that died.
func (c *Config) owner(part string) string { return fmt.Sprintf("%s of node %02d", part, c.Node) }

// keepsLongEnough refuses to forget a key while the outcome of its request may still be unknown.
func (c *Config) keepsLongEnough(set *profiles.Set) error {
	if least, channel := prune.Horizon(set); c.IdempotencyDays < least {
		return fmt.Errorf("configuration: idempotency-days must be at least %d: so long may an outcome be unknown over channel %s (resolve.after and resolve.human_after)", least, channel)
	}
	return nil
}

func fromEnv(environ, known []string) (map[string]string, error) {
	out := map[string]string{}
	var faults []error
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours {
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if !slices.Contains(known, key) {
			faults = append(faults, fmt.Errorf("configuration: environment: there is no key %s", name))
			continue
		}
		out[key] = value
	}
	return out, errors.Join(faults...)
}

func (c *Config) check() error {
	var faults []error
	span := func(key string, ok bool, want string) {
		if !ok {
			faults = append(faults, fmt.Errorf("configuration: %s must be %s", key, want))
		}
	}
	span("node", c.Node >= 0 && c.Node <= 99, "0 to 99")
	span("session-ttl", c.SessionTTL >= time.Minute && c.SessionTTL <= 24*time.Hour, "1m to 24h")
	span("recogniser-confidence", c.RecogniserConfidence >= 0.5 && c.RecogniserConfidence <= 1, "0.5 to 1")
	span("recogniser-margin", c.RecogniserMargin >= 0 && c.RecogniserMargin <= 0.5, "0 to 0.5")
	span("in-flight", c.InFlight >= 1 && c.InFlight <= 1_000_000, "1 to 1,000,000")
	span("body-bytes", c.BodyBytes >= 1<<10 && c.BodyBytes <= 1<<20, "1,024 to 1,048,576")
	span("max-connections", c.MaxConnections >= 16 && c.MaxConnections <= 1_000_000, "16 to 1,000,000")
	span("callback-connections", c.CallbackConnections >= 16 && c.CallbackConnections <= 1_000_000, "16 to 1,000,000")
	span("header-timeout", c.HeaderTimeout >= 100*time.Millisecond && c.HeaderTimeout <= time.Minute, "100ms to 1m")
	span("body-timeout", c.BodyTimeout >= 100*time.Millisecond && c.BodyTimeout <= time.Minute, "100ms to 1m")
	span("idle-timeout", c.IdleTimeout >= time.Second && c.IdleTimeout <= time.Hour, "1s to 1h")
	span("journal-queue", c.JournalQueue >= 1 && c.JournalQueue <= 1_000_000, "1 to 1,000,000")
	span("vault-days", c.VaultDays >= vault.MinKeepDays && c.VaultDays <= vault.MaxKeepDays, "2 to 3,650")
	span("idempotency-days", c.IdempotencyDays >= 1 && c.IdempotencyDays <= prune.MaxDays, "1 to 3,650")
	span("event-days", c.EventDays >= 1 && c.EventDays <= prune.MaxDays, "1 to 3,650")
	span("drain", c.Drain >= 0 && c.Drain <= 10*time.Minute, "0s to 10m")
	span("drain-notice", c.DrainNotice >= 0 && c.DrainNotice <= 5*time.Minute, "0s to 5m")
	span("data", c.Data != "", "a folder")
	span("listen", c.Listen != "", "an address such as 127.0.0.1:8080")
	span("callbacks", c.Callbacks != "", "an address such as 127.0.0.1:8081")
	span("callbacks-cert", (c.CallbacksCert == "") == (c.CallbacksKey == ""), "set together with callbacks-key")
	span("log-level", new(slog.Level).UnmarshalText([]byte(c.LogLevel)) == nil, "debug, info, warn or error")
	return errors.Join(faults...)
}
