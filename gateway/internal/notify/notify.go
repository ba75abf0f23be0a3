// Package notify tells callers what becomes of their bindings. flow writes an
// event with the change that it tells of; this room posts it, signed after
// Standard Webhooks, until the caller's endpoint takes it.
//
//	outbox (journal) ─ look ─ lane of a caller ─ sign ─ guarded dial ─ POST ─ judge ─ mark (journal)
//
// Events of one subject are delivered in order, one at a time; what is refused
// holds up its own subject alone. An event is delivered at least once: what was
// posted and not marked, because the process ended between the two, is posted
// again under the same webhook-id.
package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"kaqiao/gateway/internal/journal"
)

// Store is the outbox, and where it is marked what was delivered.
type Store interface {
	journal.Outbox
	Apply(context.Context, journal.Change) error
}

// Meter counts tries. result is delivered, failed, dead or gone.
type Meter interface {
	Told(result string, took time.Duration)
}

// Config is what a Deliverer needs. Zero numbers mean the defaults.
type Config struct {
	Store     Store
	Endpoints *Endpoints
	Now       func() time.Time
	Log       *slog.Logger // nil: nowhere
	Meter     Meter        // nil: nobody counts
	// Dev allows loopback and private networks, and http to loopback.
	Dev bool
	// Workers is how many events may be under way at once, 1 to 5,000. Default 128.
	Workers int
	// CallerWorkers is how many of them may be one caller's, 1 to Workers. Default 8. A caller whose last try
	// has failed has one, so that those who are silent don't take all the room.
	CallerWorkers int
	// Timeout of one try, from the name's look-up to the answer's headers and
	// the little of its body that is read, 10ms to 1m. Default 10s.
	Timeout time.Duration
	// Owner is under what name this process delivers, 1 to 64 bytes; a process that takes its place takes the name as
	// well, and so goes on at once. Default deliverer.
	Owner string
	// Every is the longest pause between two looks at the outbox, 1ms to 1s. Default 1s.
	Every time.Duration
	// Resolver looks names up. Default: the system's.
	Resolver Resolver
	// TLS is where trusted certificates come from. Default: the system's.
	TLS *tls.Config
}

const (
	pageSize    = 256 // events read at once, besides those that are under way and due all the same
	leastPause  = 20 * time.Millisecond
	putOff      = 30 * time.Second // for what a busy caller has too much of
	markAgain   = 5 * time.Second  // after the journal could not take what became of an event
	leaseFor    = time.Minute      // how long nobody else delivers what this process has taken, should it die
	stopGrace   = 3 * time.Second  // for tries under way when the gateway stops
	maxAnswered = 4 << 10          // of an answer's body: so much is read to keep the connection
)

// Deliverer posts events.
type Deliverer struct {
	cfg  Config
	done chan struct{} // a look is worth while: a try has ended, and there may be room or a successor; or something has happened

	mu      sync.Mutex
	inHand  map[string]time.Time // subjects that are under way, or not to be touched before a time
	posting map[string]bool      // events that are under way
	callers map[string]int       // how many of each caller are under way
	failing map[string]bool      // callers whose last try has failed
	total   int
	left    map[string]bool         // subjects that came free since the look under way has begun; nil: none is
	clients map[string]cachedClient // by caller
	told    map[string]trial        // by event: tries that could not be marked yet
	running sync.WaitGroup
}

type cachedClient struct {
	endpoint string
	http     *http.Client
}

