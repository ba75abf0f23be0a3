package ledger_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"

	"pgregory.net/rapid"
)

// casebook is the sheet of paper beside a ledger whose bank has people in the loop.
type (
	casebook struct {
		t      *rapid.T
		ledger *ledger.Ledger
		clock  *clock
		next   int
		cases  []*entry
		told   map[string]int // by number: how often an end was told of
	}
	entry struct {
		number, message string
		card            int
		due             time.Time // zero: nobody decides by himself
		verdict         string
		opened          time.Time
		state           ledger.CaseState
	}
)

// verdictOf is the people's verdict on this card: by its ordinal, so that the model can know it.
func verdictOf(card int, ordinal uint64) (ledger.Verdict, bool) {
	switch (uint64(card) + ordinal) % 4 {
	case 0:
		return ledger.Verdict{After: 5 * time.Minute}, true
	case 1:
		return ledger.Verdict{After: 7 * time.Minute, Reject: "unreachable"}, true
	case 2:
		return ledger.Verdict{After: 20 * time.Minute}, true // too late
	}
	return ledger.Verdict{}, false
}

// TestCasesAgainstTheModel plays chance sequences of requests, people and time with two cards.
func TestCasesAgainstTheModel(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		b := &casebook{t: t, clock: newClock(), told: map[string]int{}}
		rules := terms()
		rules.ResendAfter, rules.SignsPerDay = 0, 1000
		cfg := ledger.Config{
			Path: filepath.Join(dir, fmt.Sprint(runs, ".db")), Terms: rules, People: only(numbered(1), numbered(2)), Now: b.clock.Now,
			Review: func(card string, ordinal uint64) (ledger.Verdict, bool) {
				return verdictOf(int(card[len(card)-1]-'0'), ordinal)
			},
			Cases: func(c ledger.Case) {
				if !c.State.Open() {
					b.told[c.Number]++
				}
			},
		}
		reopen := func() {
			l, err := ledger.Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			b.ledger = l
		}
		reopen()
		defer func() { _ = b.ledger.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"propose": b.propose,
			"approve": func(*rapid.T) { b.decide(true) },
			"deny":    func(*rapid.T) { b.decide(false) },
			"wait": func(t *rapid.T) {
				b.clock.forward(rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute}).Draw(t, "pause"))
			},
			"settle": func(t *rapid.T) {
				if _, err := b.ledger.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
			"restart": func(t *rapid.T) {
				if err := b.ledger.Close(); err != nil {
					t.Fatal(err)
				}
				reopen()
			},
			"": b.check,
		})
	})
}

func (b *casebook) propose(*rapid.T) {
	b.next++
	card := rapid.IntRange(1, 2).Draw(b.t, "card")
	e := &entry{number: fmt.Sprint("n", b.next), card: card, opened: b.clock.now, state: ledger.Received}
	ordinal := uint64(1)
	for _, other := range b.cases {
		if other.card != card {
			continue
		}
		ordinal++
		if b.turn(other); other.state == ledger.Received {
			other.state = ledger.Superseded
		}
	}
	if v, ok := verdictOf(card, ordinal); ok && v.After < 15*time.Minute {
		e.due, e.verdict = b.clock.now.Add(v.After), v.Reject
	}
	// A time that is over counts as soon as anybody looks.
	if _, err := b.ledger.Settle(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	a, err := b.ledger.Propose(b.t.Context(), ledger.Proposal{
		Request: request(e.number), Identity: identity(numbered(card)), Account: "u1", Kinds: []string{"phone"},
	})
	if err != nil || a.Refusal != "" || a.Case.State != ledger.Received {
		b.t.Fatalf("propose: %+v, %v", a, err)
	}
	m, err := b.ledger.Messages(b.t.Context(), numbered(card).Mobile, 1)
	if err != nil || len(m) != 1 {
		b.t.Fatalf("messages: %v, %v", m, err)
	}
	e.message = m[0].ID
	b.cases = append(b.cases, e)
}

// turn does to an entry what time has done.
func (b *casebook) turn(e *entry) {
	switch {
	case e.state != ledger.Received:
	case !e.due.IsZero() && !b.clock.now.Before(e.due) && e.verdict == "":
		e.state = ledger.Approved
	case !e.due.IsZero() && !b.clock.now.Before(e.due):
		e.state = ledger.Rejected
	case !b.clock.now.Before(e.opened.Add(15 * time.Minute)):
		e.state = ledger.Expired
	}
}

func (b *casebook) decide(approve bool) {
	if len(b.cases) == 0 {
		return
	}
	e := rapid.SampledFrom(b.cases).Draw(b.t, "case")
	b.turn(e)
	word := map[bool]ledger.CaseState{true: ledger.Approved, false: ledger.Rejected}[approve]
	var want error
	if e.state == ledger.Received {
		e.state = word
	} else if e.state != word {
		want = ledger.ErrOver
	}
	if _, err := b.ledger.Decide(b.t.Context(), e.message, approve, ""); !errors.Is(err, want) {
		b.t.Fatalf("decide %s: %v, want %v", e.number, err, want)
	}
}

// check compares every case, and the agreements, after each step.
func (b *casebook) check(t *rapid.T) {
	signed := map[int]bool{}
	for _, e := range b.cases {
		b.turn(e)
		a, found, err := b.ledger.Recall(t.Context(), "nucc", "apply", e.number)
		if err != nil || !found || a.Case.State.Open() != e.state.Open() || !e.state.Open() && a.Case.State != e.state {
			t.Fatalf("%s is %+v, %v; on the sheet %s", e.number, a, err, e.state)
		}
		if (a.Agreement != "") != (e.state == ledger.Approved) {
			t.Fatalf("%s: agreement %q of a case that is %s", e.number, a.Agreement, e.state)
		}
		want := 1
		if e.state.Open() || e.state == ledger.Superseded {
			want = 0
		}
		if b.told[e.number] != want {
			t.Fatalf("%s is %s and was told of %d times", e.number, e.state, b.told[e.number])
		}
		signed[e.card] = signed[e.card] || e.state == ledger.Approved
	}
	all, _, err := b.ledger.Agreements(t.Context(), ledger.AgreementFilter{Limit: 1000})
	n := 0
	for _, is := range signed {
		if is {
			n++
		}
	}
	if err != nil || len(all) != n {
		t.Fatalf("%d agreements, %v; %d cards are approved", len(all), err, n)
	}
}
