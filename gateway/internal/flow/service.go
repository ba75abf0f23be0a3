package flow

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/route"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// What flow needs of other rooms.
type (
	// Banks carries attempts and knows what a channel wants.
	Banks interface {
		Do(ctx context.Context, s bank.Step) (op.Result, error)
		Number(channel string, at time.Time, serial uint64) (string, error)
		Requires(channel string, kind op.Kind, cardType string) []string
		Renumbers(channel string, kind op.Kind) bool
		Truth(channel string, kind op.Kind) op.Truth
		Check(channel string, p op.Person) []op.Field
	}
	// Store is a journal that also finds bindings by their agreements, attempts by their numbers, what is undecided, the newest of all, and what came early.
	Store interface {
		journal.Store
		journal.Agreements
		journal.Numbered
		journal.Doubtful
		journal.Newest
		journal.Keyring
		journal.Transcripts
	}
	// Vault seals who binds which card.
	Vault interface {
		Seal(binding string, p op.Person, account string) (journal.Sealed, error)
		Open(binding string, data []byte) (p op.Person, account string, err error)
		CardHash(card secret.Card) []byte
	}
	// Numbers hands out serial numbers, unique for ever within a sequence.
	Numbers interface {
		Next(ctx context.Context, sequence string) (uint64, error)
	}
)

// Config is what a Service needs. All fields are required unless they say otherwise.
type Config struct {
	Set     *profiles.Set
	Banks   Banks
	Store   Store
	Vault   Vault
	Numbers Numbers
	// Node tells the numbers of gateways with stores of their own apart, 0 to 99.
	Node   int
	Router *route.Router
	Now    func() time.Time
	Log    *slog.Logger
	// SessionTTL is how long an unfinished session lives, 1m to 24h. Default 15m.
	SessionTTL time.Duration
	// Event, where set, makes the body of what a caller is told. Nil: the caller is told of no such thing.
	Event func(name string, at time.Time, b Binding) []byte
	// MinConfidence is how sure a recogniser must be of a number that nobody types, 0.5 to 1 (M05). Default 0.85.
	MinConfidence float64
	// Margin is how much surer it must be of it than of any other number that could be meant, 0 to 0.5. Default 0.05.
	Margin *float64
	// Wake, where set, is told when an attempt has something to be found out and when to ask.
	Wake func(at time.Time)
	// Hint, where set, is told of an attempt that somebody is waiting for: asking
	// the bank now is welcome. It must not block.
	Hint func(attempt string)
	// Recheck, where set, is told of a decided attempt of which its bank now says
	// something else: a query should be put. It must not block.
	Recheck func(attempt string)
}

// Service moves bindings. It is safe for concurrent use.
type Service struct {
	cfg      Config
	table    map[string]map[event]move
	policies map[op.Kind]policy
	ids      *ids
	newest   string // attempt of the processes before, which are gone; ids never go back, so those above are of this one. Empty: nobody knows. Set by Restart.

	missed       atomic.Bool   // what came early may not have been gone by: a process ended, or the disk failed, in between
	misaddressed atomic.Uint64 // answers that came late, under numbers that are not theirs
}

var _ API = (*Service)(nil)

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.SessionTTL == 0 {
		cfg.SessionTTL = 15 * time.Minute
	}
	if cfg.MinConfidence == 0 {
		cfg.MinConfidence = DefaultMinConfidence
	}
	if cfg.Margin == nil {
		margin := DefaultMargin
		cfg.Margin = &margin
	}
	if cfg.Wake == nil {
		cfg.Wake = func(time.Time) {}
	}
	return &Service{cfg: cfg, table: table(), policies: policies(), ids: newIDs()}
}
