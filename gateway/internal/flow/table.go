package flow

// The states that the journal has besides those of the API. The API shows each as processing.
const (
	applying    = "applying"    // an apply is under way, or its outcome is not known
	challenging = "challenging" // the same of another code, while the earlier one still counts
	confirming  = "confirming"  // the same of a confirm
)

// event is what can happen to a binding.
type event int

// The events. Those that begin with meant are a caller's wish that has passed
// every check; the others are what became of an exchange, whoever learned it and however late.
const (
	meantApply event = iota
	meantChallenge
	meantConfirm
	meantCancel
	meantUnsign
	meantPasswordFree
	accepted      // the bank said yes
	signed        // the bank holds an agreement
	pending       // the bank has somebody think about it
	refused       // the bank said no for good
	refusedForNow // the bank said no to this try: another may go well
	notSent       // not one byte left
	unknown       // nobody knows
	notFound      // the bank, asked often enough and late enough, does not know of it
	undone        // the bank has undone it, or never had it
	timedOut      // the session's time is over
	lapsed        // the bank says that nobody has approved in time
	heard         // the bank has ended the agreement on its own account
)

// command is what a move asks for besides writing it down.
type command int

const (
	nothing   command = iota
	shred             // destroy the card and the person
	sendAgain         // a new attempt of the same
	wait              // the attempt stays open: ask again
)

// move is where an event leads.
type move struct {
	to string
	do command
}

// table is the whole life of a binding. An event that a state does not list
// is refused, and changes nothing.
func table() map[string]map[event]move {
	return map[string]map[event]move{
		"": {meantApply: {applying, nothing}},
		applying: {
			accepted:      {AwaitingCode, nothing},
			signed:        {Active, nothing}, // a bank that asks nobody
			pending:       {AwaitingApproval, wait},
			refused:       {Failed, shred},
			refusedForNow: {Failed, shred},
			notSent:       {Failed, shred},
			notFound:      {Failed, shred},
			undone:        {Failed, shred},
			unknown:       {applying, wait},
		},
		AwaitingCode: {
			meantChallenge: {challenging, nothing},
			meantConfirm:   {confirming, nothing},
			meantCancel:    {Cancelled, shred},
			signed:         {Active, nothing}, // an answer that came after "not found" had been believed
			timedOut:       {Expired, shred},
		},
		challenging: {
			accepted:      {AwaitingCode, nothing},
			signed:        {Active, nothing}, // as in awaiting_code
			pending:       {AwaitingApproval, wait},
			refused:       {AwaitingCode, nothing},
			refusedForNow: {AwaitingCode, nothing},
			notSent:       {AwaitingCode, nothing},
			notFound:      {AwaitingCode, nothing},
			undone:        {AwaitingCode, nothing},
			unknown:       {challenging, wait},
		},
		AwaitingApproval: {
			meantCancel:   {Cancelled, shred}, // what the bank may still sign is then owed: see owed.go
			signed:        {Active, nothing},
			pending:       {AwaitingApproval, wait},
			refused:       {Failed, shred},
			refusedForNow: {Failed, shred},
			notFound:      {Failed, shred},
			accepted:      {AwaitingApproval, wait}, // approved, and no agreement: that can't be
			lapsed:        {Expired, shred},
			unknown:       {AwaitingApproval, wait},
		},
		confirming: {
			signed:        {Active, nothing},
			pending:       {AwaitingApproval, wait},
			refused:       {Failed, shred},
			refusedForNow: {AwaitingCode, nothing},
			notSent:       {AwaitingCode, nothing},
			notFound:      {AwaitingCode, nothing},
			undone:        {Failed, shred},
			unknown:       {confirming, wait},
		},
		Active: {
			meantUnsign:       {Revoking, nothing},
			meantPasswordFree: {Active, nothing},
			heard:             {Revoked, shred},
		},
		Revoking: {
			accepted:      {Revoked, shred},
			pending:       {Revoking, wait},
			refused:       {Active, nothing},
			refusedForNow: {Revoking, wait},
			notSent:       {Revoking, wait},
			notFound:      {Revoking, sendAgain},
			unknown:       {Revoking, wait},
			heard:         {Revoked, shred},
		},
		Failed:    {},
		Expired:   {},
		Cancelled: {},
		Revoked:   {},
	}
}

// ended reports whether a binding in this state has come to its end.
func ended(state string) bool {
	return state == Failed || state == Expired || state == Cancelled || state == Revoked
}

// live reports whether a binding in this state stands in the way of another
// of the same card: it has an agreement, or may still come to one.
func live(state string) bool {
	return state != "" && !ended(state)
}

// shown is a state as the API shows it.
func shown(state string) string {
	switch state {
	case applying, challenging, confirming:
		return Processing
	}
	return state
}

// kept are the journal's states of a state that the API shows.
func kept(state string) []string {
	if state == Processing {
		return []string{applying, challenging, confirming}
	}
	return []string{state}
}
