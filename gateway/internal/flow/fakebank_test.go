package flow_test

import (
	"fmt"
	"sync"
	"time"

	"kaqiao/gateway/internal/op"
)

// fate is what the way to the bank does to one exchange.
type fate int

const (
	arrives    fate = iota
	noLine          // not one byte leaves
	lostBefore      // the bank never sees it
	lostAfter       // the bank does it, the answer is lost
	late            // the answer never comes, and the bank does it some seconds later
	turnedDown      // the bank says no, for a reason of the account
	busy            // the bank says that it is busy, and does nothing
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
	usedUp     bool // a code that has signed is refused as used up, instead of giving the same agreement again
	counts     map[op.Kind]int
	last       op.Operation // that came, queries aside
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
	}
}

func (f *fakeBank) exchange(o op.Operation) (op.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[o.Kind]++
	if o.Kind == op.Query {
		switch next(&f.queryFates) {
		case noLine:
			return op.Result{}, errNoLine
		case lostBefore, lostAfter, late:
			return op.Result{}, errSilence
		}
		return f.query(o), nil
	}
	f.last = o
	switch next(&f.fates) {
	case noLine:
		return op.Result{}, errNoLine
	case lostBefore:
		return op.Result{}, errSilence
	case lostAfter:
		f.carryOut(o)
		return op.Result{}, errSilence
	case late:
		f.waiting = append(f.waiting, waiting{f.now().Add(lateBy), o})
		return op.Result{}, errSilence
	case turnedDown:
		return f.keep(o, op.Result{Outcome: op.Refused, Reason: op.AccountFrozen, RawCode: "PB511006"}), nil
	case busy:
		r := op.Result{Outcome: op.Unknown, Reason: op.BankBusy, RawCode: "ES000099", Fault: op.MemberFault}
		if o.Kind == op.Apply || o.Kind == op.Challenge {
			r = op.Result{Outcome: op.Refused, Reason: op.BankBusy, RawCode: "ES000099"}
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
	switch o.Kind {
	case op.Apply, op.Challenge:
		for _, c := range f.codes {
			if c.card == o.Person.Card.Reveal() {
				c.used = c.used || c.signed == "" // another code takes an earlier one's place
			}
		}
		f.codes[o.Number] = &codeRequest{card: o.Person.Card.Reveal()}
		return f.keep(o, op.Result{Outcome: op.Accepted, Class: "I"})
	case op.Confirm:
		c := f.codes[o.Number]
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
		c.used, c.signed = true, fmt.Sprintf("SGN%d", len(f.agreements)+1)
		f.agreements[c.signed] = &agreement{card: c.card, account: o.Account, live: true}
		return f.keep(o, op.Result{Outcome: op.Accepted, Agreement: c.signed, Class: "I"})
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