// New returns a Deliverer.
func New(cfg Config) (*Deliverer, error) {
	if cfg.Workers == 0 {
		cfg.Workers = 128
	}
	if cfg.CallerWorkers == 0 {
		cfg.CallerWorkers = min(8, cfg.Workers)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Owner == "" {
		cfg.Owner = "deliverer"
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Meter == nil {
		cfg.Meter = nobody{}
	}
	switch {
	case cfg.Store == nil || cfg.Endpoints == nil || cfg.Now == nil:
		return nil, errors.New("notify: Config is not complete")
	case cfg.Workers < 1 || cfg.Workers > 5_000 || cfg.CallerWorkers < 1 || cfg.CallerWorkers > cfg.Workers:
		return nil, errors.New("notify: Workers must be 1 to 5,000 and CallerWorkers 1 to Workers")
	case cfg.Timeout < 10*time.Millisecond || cfg.Timeout > time.Minute || cfg.Every < time.Millisecond || cfg.Every > time.Second:
		return nil, errors.New("notify: Timeout must be 10ms to 1m and Every 1ms to 1s")
	}
	return &Deliverer{
		cfg: cfg, done: make(chan struct{}, 1),
		inHand: map[string]time.Time{}, posting: map[string]bool{}, callers: map[string]int{}, failing: map[string]bool{}, clients: map[string]cachedClient{}, told: map[string]trial{},
	}, nil
}

type nobody struct{}

func (nobody) Told(string, time.Duration) {}

// Run delivers until ctx ends; tries under way then have three seconds more.
// What they don't finish is posted again after the next start. It may be called once.
func (d *Deliverer) Run(ctx context.Context) error {
	posting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer d.forget()
	next := time.NewTimer(0)
	defer next.Stop()
	soon := false
	for {
		select {
		case <-ctx.Done():
			grace := time.AfterFunc(stopGrace, stop)
			defer grace.Stop()
			d.giveBack()
			return nil
		case <-d.done:
			if !soon { // many that end together make one look
				soon = true
				next.Reset(min(leastPause, d.cfg.Every))
			}
		case <-next.C:
			soon = false
			d.look(ctx, posting)
			next.Reset(d.cfg.Every)
		}
	}
}

// giveBack lets another process deliver at once what is not under way here, and the rest when it is over.
func (d *Deliverer) giveBack() {
	ctx := context.Background()
	err := d.cfg.Store.Release(ctx, d.cfg.Owner, d.underWay()...)
	d.running.Wait()
	if err = errors.Join(err, d.cfg.Store.Release(ctx, d.cfg.Owner)); err != nil {
		d.cfg.Log.Warn("events could not be given back: another process delivers them a minute from now", "error", err)
	}
}

// look starts what is due and has room. What a caller has too much of is put
// off where it fills the page, so that others are seen behind it.
func (d *Deliverer) look(ctx, posting context.Context) {
	d.watch(map[string]bool{})
	defer d.watch(nil)
	now := d.cfg.Now()
	page := d.cfg.Workers + pageSize
	due, err := d.cfg.Store.LeaseEvents(ctx, journal.Lease{Owner: d.cfg.Owner, Now: now, For: leaseFor}, page)
	if err != nil {
		if ctx.Err() == nil {
			d.complain("the outbox could not be read", err)
		}
		return
	}
	var surplus []journal.Event
	for _, e := range due {
		switch d.take(&e, now) {
		case started:
			d.running.Go(func() { d.tell(posting, e) })
		case callerBusy:
			e.NextAt = now.Add(putOff)
			surplus = append(surplus, e)
		case full:
			return
		}
	}
	if len(due) < page || len(surplus) == 0 {
		return
	}
	if err := d.cfg.Store.Apply(ctx, journal.Change{Events: surplus}); err != nil && ctx.Err() == nil {
		d.complain("events could not be put off", err)
	}
}

// Wake says that something is about to be written to the outbox. It never
// blocks. It is a hint: what is written later than a moment after it, the next
// regular look finds.
func (d *Deliverer) Wake() {
	select {
	case d.done <- struct{}{}:
	default:
	}
}

// underWay are the events that are being posted.
func (d *Deliverer) underWay() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.posting))
}

// watch has leave write down what comes free: a page that was read before may
// still hold it as waiting.
func (d *Deliverer) watch(left map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = left
}

type taken int

const (
	started taken = iota
	already       // its subject is under way, or was a moment ago
	callerBusy
	full
)

// take finds room for an event, and whether its subject is free.
func (d *Deliverer) take(e *journal.Event, now time.Time) taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, busy := d.inHand[e.Subject]
	switch {
	case d.left[e.Subject], busy && (until.IsZero() || now.Before(until)):
		return already
	case d.total >= d.cfg.Workers:
		return full
	case d.callers[e.Caller] >= d.cfg.CallerWorkers, d.failing[e.Caller] && d.callers[e.Caller] > 0:
		return callerBusy
	}
	d.inHand[e.Subject], d.posting[e.ID] = time.Time{}, true
	d.callers[e.Caller]++
	d.total++
	return started
}

// leave gives an event's place back. Its subject is not touched before until, where that is set.
func (d *Deliverer) leave(e *journal.Event, until time.Time) {
	d.mu.Lock()
	delete(d.inHand, e.Subject)
	delete(d.posting, e.ID)
	if !until.IsZero() {
		d.inHand[e.Subject] = until
	}
	if d.callers[e.Caller]--; d.callers[e.Caller] == 0 {
		delete(d.callers, e.Caller)
	}
	d.total--
	if d.left != nil {
		d.left[e.Subject] = true
	}
	d.mu.Unlock()
	d.Wake()
}

// fared remembers how a caller's last try went.
func (d *Deliverer) fared(caller string, well bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if well {
		delete(d.failing, caller)
	} else {
		d.failing[caller] = true
	}
}

// client is the caller's, made anew where its endpoint has become another.
func (d *Deliverer) client(e *Endpoint) *http.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.clients[e.Caller]
	if ok && c.endpoint == e.ID {
		return c.http
	}
	if ok {
		c.http.CloseIdleConnections()
	}
	g := &guard{dev: d.cfg.Dev, allow: e.Allow, resolver: d.cfg.Resolver}
	c = cachedClient{e.ID, g.client(d.cfg.TLS, d.cfg.Timeout, d.cfg.CallerWorkers)}
	d.clients[e.Caller] = c
	return c.http
}

// forget drops idle connections.
func (d *Deliverer) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.clients {
		c.http.CloseIdleConnections()
	}
}
