package ledger

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"
)

// What callers may test for, beside the errors of a context.
var (
	ErrBusy     = errors.New("ledger: too many changes are waiting")
	ErrClosed   = errors.New("ledger: closed")
	ErrNotFound = errors.New("ledger: not found")
	ErrExists   = errors.New("ledger: the card exists already")
	ErrInvalid  = errors.New("ledger: invalid")         // wrapped with the field's name, never its value
	ErrForeign  = errors.New("ledger: not our file")    // another bank's, or no ledger at all
	ErrSchema   = errors.New("ledger: another version") // of the file's tables
)

// Config is what a ledger is opened with.
type Config struct {
	// Path is the SQLite file; it and its folder are made where missing. Required.
	Path string
	// Terms are the bank's rules. Required.
	Terms Terms
	// Seed decides codes: the same seed and the same requests give the same codes.
	// A file keeps the seed that it was made with.
	Seed uint64
	// People are put into a new file, all of them or none. It is not called for a file that has them. Nil: none.
	People iter.Seq[Customer]
	// Now is the bank's clock. Default time.Now.
	Now func() time.Time
	// Log takes what an operator should know. Default: nothing.
	Log *slog.Logger
	// Queue is how many changes may wait for the writer, 1 to 1,000,000. Default 4,096. Beyond it ErrBusy is given.
	Queue int
	// Messages is how many messages are kept, 1,000 to 10,000,000. Default 200,000; the oldest go first.
	Messages int
}

// Ledger is one bank's truth in one SQLite file. It is safe for concurrent use.
type Ledger struct {
	cfg Config
}

var (
	_ Teller = (*Ledger)(nil)
	_ Memory = (*Ledger)(nil)
)

// Filter chooses customers.
type Filter struct {
	Kind    string // empty: all
	Limit   int    // 1 to 1,000. Default 20
	Cursor  string // where the page before ended; empty: the beginning
	Unbound bool   // only customers none of whose cards has a signed agreement
}

// AgreementFilter chooses agreements.
type AgreementFilter struct {
	Card   string // the whole number; empty: all cards
	Limit  int    // 1 to 1,000. Default 100
	Cursor string // where the page before ended; empty: the beginning
}

// Open opens the bank's file, and makes and fills it where it is new.
func Open(cfg Config) (*Ledger, error) { return &Ledger{cfg: cfg}, nil }

// Close ends what is waiting and closes the file. Calls that come later get ErrClosed.
func (l *Ledger) Close() error { return nil }

// Apply checks an identity and sends a code. A change once begun is finished even if ctx ends.
func (l *Ledger) Apply(ctx context.Context, a Apply) (Answer, error) { return Answer{}, nil }

// Confirm brings a code back and signs.
func (l *Ledger) Confirm(ctx context.Context, c Confirm) (Answer, error) { return Answer{}, nil }

// Unsign ends an agreement.
func (l *Ledger) Unsign(ctx context.Context, u Unsign) (Answer, error) { return Answer{}, nil }

// Recall returns the latest answer that was given to a request.
func (l *Ledger) Recall(ctx context.Context, channel, operation, number string) (Answer, bool, error) {
	return Answer{}, false, nil
}

// Customers returns a page in the order in which they came, and the next page's cursor, empty at the end.
func (l *Ledger) Customers(ctx context.Context, f Filter) ([]Customer, string, error) {
	return nil, "", nil
}

// AddCustomer adds one customer with cards. ErrExists: a card is in the ledger already.
func (l *Ledger) AddCustomer(ctx context.Context, c Customer) error { return nil }

// Agreements returns a page, newest first, and the next page's cursor, empty at the end.
func (l *Ledger) Agreements(ctx context.Context, f AgreementFilter) ([]Agreement, string, error) {
	return nil, "", nil
}

// Revoke ends an agreement on the bank's own account. ErrNotFound: there is none of this number.
func (l *Ledger) Revoke(ctx context.Context, number string) (Agreement, error) {
	return Agreement{}, nil
}

// Invalidate ends an agreement because the customer's data have changed. ErrNotFound: there is none of this number.
func (l *Ledger) Invalidate(ctx context.Context, number string) (Agreement, error) {
	return Agreement{}, nil
}

// Messages returns the latest messages for an address (empty: for all), newest first. Limit is 1 to 1,000, default 20.
func (l *Ledger) Messages(ctx context.Context, to string, limit int) ([]Message, error) {
	return nil, nil
}

// Wait returns what Messages would, as soon as there is one after the message
// with the id after (empty: any at all). When ctx ends first it returns ctx's error.
func (l *Ledger) Wait(ctx context.Context, to, after string, limit int) ([]Message, error) {
	return nil, nil
}
