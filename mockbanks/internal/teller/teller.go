// Package teller is what banks and hubs mean by their messages: the words that
// a farm needs of every protocol. Each protocol has a folder of its own below
// this one, and all is the one list of them.
//
// Tellers are written apart from the gateway's adapters and share nothing with
// them but the grammar in profiles/wire.
package teller

import (
	"context"
	"log/slog"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// Config is what a teller is made with.
type Config struct {
	Channel   *profiles.Channel
	Codec     wire.Codec // of the bank's side
	Directory Directory
	Members   []string         // the banks' numbers on the channel
	Now       func() time.Time // the real time: staleness is judged by it
	Log       *slog.Logger
}

// Directory knows the members of a channel.
type Directory interface {
	// Member returns the id of the bank with this number on the channel.
	Member(number string) (bank string, ok bool)
	// Ledger returns the books of a bank. Its error is the farm's own trouble.
	Ledger(ctx context.Context, bank string) (Ledger, error)
}

// Ledger is what a teller asks of a bank's books.
type Ledger interface {
	ledger.Teller
	ledger.Approver
	ledger.Memory
}

// Teller understands what comes in. It is safe for concurrent use.
type Teller interface {
	// Understand returns a call for a member, or, where the hub itself answers,
	// a nil call and its answer: a refusal, or one without a Code. An answer
	// without a frame says nothing. The error says that not even a refusal could be made.
	Understand(wire.Frame) (Call, Answer, error)
}

// Liner is a teller whose channel is long lines, each with a state of its own: who has signed on over it.
type Liner interface {
	// Line begins the state of a line. Push sends a frame over it that nobody
	// asked for; it does not wait, and its error says that the line has ended or is too full.
	Line(push func(wire.Frame) error) Line
}

// Line understands what comes in over one line. It is safe for concurrent use.
type Line interface {
	Teller
	// Close ends the line's state. Calls may still be under way.
	Close()
}

// Rekeyer is a teller whose bank can hand out a new key by itself.
type Rekeyer interface {
	// Rekey sends one over a line on which somebody has signed on. Member is the bank's number on the channel.
	Rekey(member string) error
}

// Call is one request that was understood. Its methods are called at most once, one of them.
type Call interface {
	// Facts says what is asked, and of whom.
	Facts() Facts
	// Execute has the member do it, and answers. An error means that the
	// member's core is in trouble; what it has done is unknown, and it is silent.
	Execute(context.Context) (Answer, error)
	// Excuse answers in the member's place, which has done nothing or says nothing.
	Excuse(Excuse) (Answer, error)
}

// Asker is a call that asks what became of an earlier one. Of and Done may be
// called before the one method that answers.
type Asker interface {
	// Of names the earlier call by the operation and the number of its Facts.
	Of() (operation, number string)
	// Done says when the bank did it. False: it has not.
	Done(context.Context) (at time.Time, done bool, err error)
	// NotFound answers as if the bank had nothing of it.
	NotFound() (Answer, error)
}

// Contradictor is a call whose answer can be contradicted.
type Contradictor interface {
	// Contradict returns, after Execute, an answer that says of the same call the
	// opposite of the one given. False: that one decides nothing, so it has no opposite.
	Contradict(Answer) (answer Answer, ok bool, err error)
}

// Facts are what a farm knows of a call without knowing its protocol.
type Facts struct {
	Operation string // a name of profiles.Operations
	Bank      string // the member's id
	Number    string // the sender's number for the call
	Subject   string // the card's number, or what stands for it: a transaction's or an agreement's number
	IsCard    bool   // Subject is a card's number
	Direct    bool   // nobody stands before the member who would answer in its place when it is silent
	Request   wire.Message
}

// Answer is what goes back.
type Answer struct {
	Frame     wire.Frame
	Message   wire.Message
	Code      string // the raw code of a refusal, empty where there is none
	Agreement string // the agreement signed
}

// Excuse is why another answers in a member's place.
type Excuse int

// The excuses.
const (
	MemberSilent Excuse = iota + 1 // the member does not answer: what it has done is unknown
	MemberBusy                     // the member is too busy and has done nothing
	HubBusy                        // the hub is too busy and has passed nothing on
)

// Notifier is a teller whose banks can say something unasked.
type Notifier interface {
	// Unsigned is a bank's word that it has ended an agreement on its own account. It is asked anew each time
	// that the word is brought, so that it is never older than its way.
	Unsigned(Ended) (wire.Frame, wire.Message, error)
}

// Reporter is a teller whose banks tell unasked what became of a case.
type Reporter interface {
	// Decided is a bank's word on a case as it now stands.
	Decided(Decision) (wire.Frame, wire.Message, error)
}

// Decision is the end of a case.
type Decision struct {
	Member string // the bank's number on the channel
	Case   ledger.Case
	Serial uint64 // as in Ended; the same when it is said again
}

// Ended is an agreement that a bank has ended.
type Ended struct {
	Member    string // the bank's number on the channel
	Agreement ledger.Agreement
	Serial    uint64 // at most 16 digits, unique for ever on the channel: what the notice's own number is made of
}
