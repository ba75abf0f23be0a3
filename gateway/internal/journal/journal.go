// Package journal is what was meant, and what became of it. It has commands,
// not transactions: Apply(Change) is atomic and durable when it returns, so
// that a store can group the commits of many callers.
//
// Nothing in a journal names a card, a person or a code: sealed data is
// opaque bytes from the vault, numbers of cards are keyed hashes.
package journal

import (
	"context"
	"errors"
	"time"

	"kaqiao/gateway/internal/op"
)

// What a Change can run into. The whole Change was left out then.
var (
	// ErrConflict: the binding, or what the vault keeps of it, was changed by somebody else since it was read.
	ErrConflict = errors.New("binding was changed meanwhile")
	// ErrLive: this user has a live binding of this card already.
	ErrLive = errors.New("a live binding of this card exists")
	// ErrKeyUsed: the idempotency key has been used.
	ErrKeyUsed = errors.New("idempotency key was used")
	// ErrFull: more changes are waiting than the store takes. Nothing was written.
	ErrFull = errors.New("journal queue is full")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not in the journal")
)

// Binding is one binding session and, when it went well, the agreement.
type Binding struct {
	ID       string // bnd_ and a ULID
	Version  int64  // 1 when made; each Change raises it by one
	Caller   string
	UserID   string
	Platform string
	Bank     string
	Tier     string
	Channel  string
	Member   string
	State    string // flow's own states
	Live     bool   // of one caller and user, only one binding of a card may be live: ErrLive
	Reason   op.Reason
	RawCode  string

	CardHash   []byte // keyed hash of the card number
	CardLast4  string
	CardType   string
	CardScheme string

	Challenge Challenge
	Number    string    // the number that ties code and confirm together
	Begun     time.Time // when that number was used first

	Agreement    string // the bank's number
	Class        string // I, II, III where the bank told
	PasswordFree PasswordFree

	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt time.Time // of the unfinished session
}

// Challenge is how the customer shows that it is him.
type Challenge struct {
	Kind         string // sms, app_push, email, phone; empty before the bank has accepted the apply
	To           string // masked
	ExpiresAt    time.Time
	ResendAt     time.Time
	AttemptsLeft int
}

// PasswordFree is what the agreement says of small payments without a password.
type PasswordFree struct {
	Enabled  bool
	LimitFen int64
}

// Attempt is one request to a bank. It is written before the first byte leaves.
type Attempt struct {
	ID         string // att_ and a ULID
	Binding    string // or ver_ and a ULID: a verification, which has no binding
	Kind       op.Kind
	Channel    string
	Bank       string
	Number     string // our number on the wire
	Borrowed   bool   // the number is another attempt's: a confirm may carry that of its apply
	Of         string // a query's original attempt
	Settled    bool   // false: meant, and nothing is known yet
	Outcome    op.Outcome
	Reason     op.Reason
	RawCode    string
	IntendedAt time.Time
	Deadline   time.Time // after it an unsettled attempt is nobody's any more
	SettledAt  time.Time
	Exchange   time.Duration
	// Said and Heard are what went to the bank and what came back, as people may read it: at most 2,560 bytes each. They
	// are written once and not read with the attempt: see Transcripts.
	Said, Heard string

	// Of an attempt whose outcome is to be found out.
	AskAt    time.Time // when to ask next; zero: nothing to find out
	Asked    int       // how often it was asked
	NotFound int       // answers "not found" in a row
}

// Key is one idempotency key.
type Key struct {
	Caller      string
	Route       string // method and route template; with a binding's id where the route has one
	Key         string
	Fingerprint []byte // HMAC of the canonical body without CVV and codes
	Binding     string
	Status      int    // 0 while the answer is not known
	Body        []byte // the stored answer; masked like every answer
	At          time.Time
}

// Event is one thing that a caller is told of. It is written with the change
// that it tells of, so that neither can be without the other.
type Event struct {
	ID      string // evt_ and a ULID
	Caller  string
	Subject string // what it is about: a binding's id. Events of one subject are delivered in order
	Seq     int64  // their order within the subject
	Type    string // binding.active…
	At      time.Time
	Body    []byte // what is sent, made when it happened: what is told later would be something else

	// Of its delivery.
	State  EventState
	Tries  int
	NextAt time.Time // when it may be tried; zero where it is over
	Note   string    // why it is not delivered yet, for operators: never what the other side sent
}

