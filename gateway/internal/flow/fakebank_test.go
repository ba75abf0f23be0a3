package flow_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"kaqiao/gateway/internal/op"
)

// fate is what the way to the bank does to one exchange.
type fate int

const (
	arrives     fate = iota
	noLine           // not one byte leaves
	lostBefore       // the bank never sees it
	lostAfter        // the bank does it, the answer is lost
	late             // the answer never comes, and the bank does it some seconds later
	answersSoon      // the bank does it, and answers when nobody waits any more
	answersLate      // the same, some seconds later still
	turnedDown       // the bank says no, for a reason of the account
	busy             // the bank says that it is busy, and does nothing
)

// fakeBank is a bank with a truth of its own. Codes are always canaryCode.
type fakeBank struct {
	mu         sync.Mutex
	now        func() time.Time
	fates      []fate // of the exchanges to come but queries; then arrives
	queryFates []fate
	codes      map[string]*codeRequest // by number
	done       map[string]op.Result    // by category and number: what a query tells
	agreements map[string]*agreement
	waiting    []waiting
	manner     manner
	reversed   map[string]bool // by number: undone, whether it has come or not
	cases      map[string]*approvalCase
	unasked    []unasked // what the bank is about to say of its own accord
	sameAgain  bool      // a card that is signed gets its live agreement again
	usedUp     bool      // a code that has signed is refused as used up, instead of giving the same agreement again
	counts     map[op.Kind]int
	last       op.Operation // that came, queries aside
}

// manner is how a bank's protocol goes about a signing.
type manner int

const (
	asked     manner = iota // it can be asked what became of an operation
	undoing                 // it can't: operations are undone; each has a number of its own
	approving               // somebody has to approve, and no code is sent
)

// approvalCase waits for somebody's word.
type approvalCase struct {
	o       op.Operation
	decided bool
}

// unasked is a word of the bank and when it comes.
type unasked struct {
	at time.Time
	n  op.Notice
}

type codeRequest struct {
	card   string
	wrong  int
	locked bool
	used   bool
	signed string
}

type agreement struct {
	card, account string
	live          bool
}

type waiting struct {
	at time.Time
	o  op.Operation
}

// lateBy is less than the time after which "not found" is believed.
const lateBy = 4 * time.Second

func newFakeBank(now func() time.Time) *fakeBank {
	return &fakeBank{
		now: now, codes: map[string]*codeRequest{}, done: map[string]op.Result{}, agreements: map[string]*agreement{}, counts: map[op.Kind]int{},
		reversed: map[string]bool{}, cases: map[string]*approvalCase{},
	}
}

func (f *fakeBank) exchange(o op.Operation) (op.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[o.Kind]++
	if o.Kind == op.Query && f.manner == undoing {
		panic("a bank was asked that can't be asked")
	}
	if o.Kind == op.Query {
		switch next(&f.queryFates) {
		case noLine:
			return op.Result{}, errNoLine
		case lostBefore, lostAfter, late:
			return op.Result{}, errSilence
		case turnedDown: // whatever is true
			return op.Result{Outcome: op.Accepted, Of: &op.Result{Outcome: op.Refused, Reason: op.NameMismatch, RawCode: "no"}}, nil
		}
		return f.query(o), nil
	}
	if o.Kind != op.Reverse {
		f.last = o
	}
	fated := next(&f.fates)
	switch fated {
	case noLine:
		return op.Result{}, errNoLine
	case lostBefore:
		return op.Result{}, errSilence
	case lostAfter:
		f.carryOut(o)
		return op.Result{}, errSilence
	case answersSoon, answersLate:
		r := f.carryOut(o)
		f.unasked = append(f.unasked, unasked{f.now().Add(map[fate]time.Duration{answersSoon: time.Second, answersLate: lateBy}[fated]), op.Notice{
			Kind: o.Kind, Channel: o.Channel, Member: o.Member, Of: o.Number, Result: &r,
		}})
		return op.Result{}, errSilence
	case late:
		f.waiting = append(f.waiting, waiting{f.now().Add(lateBy), o})
		return op.Result{}, errSilence
	case turnedDown:
		return f.keep(o, op.Result{Outcome: op.Refused, Reason: op.AccountFrozen, RawCode: "PB511006"}), nil
	case busy:
		r := op.Result{Outcome: op.Unknown, Reason: op.BankBusy, RawCode: "ES000099", Fault: op.MemberFault}
		if o.Kind == op.Apply || o.Kind == op.Challenge {
			r = op.Result{Outcome: op.Refused, Reason: op.BankBusy, RawCode: "ES000099", RetryAfterS: 60}
		}
		return r, nil
	}
	return f.carryOut(o), nil
}

func next(fates *[]fate) fate {
	if len(*fates) == 0 {
		return arrives
	}
	f := (*fates)[0]
	*fates = (*fates)[1:]
	return f
}

// catchUp does what was late.
func (f *fakeBank) catchUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var still []waiting
	for _, w := range f.waiting {
		if f.now().Before(w.at) {
			still = append(still, w)
		} else {
			f.carryOut(w.o)
		}
	}
	f.waiting = still
}

func category(k op.Kind) string {
	if k == op.Challenge {
		k = op.Apply
	}
	return string(k) + "/"
}

func (f *fakeBank) keep(o op.Operation, r op.Result) op.Result {
	f.done[category(o.Kind)+o.Number] = r
	return r
}

