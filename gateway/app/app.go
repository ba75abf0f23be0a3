// Package app is the whole gateway as a value: New wires it by hand, Run
// starts it, waits, and stops it in reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/adapter"
	"kaqiao/gateway/internal/api"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/door"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/notify"
	"kaqiao/gateway/internal/prune"
	"kaqiao/gateway/internal/resolve"
	"kaqiao/gateway/internal/route"
	"kaqiao/gateway/internal/telemetry"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
)

// App is one gateway.
type App struct {
	cfg       Config
	log       *slog.Logger
	set       *profiles.Set
	protocols map[string]adapter.Protocol
	store     *journal.SQLite
	banks     *bank.Banks
	service   *flow.Service
	resolver  *resolve.Resolver
	deliverer *notify.Deliverer
	keeper    *vault.Keeper
	pruner    *prune.Pruner
	server    *api.Server

	api, callbacks *door.Door
	callbackTLS    atomic.Pointer[callbackTLS]
	ready          chan struct{}
	ways           ways
	undo           []undo // what New has opened, in order
}

type undo struct {
	what string
	do   func() error
}

// New reads profiles and keys, opens journal and vault, takes both addresses
// and wires everything. It calls nobody. What it had opened is closed again
// where it fails.
func New(cfg Config) (_ *App, err error) {
	a := &App{cfg: cfg, log: cfg.Log, protocols: adapter.Protocols(), ready: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := a.cfg.check(); err != nil {
		return nil, err
	}
	if a.set, err = a.cfg.profiles(); err != nil {
		return nil, err
	}
	if err := a.fitConnections(openFiles()); err != nil {
		return nil, err
	}
	if err := a.cfg.keepsLongEnough(a.set); err != nil {
		return nil, err
	}
	return a, a.wire()
}

// wire is the whole of the wiring, in order.
func (a *App) wire() error {
	now, log := a.cfg.Now, a.log
	keys, err := a.cfg.openVault(a.cfg.Dev)
	if err != nil {
		return err
	}
	if a.cfg.Dev {
		if err := a.cfg.devKey(keys.CallerHash); err != nil {
			return err
		}
	}
	callers, err := openCallers(a.cfg.callersFile(), keys.CallerHash, now, log)
	if err != nil {
		return err
	}
	envelopes, err := a.cfg.openEnvelopes(log)
	if err != nil {
		return err
	}
	webhooks, err := notify.OpenEndpoints(a.cfg.webhooksFile(), log)
	if err != nil {
		return err
	}
	store, err := journal.Open(journal.Config{Path: a.cfg.journalFile(), QueueLimit: a.cfg.JournalQueue, Log: log})
	if err != nil {
		return err
	}
	a.store = store
	a.later("close the journal", store.Close)
	if err := a.keep(keys, store); err != nil {
		return err
	}
	channels, err := a.connect() // closed before the journal: until then banks may still be heard
	if err != nil {
		return err
	}

	metrics := telemetry.New()
	gate := guard.New(guard.Config{Set: a.set, Now: now, Changed: changed(log, metrics)})
	a.banks = bank.New(store, metrics.Gate(gate), channels, now, log)
	// Flow and resolver know each other: the resolver is told by flow when to look.
	var resolver *resolve.Resolver
	a.service = flow.New(flow.Config{
		Set: a.set, Banks: a.banks, Store: store, Vault: a.keeper, Numbers: &journal.Numbers{Store: store}, Node: a.cfg.Node,
		Router: route.New(a.banks), Now: now, Log: log, SessionTTL: a.cfg.SessionTTL,
		MinConfidence: a.cfg.RecogniserConfidence, Margin: &a.cfg.RecogniserMargin,
		Wake: func(at time.Time) { resolver.Wake(at) }, Hint: func(attempt string) { resolver.Hint(attempt) }, Recheck: func(attempt string) { resolver.Recheck(attempt) },
		Event: a.event(webhooks),
	})
	resolver = resolve.New(resolve.Config{Store: store, Banks: a.banks, Flow: a.service, Now: now, Log: log, Owner: a.cfg.owner("resolver")})
	a.resolver = resolver
	a.deliverer, err = notify.New(notify.Config{
		Store: store, Endpoints: webhooks, Now: now, Log: log, Meter: metrics, Dev: a.cfg.Dev, TLS: a.cfg.WebhookTLS, Owner: a.cfg.owner("deliverer"),
	})
	if err != nil {
		return err
	}

	a.server, err = api.New(api.Config{
		Flow: a.service, Set: a.set, Callers: callers, Envelopes: envelopes, Fingerprint: keys.Fingerprint, Gates: gate, People: a.service, Events: a.deliverer, Operator: callers.Operator,
		Ready: writable(store), Metrics: metrics.Handler(), Meter: metrics, Log: log, Now: now,
		InFlight: a.cfg.InFlight, BodyBytes: a.cfg.BodyBytes, BodyTimeout: a.cfg.BodyTimeout,
	})
	if err != nil {
		return err
	}
	a.figures(metrics)
	return a.listen(metrics)
}

// event renders what a caller is told, where it has said where to.
func (a *App) event(webhooks *notify.Endpoints) func(string, time.Time, flow.Binding) []byte {
	return func(name string, at time.Time, b flow.Binding) []byte {
		if !webhooks.Has(b.Caller) {
			return nil
		}
		a.deliverer.Wake()
		return a.server.Event(name, at, b)
	}
}

// keep makes those who end what is past its days.
func (a *App) keep(keys *vault.Vault, store *journal.SQLite) (err error) {
	a.keeper, err = vault.NewKeeper(vault.KeeperConfig{Vault: keys, Store: store, KeepDays: a.cfg.VaultDays, Now: a.cfg.Now, Log: a.log})
	if err != nil {
		return err
	}
	a.pruner, err = prune.New(prune.Config{Store: store, KeyDays: a.cfg.IdempotencyDays, EventDays: a.cfg.EventDays, Now: a.cfg.Now, Log: a.log})
	return err
}

// figures are what is asked for whenever somebody looks at the metrics.
func (a *App) figures(metrics *telemetry.Metrics) {
	metrics.Gauge("kaqiao_http_requests_in_flight", "Callers' requests under way.", func() float64 { return float64(a.server.InFlightNow()) })
	metrics.Gauge("kaqiao_undecided", "Attempts that wait for a person to find out what became of them.", a.undecided)
	keepers(metrics, a.keeper)
	metrics.Gauge("kaqiao_certificate_days_left", "Days until the first of the certificates that the gateway shows to banks ends.", a.daysLeft)
	metrics.Unmapped(a.banks.Unmapped)
	metrics.Counter("kaqiao_misaddressed_answers_total", "Answers of banks under a number that was never given, or that is another operation's. None was taken.",
		func() float64 { return float64(a.banks.Misaddressed() + a.service.Misaddressed()) })
	metrics.Gauge("kaqiao_journal_failing", "1 while the journal can't be written, or is damaged; otherwise 0.", func() float64 {
		if a.store.Failing() {
			return 1
		}
		return 0
	})
	metrics.Counter("kaqiao_journal_failed_changes_total", "Changes that the disk has not taken.", func() float64 { return float64(a.store.Failures()) })
}

// Run serves until ctx ends or a listener fails, then stops: not ready; no new
// work, and no more questions to banks; requests under way end, or are cut off; events end; lines and
// the journal close. It may be called once.
func (a *App) Run(ctx context.Context) error {
	patience := longest(a.set) + 30*time.Second
	// As long as the longest request: a shorter read time-out ends the context of one that waits for a bank. Its
	// body has a time of its own.
	callers := a.httpServer(a.server, a.api, patience)
	banks := a.httpServer(a.callbackHandler(), a.callbacks, a.cfg.HeaderTimeout+a.cfg.BodyTimeout)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	asking, stopAsking := context.WithCancel(working)
	defer stopAsking()

	if err := errors.Join(a.service.Restart(working), a.deliverer.SetBack(working)); err != nil {
		return errors.Join(err, a.close())
	}
	failed := make(chan error, 4)
	var running sync.WaitGroup
	running.Go(func() { failed <- serve(callers, a.api) })
	running.Go(func() { failed <- serve(banks, a.banksListener()) })
	asked := make(chan struct{})
	running.Go(func() {
		defer close(asked)
		if err := a.resolver.Run(asking); err != nil {
			failed <- fmt.Errorf("resolver: %w", err)
		}
	})
	running.Go(func() { a.keeper.Run(working) })
	running.Go(func() { a.pruner.Run(working) })
	running.Go(func() { a.watchExpiry(working) })
	running.Go(func() { a.watchClock(working) })
	running.Go(func() {
		if err := a.deliverer.Run(working); err != nil {
			failed <- fmt.Errorf("events: %w", err)
		}
	})
	for _, w := range a.ways.all() {
		if lines, ok := w.link.(liner); ok {
			lines.Start()
		}
	}
	close(a.ready)
	a.log.Info("gateway is ready", "url", a.URL(), "callbacks", a.CallbackURL(), "banks", len(a.set.Banks), "channels", len(a.set.Channels))

	var err error
	select {
	case <-ctx.Done():
		err = a.leave(failed)
	case err = <-failed:
	}
	err = errors.Join(err, a.drain(func() <-chan struct{} { stopAsking(); return asked }, callers, banks))
	stopWorking()
	running.Wait()
	a.ways.end()
	err = errors.Join(err, a.close())
	a.log.Info("gateway has stopped")
	return err
}

// Close gives back what New has taken, where Run is never called.
func (a *App) Close() error { return a.close() }

// Ready is closed when requests are served.
func (a *App) Ready() <-chan struct{} { return a.ready }

// URL is where callers call.
func (a *App) URL() string { return "http://" + a.api.Addr().String() }

// CallbackURL is where banks call; /callbacks/ and the channel's id follow.
func (a *App) CallbackURL() string {
	if a.serverTLS() != nil {
		return "https://" + a.callbacks.Addr().String()
	}
	return "http://" + a.callbacks.Addr().String()
}

func (a *App) later(what string, do func() error) { a.undo = append(a.undo, undo{what, do}) }

// close undoes what New has done, last first.
func (a *App) close() error {
	var errs []error
	for i := len(a.undo) - 1; i >= 0; i-- {
		if err := a.undo[i].do(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("%s: %w", a.undo[i].what, err))
		}
	}
	a.undo = nil
	return errors.Join(errs...)
}

func (c *Config) profiles() (*profiles.Set, error) {
	if c.Set != nil {
		return c.Set, nil
	}
	return ReadProfiles(c.Profiles, c.Env)
}

// ReadProfiles reads the profiles of a folder, or those in the program where
// dir is empty, as the gateway needs them: its own problem table is what a
// bank's codes may map to. The error is a *profiles.Faults where they are at fault.
func ReadProfiles(dir string, env []string) (*profiles.Set, error) {
	reasons, err := api.Codes()
	if err != nil {
		return nil, err
	}
	opts := profiles.LoadOptions{Env: env, Reasons: reasons}
	if dir == "" {
		return profiles.Shipped(opts)
	}
	return profiles.Load(os.DirFS(dir), opts)
}
