package adaptertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/adapter"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// side is the gateway's side of one lane: adapter, codec, link and bank.Do over the journal.
type side struct {
	*world
	id      string // of the bank and of its channel
	bank    *profiles.Bank
	channel *profiles.Channel
	member  string
	banks   atomic.Pointer[bank.Banks]
	broken  twin
	made    bank.Channel
	lines   bool
	link    adapter.Link
	wait    atomic.Int64  // how long an answer is waited for
	limit   time.Duration // how long is waited for what must happen
	used    int           // customers that had their turn
	people  []customer
	tape    *tape
	another map[op.Kind]recorded

	heardMu sync.Mutex
	heard   []op.Notice
}

// twin is how a side is broken on purpose, for the trial of the suite itself. Nil functions break nothing.
type twin struct {
	channel func(bank.Channel) bank.Channel
	journal func(bank.Journal) bank.Journal
	limit   time.Duration // zero: patience
}

// newSide wires a lane.
func (w *world) newSide(ctx context.Context, id string, broken twin) (*side, error) {
	s := &side{world: w, id: id, bank: w.set.Bank(id), channel: w.set.Channel(id), another: map[op.Kind]recorded{}}
	s.wait.Store(int64(patience))
	s.limit = cmp.Or(broken.limit, patience)
	s.member, s.broken = s.bank.Routes[0].Member, broken
	err := s.wire()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.sides[id] = s
	w.mu.Unlock()
	s.people, err = w.unbound(ctx, id)
	s.people = slices.DeleteFunc(s.people, func(c customer) bool { return len(s.banks.Load().Check(id, c.person())) > 0 })
	if err == nil && len(s.people) == 0 {
		err = errors.New("there is nobody whose card could be bound")
	}
	if err != nil {
		err = errors.Join(err, s.close())
	}
	return s, err
}

// wire makes the channel, and what goes over it.
func (s *side) wire() (err error) {
	if s.made, s.link, err = s.connect(s.channel, s.addresses[s.id]); err != nil {
		return err
	}
	s.tape = &tape{inner: s.link}
	s.made.Link = s.tape
	if s.broken.channel != nil {
		s.made = s.broken.channel(s.made)
	}
	disk := bank.Journal(s.store)
	if s.broken.journal != nil {
		disk = s.broken.journal(disk)
	}
	s.banks.Store(bank.New(disk, open{}, []bank.Channel{s.made}, time.Now, slog.New(slog.DiscardHandler)))
	return nil
}

// restart is a gateway's: its connections and what it knows of keys and tokens are gone, and the bank's are not.
func (s *side) restart() error {
	if err := s.link.Close(); err != nil {
		return err
	}
	return s.wire()
}

// connect makes the channel as the program makes it.
func (s *side) connect(profile *profiles.Channel, host string) (bank.Channel, adapter.Link, error) {
	speak, ok := adapter.Protocols()[profile.Protocol]
	if !ok {
		return bank.Channel{}, nil, fmt.Errorf("the gateway does not speak %s", profile.Protocol)
	}
	ring, err := profile.Ring(seal.Gateway, s.keys)
	if err != nil {
		return bank.Channel{}, nil, err
	}
	speech, err := speak(profile, ring, s.set, time.Now)
	if err != nil {
		return bank.Channel{}, nil, err
	}
	secure, err := profile.ClientTLS(s.keys)
	if err != nil {
		return bank.Channel{}, nil, err
	}
	address, err := url.Parse(profile.Endpoint.URL)
	if err != nil {
		return bank.Channel{}, nil, err
	}
	address.Host = host
	l, err := speech.Link(profile, adapter.Peer{
		Address: address.String(), TLS: secure, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Heard: func(f wire.Frame) { _, _ = s.banks.Load().Heard(context.Background(), s.id, f, s.hear) },
	})
	s.lines = speech.Lines != nil
	return bank.Channel{
		ID: profile.ID, Adapter: speech.Adapter, Codec: speech.Codec, Link: l,
		Timeout: func(string, op.Kind) time.Duration { return time.Duration(s.wait.Load()) },
	}, l, err
}

// dead is the same channel to an address where nobody listens.
func (s *side) dead(ctx context.Context) (*bank.Banks, adapter.Link, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	host := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, nil, err
	}
	profile := *s.channel
	profile.Timeouts.Connect = profiles.Duration(brief)
	made, link, err := s.connect(&profile, host)
	if err != nil {
		return nil, nil, err
	}
	made.Adapter = s.made.Adapter
	return bank.New(s.store, open{}, []bank.Channel{made}, time.Now, slog.New(slog.DiscardHandler)), link, nil
}

func (s *side) close() error {
	s.mu.Lock()
	if s.sides[s.id] == s {
		delete(s.sides, s.id)
	}
	s.mu.Unlock()
	return s.link.Close()
}

func (s *side) hear(_ context.Context, n op.Notice) error {
	s.heardMu.Lock()
	defer s.heardMu.Unlock()
	s.heard = append(s.heard, n)
	return nil
}

// heardSoFar are the notices since the last call of deaf.
func (s *side) heardSoFar() []op.Notice {
	s.heardMu.Lock()
	defer s.heardMu.Unlock()
	return append([]op.Notice(nil), s.heard...)
}

func (s *side) deaf() {
	s.heardMu.Lock()
	defer s.heardMu.Unlock()
	s.heard = nil
}

// open is a gate that lets everything through: a breaker would hide what it protects from.
type open struct{}

func (open) Enter(context.Context, string, string, op.Kind) (func(op.Result), *op.Problem) {
	return func(op.Result) {}, nil
}
