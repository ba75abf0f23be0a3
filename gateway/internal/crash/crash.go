// Package crash names the points between two steps of the gateway at which
// its process may end and something must be known afterwards. In a program
// built with the tag crashpoints a test chooses one of them, and the process
// kills itself exactly there; in every other program passing a point is nothing.
package crash

// Point is one such point.
type Point int

// The points, in the order in which a binding passes them.
const (
	none Point = iota
	VaultKeyed
	BankGated
	JournalWriting
	BankIntended
	LinkSent
	BankAnswered
	BankSettled
	ResolveTold
	HeardUnderstood
	HeardTold
	APIAnswering
	APIAnswered
	NotifyPosting
	NotifyDelivered
	beyond
)

// known says of each point how it is called and what is on disk there.
var known = [beyond]struct{ name, disk string }{
	VaultKeyed:      {"vault.keyed", "the key of the day is in its file, and nothing is sealed under it yet"},
	BankGated:       {"bank.gated", "nothing of this exchange: the gate is passed, and that is all"},
	JournalWriting:  {"journal.writing", "nothing of this change: its rows are written, and their transaction is not committed"},
	BankIntended:    {"bank.intended", "what is meant, under our number; not a byte has left"},
	LinkSent:        {"link.sent", "what is meant; the request has left"},
	BankAnswered:    {"bank.answered", "what is meant; what the bank has answered is known to this process alone"},
	BankSettled:     {"bank.settled", "what became of it, the binding's new state, the caller's answer and what callers are told; nobody has been told yet"},
	ResolveTold:     {"resolve.told", "what a query or a reversal has found out, or that it has found out nothing"},
	HeardUnderstood: {"heard.understood", "nothing of what a bank has said unasked"},
	HeardTold:       {"heard.told", "what a bank has said unasked; it has no acknowledgement yet and says it again"},
	APIAnswering:    {"api.answering", "everything that the answer says; not a byte of it has left"},
	APIAnswered:     {"api.answered", "everything that the answer says; the caller has it"},
	NotifyPosting:   {"notify.posting", "the event, as waiting; nobody has been posted to"},
	NotifyDelivered: {"notify.delivered", "the event, as waiting; its receiver has taken it"},
}

// Points are all of them.
func Points() []Point {
	all := make([]Point, 0, beyond-1)
	for p := none + 1; p < beyond; p++ {
		all = append(all, p)
	}
	return all
}

// String is the point's name.
func (p Point) String() string { return known[p].name }

// Disk says what is on disk there.
func (p Point) Disk() string { return known[p].disk }