// EventState says whether an event has been delivered.
type EventState string

// The states of an event.
const (
	EventWaiting   EventState = "waiting"
	EventDelivered EventState = "delivered"
	EventDead      EventState = "dead" // given up: only a replay delivers it
)

// EventFilter selects events of one caller in the order in which they were made. Empty fields select all.
type EventFilter struct {
	Caller  string
	Subject string
	State   EventState
	After   string // only ids above this one: a cursor
	Since   time.Time
	Limit   int // 1 to 1,000
}

// Change is one atomic step.
type Change struct {
	// Binding is inserted where its Version is 1; otherwise it replaces the row with Version-1, or ErrConflict.
	// What it was made with stays as inserted: Caller, UserID, Platform, Bank, Tier, the card and CreatedAt.
	Binding *Binding
	// Attempts are inserted or replaced by ID. What was meant stays as inserted: Binding to Of, and IntendedAt.
	Attempts []Attempt
	// NewKey is inserted, or ErrKeyUsed. AnsweredKey sets Status and Body of an existing row whose Status is 0;
	// an earlier answer stays, and the rest of the Change is written all the same.
	NewKey, AnsweredKey *Key
	// Sealed replaces the vault's bytes of the binding. Shred destroys them.
	Sealed *Sealed
	Shred  string // binding id
	// Events are inserted, or their delivery is replaced, by ID. What happened stays as inserted.
	Events []Event
	// Notices are kept, each once: one that is there stays as it is.
	Notices []Notice
}

// Notice is what a bank said unasked.
type Notice struct {
	Channel   string
	ID        string // the bank's own number of it, unique on the channel
	At        time.Time
	Member    string
	Agreement string // what it is about,
	Of        string // or our number of an operation
	Heard     string // as people may read it, at most 2,560 bytes
}

// Exchange is what was said in an attempt.
type Exchange struct{ Attempt, Said, Heard string }

// Sealed is what the vault keeps for a binding.
type Sealed struct {
	Binding string
	Data    []byte // ciphertext and wrapped key, the vault's own format
	// Was, where set, is what must lie there still, byte for byte, or ErrConflict: bytes that were
	// replaced meanwhile stay, and what was shredded does not come back.
	Was []byte
}

// Store is what every journal does. Consumers declare the part they need. Where
// the disk fails, any of it returns ErrStorage; where it is an Apply or a Reserve, nothing was written.
type Store interface {
	Apply(context.Context, Change) error

	Binding(ctx context.Context, id string) (Binding, error)
	Bindings(ctx context.Context, f Filter) ([]Binding, error)
	Attempts(ctx context.Context, binding string) ([]Attempt, error)
	Attempt(ctx context.Context, id string) (Attempt, error)
	Key(ctx context.Context, caller, route, key string) (Key, error)
	Sealed(ctx context.Context, binding string) ([]byte, error)

	// Due returns attempts to be found out: AskAt reached, or unsettled past the deadline. Oldest first;
	// where there are more than limit, each bank on each channel has an equal part of it.
	Due(ctx context.Context, now time.Time, limit int) ([]Attempt, error)
	// Expired returns bindings in one of states whose ExpiresAt has passed. Oldest first.
	Expired(ctx context.Context, now time.Time, states []string, limit int) ([]Binding, error)
	// Reserve takes the next n numbers of a sequence for ever and returns the first; the very first is 1.
	Reserve(ctx context.Context, sequence string, n uint64) (uint64, error)
	Close() error
}

// Agreements is the power to find a binding by what a bank calls it: the
// newest with this agreement number of this member of the channel, or
// ErrNotFound. Two banks behind one hub may use the same number.
type Agreements interface {
	ByAgreement(ctx context.Context, channel, member, agreement string) (Binding, error)
}

// Numbered is the power to find an attempt by our number on the wire: the one
// that the number was made for, or ErrNotFound.
type Numbered interface {
	ByNumber(ctx context.Context, channel, number string) (Attempt, error)
}