func (f *fakeBank) query(o op.Operation) op.Result {
	of, known := f.done[category(o.Original.Kind)+o.Original.Number]
	if !known {
		return op.Result{Outcome: op.Accepted, NotFound: true}
	}
	return op.Result{Outcome: op.Accepted, Of: &of}
}

func (f *fakeBank) carryOut(o op.Operation) op.Result {
	no := func(reason op.Reason, code string) op.Result {
		return f.keep(o, op.Result{Outcome: op.Refused, Reason: reason, RawCode: code})
	}
	if f.reversed[o.Number] && o.Kind != op.Reverse {
		return no(op.BankRefused, "12")
	}
	if o.Kind == op.Apply && f.manner == approving || o.Challenge == "app_push" {
		return f.open(o)
	}
	switch o.Kind {
	case op.Reverse:
		return f.undo(o)
	case op.Apply, op.Challenge:
		for _, c := range f.codes {
			if c.card == o.Person.Card.Reveal() {
				c.used = c.used || c.signed == "" // another code takes an earlier one's place
			}
		}
		f.codes[o.Number] = &codeRequest{card: o.Person.Card.Reveal()}
		return f.keep(o, op.Result{Outcome: op.Accepted, Class: "I"})
	case op.Confirm:
		c := f.codes[o.Signing]
		switch {
		case c != nil && c.signed != "" && f.usedUp: // and a query still tells of the signing
			return op.Result{Outcome: op.Refused, Reason: op.CodeExpired, RawCode: "PB005X12"}
		case c != nil && c.signed != "":
			return f.keep(o, op.Result{Outcome: op.Accepted, Agreement: c.signed})
		case c == nil || c.used:
			return no(op.CodeExpired, "PB005X12")
		case c.locked:
			return no(op.CodeLocked, "PB005X09")
		case o.Code.Reveal() != canaryCode:
			c.wrong++
			c.locked = c.wrong >= 3
			return no(op.CodeWrong, "PB511027")
		}
		for number, a := range f.agreements {
			if f.sameAgain && a.live && a.card == c.card {
				c.used, c.signed = true, number
				return f.keep(o, op.Result{Outcome: op.Accepted, Agreement: c.signed, Class: "I"})
			}
		}
		c.used, c.signed = true, fmt.Sprintf("SGN%d", len(f.agreements)+1)
		f.agreements[c.signed] = &agreement{card: c.card, account: o.Account, live: true}
		return f.keep(o, op.Result{Outcome: op.Accepted, Agreement: c.signed, Class: "I"})
	case op.Verify:
		if o.Person.Document.Reveal() != "11010119900307109X" {
			return op.Result{Outcome: op.Refused, Reason: op.DocumentMismatch, RawCode: "05"}
		}
		return op.Result{Outcome: op.Accepted}
	case op.Unsign:
		a := f.agreements[o.Agreement]
		if a == nil {
			return no(op.AgreementNotFound, "PB512001")
		}
		a.live = false
		return f.keep(o, op.Result{Outcome: op.Accepted})
	}
	panic("a bank was asked for " + string(o.Kind))
}

// undo undoes what carries the number, and whatever may still come with it.
func (f *fakeBank) undo(o op.Operation) op.Result {
	_, had := f.done[category(o.Original.Kind)+o.Original.Number]
	had = had || f.reversed[o.Original.Number]
	f.reversed[o.Original.Number] = true
	if c := f.codes[o.Original.Number]; c != nil {
		c.used = true
	}
	if r := f.done["confirm/"+o.Original.Number]; r.Agreement != "" {
		f.agreements[r.Agreement].live = false
	}
	return op.Result{Outcome: op.Accepted, Undone: true, NotFound: !had}
}

// open begins to wait for somebody's approval.
func (f *fakeBank) open(o op.Operation) op.Result {
	f.cases[o.Number] = &approvalCase{o: o}
	return f.keep(o, op.Result{Outcome: op.Pending, ApprovalBy: f.now().Add(time.Hour)})
}

// decide lets somebody decide a case, and says so.
func (f *fakeBank) decide(number string, reason op.Reason) op.Notice {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cases[number]
	c.decided = true
	r := op.Result{Outcome: op.Refused, Reason: reason, RawCode: "Rejected"}
	if reason == "" {
		r = op.Result{Outcome: op.Accepted, Agreement: fmt.Sprintf("SGN%d", len(f.agreements)+1)}
		f.agreements[r.Agreement] = &agreement{card: c.o.Person.Card.Reveal(), account: c.o.Account, live: true}
	}
	f.keep(c.o, r)
	return op.Notice{Kind: c.o.Kind, Channel: c.o.Channel, Member: c.o.Member, Of: number, Result: &r}
}

// undecided are the cases that wait, by number.
func (f *fakeBank) undecided() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var numbers []string
	for n, c := range f.cases {
		if !c.decided {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// speak returns what the bank says of its own accord by now.
func (f *fakeBank) speak() []op.Notice {
	f.mu.Lock()
	defer f.mu.Unlock()
	var said []op.Notice
	f.unasked = slices.DeleteFunc(f.unasked, func(u unasked) bool {
		due := !f.now().Before(u.at)
		if due {
			said = append(said, u.n)
		}
		return due
	})
	return said
}

// live are the bank's live agreements.
func (f *fakeBank) live() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var numbers []string
	for n, a := range f.agreements {
		if a.live {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func (f *fakeBank) queries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op.Query]
}
