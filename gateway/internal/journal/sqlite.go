package journal

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Config is what a journal in a SQLite file needs.
type Config struct {
	// Path is the file. It is made with mode 0600 where there is none. Required.
	Path string
	// QueueLimit is how many changes may wait to be written, 1 to 1,000,000. Default 4,096. One more is ErrFull.
	QueueLimit int
	// Log hears of what goes wrong behind a caller's back. Default: nobody.
	Log *slog.Logger
}

// SQLite is a journal in one SQLite file, written by one process.
type SQLite struct{ cfg Config }

var _ Store = (*SQLite)(nil)

var errNotBuilt = errors.New("journal: store is not open")

// Open opens the journal and brings its schema up to date.
func Open(cfg Config) (*SQLite, error) { return &SQLite{cfg: cfg}, nil }

// Apply writes one change.
func (s *SQLite) Apply(context.Context, Change) error { return errNotBuilt }

// Binding reads one binding.
func (s *SQLite) Binding(context.Context, string) (Binding, error) { return Binding{}, errNotBuilt }

// Bindings reads a page.
func (s *SQLite) Bindings(context.Context, Filter) ([]Binding, error) { return nil, errNotBuilt }

// Attempts reads a binding's attempts in order.
func (s *SQLite) Attempts(context.Context, string) ([]Attempt, error) { return nil, errNotBuilt }

// Attempt reads one attempt.
func (s *SQLite) Attempt(context.Context, string) (Attempt, error) { return Attempt{}, errNotBuilt }

// Key reads an idempotency key.
func (s *SQLite) Key(context.Context, string, string, string) (Key, error) {
	return Key{}, errNotBuilt
}

// Sealed reads the vault's bytes.
func (s *SQLite) Sealed(context.Context, string) ([]byte, error) { return nil, errNotBuilt }

// Due reads attempts to be found out.
func (s *SQLite) Due(context.Context, time.Time, int) ([]Attempt, error) { return nil, errNotBuilt }

// Expired reads bindings whose time is over.
func (s *SQLite) Expired(context.Context, time.Time, []string, int) ([]Binding, error) {
	return nil, errNotBuilt
}

// Reserve takes numbers of a sequence.
func (s *SQLite) Reserve(context.Context, string, uint64) (uint64, error) { return 0, errNotBuilt }

// Close waits for what was accepted to be written, then closes the file.
func (s *SQLite) Close() error { return nil }