// Doubtful is the power to find what nobody could find out.
type Doubtful interface {
	// Undecided returns open attempts whose outcome is unknown and that do something at a bank, oldest first, at most
	// limit, 1 to 10,000: those meant before a moment, and unsignings whenever they were meant, since one that is
	// sent again stands in for the one before it.
	Undecided(ctx context.Context, before time.Time, limit int) ([]Attempt, error)
}

// Keyring is the power to go through the keys of one caller.
type Keyring interface {
	// KeysOf returns keys in the order of their routes and keys, those after a place, at most limit, 1 to 10,000.
	KeysOf(ctx context.Context, caller, afterRoute, afterKey string, limit int) ([]Key, error)
}

// Newest is the power to find the greatest ids.
type Newest interface {
	// NewestIDs returns those of bindings, attempts and events; fewer where there are none.
	NewestIDs(ctx context.Context) ([]string, error)
}

// Seals is the power to go through all that the vault keeps, and to leave nothing of what was shredded.
type Seals interface {
	// SealedAfter returns what the vault keeps of bindings above an id, in the order of ids, at most limit, 1 to 1,000.
	SealedAfter(ctx context.Context, after string, limit int) ([]Sealed, error)
	// Truncate removes from the disk what the store's log still holds of changes that are in its tables.
	// It fails where somebody reads so long that it can't, and may be repeated.
	Truncate(ctx context.Context) error
}

// Leases is the power to have several look after what is open, and none of it twice.
type Leases interface {
	// LeaseDue returns what Due would, but for what others look after, and takes it in the same commit for a while:
	// until then nobody else gets it. What is the owner's already comes again, and is taken anew where less than half
	// of the time is left; where all of it is, nothing is written. A lease ends with its time, with any change of when its
	// attempt is due, and so with the attempt. A clock that was set back makes no lease last longer than its own length from then.
	LeaseDue(ctx context.Context, l Lease, limit int) ([]Attempt, error)
	// LeaseOpen takes one that is open, due or not: ErrLeased where another looks after it, ErrNotFound where nothing is left to be found out.
	LeaseOpen(ctx context.Context, l Lease, id string) (Attempt, error)
	// Release gives back all that is an owner's, but for some, at once.
	Release(ctx context.Context, owner string, but ...string) error
}

// Transcripts is the power to tell what was said about a binding.
type Transcripts interface {
	// Exchanges returns what was said in a binding's attempts, in no order.
	Exchanges(ctx context.Context, binding string) ([]Exchange, error)
	// Notices returns what banks said unasked of a binding's agreement or attempts, oldest first, the first 1,000.
	Notices(ctx context.Context, binding string) ([]Notice, error)
}

// Pruning is the power to forget, page by page, what nobody needs any more. A page is at most limit, 1 to 500, rows
// after a cursor, empty at the beginning; next is the following page's, empty at the end. A page is one short commit, or none.
type Pruning interface {
	// PruneKeys removes idempotency keys from before a moment, unless something of their bindings is still to be found out.
	PruneKeys(ctx context.Context, before time.Time, after string, limit int) (removed int, next string, err error)
	// PruneEvents removes events from before a moment that were delivered: never one that was not.
	PruneEvents(ctx context.Context, before time.Time, after string, limit int) (removed int, next string, err error)
}

// Outbox is the power to find what callers are to be told. What is delivered is written by Apply.
type Outbox interface {
	// DueEvents returns the first waiting event of each subject whose NextAt has come: of no subject
	// more than one, because events of a subject stay in order. Oldest first, at most limit, 1 to 10,000.
	DueEvents(ctx context.Context, now time.Time, limit int) ([]Event, error)
	// LeaseEvents returns what DueEvents would, and takes it as LeaseDue does.
	LeaseEvents(ctx context.Context, l Lease, limit int) ([]Event, error)
	// Release gives back all that is an owner's, but for some, at once.
	Release(ctx context.Context, owner string, but ...string) error
	// Events returns a page of events.
	Events(ctx context.Context, f EventFilter) ([]Event, error)
}

// Filter selects bindings of one caller, newest first.
type Filter struct {
	Caller string
	UserID string
	States []string
	Before string // only ids below this one: a cursor
	Limit  int    // 1 to 200
}
