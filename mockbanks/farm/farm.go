// Package farm is the banks: a listener a channel, the books of each bank, and
// a control port for tests and people.
//
// A request goes: listen, teller (understand), behave (plan), delay, teller
// and ledger (execute), behave (what the plan does to the answer), listen.
package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/profiles"
)

// Config is what a farm is made with.
type Config struct {
	Set     *profiles.Set // Required.
	KeyDir  string        // where the profiles' file: references begin. Required.
	DataDir string        // the banks' books, one SQLite file each. Required.
	// Seed decides people, codes, delays and faults: the same seed, the same fates.
	Seed uint64
	// People stands before every profile's own number of customers. Nil: as the profiles say.
	People *int
	// Control is the control port's address. Default 127.0.0.1:9090.
	Control string
	// Listen stands before the address of a channel's endpoint, by the channel's id.
	Listen map[string]string
	// Callbacks are where banks' unasked words go, by the channel's id. Default
	// http://127.0.0.1:8081/callbacks/<channel>; an empty text sends nothing.
	Callbacks map[string]string
	// Warm opens every bank's books before the farm is ready. Otherwise a bank's first request does.
	Warm bool
	// Exchanges is how many exchanges are kept for each bank and channel, 1 to
	// 1,000,000. Default 10,000, less with more than 20 banks.
	Exchanges int
	// Now is the real time. Default time.Now.
	Now func() time.Time
	// Log takes what an operator should know. Default: nothing.
	Log *slog.Logger
	// Seeding, where set, is told when a bank's people begin to be invented (took 0) and when they are there.
	Seeding func(bank string, people int, took time.Duration)
}

// Farm is all banks and their hubs. It is run once.
type Farm struct {
	cfg      Config
	now      func() time.Time
	log      *slog.Logger
	banks    map[string]*bank
	order    []*bank
	channels map[string]*channel
	hubs     []*channel
	ordinals *behave.Ordinals
	cards    *behave.Cards
	notices  *notices
	clerk    *clerk
	clock    *clock // of the books

	afterwards *afterwards
	control    *control
	ready      chan struct{}
	late       sync.WaitGroup // members that a hub has given up waiting for
	lateNow    chan struct{}  // their places
}

// maxLate is how many members at once may still work on what their hub gave up waiting for.
const maxLate = 10_000

// New checks everything and reads the keys; nothing listens yet and no file is written.
func New(cfg Config) (*Farm, error) {
	if cfg.Set == nil || cfg.KeyDir == "" || cfg.DataDir == "" {
		return nil, errors.New("farm: a set of profiles, a folder of keys and one of data are required")
	}
	cfg.Control = cmp.Or(cfg.Control, "127.0.0.1:9090")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Exchanges == 0 {
		cfg.Exchanges = max(100, min(10_000, 200_000/max(1, len(cfg.Set.Banks))))
	}
	f := &Farm{
		cfg: cfg, now: func() time.Time { return cfg.Now().In(profiles.Beijing) }, log: cfg.Log,
		banks: make(map[string]*bank), channels: make(map[string]*channel),
		ordinals: behave.NewOrdinals(behave.DefaultRemembered), cards: behave.NewCards(behave.DefaultRemembered),
		ready: make(chan struct{}), lateNow: make(chan struct{}, maxLate),
	}
	f.clock = newClock(f.now)
	f.notices, f.clerk, f.afterwards = newNotices(f), newClerk(f), newAfterwards(f.now)
	if err := f.build(); err != nil {
		return nil, fmt.Errorf("farm: %w", err)
	}
	f.control = newControl(f)
	return f, nil
}

// build makes banks first, then the channels that lead to them. All that is wrong is reported at once.
func (f *Farm) build() error {
	if n := f.cfg.Exchanges; n < 1 || n > 1_000_000 {
		return errors.New("exchanges must be 1 to 1,000,000")
	}
	var wrong []error
	for _, p := range f.cfg.Set.Banks {
		b, err := newBank(f, p)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("bank %s: %w", p.ID, err))
			continue
		}
		f.banks[p.ID], f.order = b, append(f.order, b)
	}
	for _, p := range f.cfg.Set.Channels {
		c, err := newChannel(f, p)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		f.channels[p.ID], f.hubs = c, append(f.hubs, c)
	}
	for id := range f.cfg.Listen {
		if f.channels[id] == nil && len(wrong) == 0 {
			wrong = append(wrong, fmt.Errorf("an address is given for the channel %s, which no profile has", id))
		}
	}
	return errors.Join(wrong...)
}

// Run listens and serves until ctx ends, then stops in reverse order. When it
// returns nothing of the farm is left running.
func (f *Farm) Run(ctx context.Context) (err error) {
	// Each part runs until its own context ends, so that they can be ended one after another.
	failed := make(chan error, len(f.hubs)+2)
	var stops []func()
	defer func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}()
	start := func(run func(context.Context) error) {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := run(own); err != nil {
				failed <- err
			}
		}()
		stops = append(stops, func() { cancel(); <-done })
	}

	stops = append(stops, func() { err = errors.Join(err, f.closeBooks()) })
	start(f.notices.run)
	start(f.clerk.run)
	stops = append(stops, f.late.Wait) // they end with their hubs
	for _, c := range f.hubs {
		if err := c.open(ctx); err != nil {
			return fmt.Errorf("channel %s: %w", c.profile.ID, err)
		}
		start(c.port.Run)
	}
	if err := f.control.open(ctx, f.cfg.Control); err != nil {
		return fmt.Errorf("control port: %w", err)
	}
	start(f.control.run)
	if f.cfg.Warm {
		if err := f.warm(ctx); err != nil {
			return err
		}
	}
	close(f.ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// Ready is closed when the farm listens, and its books are open where it is to be warm.
func (f *Farm) Ready() <-chan struct{} { return f.ready }

func (f *Farm) isReady() bool {
	select {
	case <-f.ready:
		return true
	default:
		return false
	}
}

// ControlURL is where the control port listens, once the farm is ready; before that it is "".
func (f *Farm) ControlURL() string {
	if !f.isReady() {
		return ""
	}
	return "http://" + f.control.address()
}

// Address is where a channel listens, once the farm is ready, or "" where there is no such channel.
func (f *Farm) Address(channel string) string {
	c := f.channels[channel]
	if c == nil || !f.isReady() {
		return ""
	}
	return c.address()
}

// warm opens all books, one after another: each is filled by one writer, and the disk is one.
func (f *Farm) warm(ctx context.Context) error {
	for _, b := range f.order {
		select {
		case <-ctx.Done(): // told to stop before it had begun
			return nil
		default:
		}
		if _, err := b.books(); err != nil {
			return err
		}
	}
	return nil
}

func (f *Farm) closeBooks() error {
	var wrong []error
	for _, b := range f.order {
		wrong = append(wrong, b.close())
	}
	return errors.Join(wrong...)
}

// key says which call of which card this is.
func (f *Farm) key(operation, subject string, isCard bool, number string) behave.Key {
	var card uint64
	if isCard {
		card = behave.Fold(subject)
		f.cards.Remember(number, card)
	} else {
		card = f.cards.Of(subject)
	}
	return behave.Key{Card: card, Ordinal: f.ordinals.Next(operation, card)}
}

// bookPath is where a bank's books lie.
func (f *Farm) bookPath(bank string) string { return filepath.Join(f.cfg.DataDir, bank+".db") }
