package farm

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/people"
	"kaqiao/profiles"
)

// bank is one bank: its books, its behaviour and what it has been asked.
type bank struct {
	farm      *Farm
	profile   *profiles.Bank
	behaviour *behave.Behaviour
	exchanges *exchanges
	counters  counters
	// turns is when the next of the bank's cases is decided or expires by itself, in milliseconds since 1970; 0: none waits.
	turns atomic.Int64

	// The books are opened on first touch: one SQLite file costs descriptors and
	// memory, and there may be thousands of banks.
	open    atomic.Pointer[ledger.Ledger]
	opening sync.Mutex
	closed  bool
}

func newBank(f *Farm, p *profiles.Bank) (*bank, error) {
	b := &bank{farm: f, profile: p, exchanges: newExchanges(f.cfg.Exchanges)}
	var err error
	b.behaviour, err = behave.New(behave.Config{
		Seed: f.cfg.Seed, Subject: "bank/" + p.ID, Now: f.now,
		Own: behave.Layer{Latency: p.Mock.Latency, Faults: p.Mock.Faults}, Protocols: b.protocols(),
	})
	return b, err
}

// protocols are those of the channels over which the bank can be reached.
func (b *bank) protocols() (list []string) {
	for _, route := range b.profile.Routes {
		if c := b.farm.cfg.Set.Channel(route.Channel); c != nil && !slices.Contains(list, c.Protocol) {
			list = append(list, c.Protocol)
		}
	}
	return list
}

// channel is the channel that the bank prefers, or nil.
func (b *bank) channel() *channel {
	for _, route := range b.profile.Routes {
		if c := b.farm.channels[route.Channel]; c != nil {
			return c
		}
	}
	return nil
}

// member is the bank's number on a channel.
func (b *bank) member(channel string) string {
	for _, route := range b.profile.Routes {
		if route.Channel == channel {
			return route.Member
		}
	}
	return ""
}

// books returns the open ledger; the first caller opens it, and fills it where it is new.
func (b *bank) books() (*ledger.Ledger, error) {
	if l := b.open.Load(); l != nil {
		return l, nil
	}
	b.opening.Lock()
	defer b.opening.Unlock()
	if l := b.open.Load(); l != nil {
		return l, nil
	}
	if b.closed {
		return nil, fmt.Errorf("bank %s: %w", b.profile.ID, ledger.ErrClosed)
	}
	l, err := ledger.Open(b.config())
	if err != nil {
		return nil, fmt.Errorf("bank %s: %w", b.profile.ID, err)
	}
	b.open.Store(l)
	return l, nil
}

func (b *bank) config() ledger.Config {
	f, p := b.farm, b.profile
	return ledger.Config{
		Path: f.bookPath(p.ID), Seed: f.cfg.Seed, Now: f.clock.now, Log: f.log,
		Terms: ledger.Terms{
			Bank: p.ID, Name: p.Name.ZH,
			CodeDigits: p.Challenge.CodeDigits, CodeTTL: p.Challenge.TTL.Std(), Attempts: p.Challenge.Attempts,
			ResendAfter: p.Challenge.ResendAfter.Std(), SignsPerDay: p.Challenge.SignsPerDay,
			Classes: p.Accounts.Classes, Kinds: p.Challenge.Kinds, ApproveWithin: p.Challenge.ApproveWithin.Std(),
		},
		People: b.people, Review: b.review, Cases: b.turned,
	}
}

// people is the sequence of the bank's invented customers; the ledger asks for it when its file is new.
func (b *bank) people(yield func(ledger.Customer) bool) {
	n := 10_000
	if own := b.profile.Mock.People; own != nil {
		n = *own
	}
	if over := b.farm.cfg.People; over != nil {
		n = *over
	}
	tell := b.farm.cfg.Seeding
	if tell == nil {
		tell = func(string, int, time.Duration) {}
	}
	began := b.farm.now()
	tell(b.profile.ID, n, 0)
	people.Of(b.profile, b.farm.cfg.Set.BINs, b.farm.cfg.Seed, n)(yield)
	tell(b.profile.ID, n, max(b.farm.now().Sub(began), 1))
}

// close closes the books for good.
func (b *bank) close() error {
	b.opening.Lock()
	defer b.opening.Unlock()
	b.closed = true
	if l := b.open.Swap(nil); l != nil {
		return l.Close()
	}
	return nil
}
