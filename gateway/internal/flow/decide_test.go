package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// forPeople brings a confirm before people: its bank says nothing for longer than a day.
func forPeople(t *testing.T, h *house, f fate) (flow.Binding, flow.Undecided) {
	t.Helper()
	b := h.create(t)
	h.bank.fates = []fate{f}
	for range 400 {
		h.bank.queryFates = append(h.bank.queryFates, lostBefore)
	}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	for h.Now().Before(start.Add(23*time.Hour + 30*time.Minute)) {
		h.add(10 * time.Minute)
		h.find(t)
	}
	if got := h.undecided(t); len(got) != 0 {
		t.Fatalf("before a day is over people are asked about %+v", got)
	}
	h.add(time.Hour)
	h.find(t)
	got := h.undecided(t)
	if len(got) != 1 || got[0].Binding.ID != b.ID || got[0].Attempt.Kind != op.Confirm || !got[0].Since.Equal(start) || !got[0].Signs {
		t.Fatalf("people are asked about %+v", got)
	}
	return b, got[0]
}

func (h *house) undecided(t *testing.T) []flow.Undecided {
	t.Helper()
	list, more, err := h.flow.Undecided(context.Background())
	if err != nil || more {
		t.Fatalf("undecided: %v, more: %v", err, more)
	}
	return list
}

func (h *house) decide(d flow.Decision) (flow.Binding, error) {
	d.By = "ops"
	b, _, err := h.flow.Decide(context.Background(), d)
	return b, err
}

const letter = "the bank's letter of 3 March"

func TestAPersonDecides(t *testing.T) {
	for name, c := range map[string]struct {
		fate      fate
		decision  string
		agreement string
		state     string
		outcome   op.Outcome
	}{
		"accepted":      {lostAfter, flow.DecideAccepted, "AG0001", flow.Active, op.Accepted},
		"refused":       {lostBefore, flow.DecideRefused, "", flow.Failed, op.Refused},
		"never arrived": {lostBefore, flow.DecideNeverArrived, "", flow.Expired, op.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			b, u := forPeople(t, h, c.fate)
			d := flow.Decision{Attempt: u.Attempt.ID, Decision: c.decision, Agreement: c.agreement, Reason: letter}
			for range 2 { // the same word twice is one
				got, err := h.decide(d)
				if err != nil || got.State != c.state || got.Agreement != c.agreement {
					t.Fatalf("got %+v, %v", got, err)
				}
			}
			got := h.get(t, b.ID)
			var said []journal.Attempt
			for _, a := range got.History {
				if a.Kind == op.Decide {
					said = append(said, a)
				}
				if a.ID == u.Attempt.ID && (a.Outcome != c.outcome || !a.AskAt.IsZero() || a.RawCode != "") {
					t.Errorf("the attempt is %+v", a)
				}
			}
			if len(said) != 1 || said[0].Of != u.Attempt.ID || said[0].RawCode != c.decision+" by ops: "+letter || said[0].Outcome != c.outcome {
				t.Errorf("what is kept of the decision: %+v", said)
			}
			if log := h.log.String(); !strings.Contains(log, "a person has decided") || !strings.Contains(log, letter) {
				t.Error("the log does not say who decided, and why")
			}
			if len(h.undecided(t)) != 0 {
				t.Error("it still waits for people")
			}
			// Another word is refused, and so is the bank's own when it comes at last.
			other := flow.Decision{Attempt: u.Attempt.ID, Decision: flow.DecideRefused, Reason: letter}
			if c.decision == flow.DecideRefused {
				other.Decision = flow.DecideNeverArrived
			}
			if _, err := h.decide(other); problem(t, err).Reason != op.InvalidState {
				t.Errorf("the other word: %v", err)
			}
			h.bank.queryFates = nil
			h.add(48 * time.Hour)
			if h.find(t); h.get(t, b.ID).State != c.state {
				t.Errorf("became %s", h.get(t, b.ID).State)
			}
		})
	}
}

func TestADecisionMustFit(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	signed := h.createFor(t, "u_2")
	signed, err := h.confirm(signed.ID, canaryCode)
	if err != nil {
		t.Fatal(err)
	}
	b, u := forPeople(t, h, lostAfter)
	for name, c := range map[string]struct {
		d      flow.Decision
		fields string
	}{
		"no number, and a card in the reason": {flow.Decision{Decision: flow.DecideAccepted, Reason: "card 6228480000000000018"}, "/agreement /reason"},
		"another's number":                    {flow.Decision{Decision: flow.DecideAccepted, Agreement: signed.Agreement, Reason: letter}, "/agreement"},
		"a number of what was refused":        {flow.Decision{Decision: flow.DecideRefused, Agreement: "AG1", Reason: letter}, "/agreement"},
	} {
		c.d.Attempt = u.Attempt.ID
		_, err := h.decide(c.d)
		p := problem(t, err)
		var fields []string
		for _, f := range p.Fields {
			fields = append(fields, f.Pointer)
		}
		if p.Reason != op.Validation || strings.Join(fields, " ") != c.fields {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, err := h.decide(flow.Decision{Attempt: "att_none", Decision: flow.DecideRefused, Reason: letter}); problem(t, err).Reason != op.NotFound {
		t.Errorf("no such attempt: %v", err)
	}
	for _, a := range h.get(t, signed.ID).History {
		if a.Kind == op.Confirm {
			if _, err := h.decide(flow.Decision{Attempt: a.ID, Decision: flow.DecideRefused, Reason: letter}); problem(t, err).Reason != op.InvalidState {
				t.Errorf("what the bank has signed is decided otherwise: %v", err)
			}
		}
	}
	if got := h.get(t, b.ID); got.State != flow.Processing {
		t.Errorf("a decision that was refused has changed something: %s", got.State)
	}
}

// What people at the bank have yet to approve is no case for our own people.
func TestAnApprovalIsNotUndecided(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), approving)
	b := h.create(t)
	if b.State != flow.AwaitingApproval {
		t.Fatalf("got %s", b.State)
	}
	h.add(72 * time.Hour)
	if got := h.undecided(t); len(got) != 0 {
		t.Errorf("people are asked about %+v", got)
	}
}

// A bank that can't be asked and never confirms its reversal: only "never
// arrived" may be said of it, since its undoing has begun.
func TestWhatIsBeingUndoneIsNotAccepted(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	for range 100 {
		h.bank.fates = append(h.bank.fates, lostAfter)
	}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = h.bank.fates[:0]
	for range 400 {
		h.bank.fates = append(h.bank.fates, lostBefore)
	}
	for range 25 * 6 {
		h.add(10 * time.Minute)
		h.find(t)
	}
	list := h.undecided(t)
	if len(list) != 1 {
		t.Fatalf("people are asked about %+v", list)
	}
	id := list[0].Attempt.ID
	if _, err := h.decide(flow.Decision{Attempt: id, Decision: flow.DecideAccepted, Agreement: "AG1", Reason: letter}); problem(t, err).Reason != op.InvalidState {
		t.Errorf("accepted: %v", err)
	}
	if got, err := h.decide(flow.Decision{Attempt: id, Decision: flow.DecideNeverArrived, Reason: letter}); err != nil || got.State != flow.Failed {
		t.Errorf("never arrived: %+v, %v", got, err)
	}
}

// An unsigning that is sent again and again is as old as the first one, and
// "never arrived" sends it once more.
func TestAnUnsigningThatNobodyAnswers(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		h.bank.fates = append(h.bank.fates, lostBefore)
	}
	if _, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{}); err != nil {
		t.Fatal(err)
	}
	for range 25 * 6 {
		h.add(10 * time.Minute)
		h.find(t)
	}
	list := h.undecided(t)
	if len(list) != 1 || list[0].Attempt.Kind != op.Unsign || !list[0].Since.Equal(start) || !list[0].Attempt.IntendedAt.After(start) {
		t.Fatalf("people are asked about %+v", list)
	}
	h.bank.fates = nil
	got, err := h.decide(flow.Decision{Attempt: list[0].Attempt.ID, Decision: flow.DecideNeverArrived, Reason: letter})
	if err != nil || got.State != flow.Revoked || len(h.bank.live()) != 0 {
		t.Errorf("got %+v, %v; the bank has %v", got, err, h.bank.live())
	}
}

// A bank that says the opposite of what it said is asked; what it says then is logged and changes nothing.
func TestAContradictionIsAskedAbout(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	var apply journal.Attempt
	for _, a := range h.get(t, b.ID).History {
		if a.Kind == op.Apply {
			apply = a
		}
	}
	h.hear(t, op.Notice{Kind: op.Apply, Channel: apply.Channel, Of: apply.Number, Result: &op.Result{Outcome: op.Refused, Reason: op.BankRefused}})
	if len(h.rechecks) != 1 || h.rechecks[0] != apply.ID {
		t.Fatalf("asked again about %v", h.rechecks)
	}
	asked := h.bank.queries()
	h.ask(t, apply)
	if h.bank.queries() != asked+1 || !strings.Contains(h.log.String(), "a bank that contradicts itself was asked") {
		t.Errorf("the bank was asked %d times\n%s", h.bank.queries()-asked, h.log)
	}
	if got := h.get(t, b.ID); got.State != flow.Active {
		t.Errorf("became %s", got.State)
	}
}

// A case may be looked into before it is listed and after it is decided, and says whether anybody may decide.
func TestACaseTellsAll(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b, u := forPeople(t, h, lostAfter)
	look := func(id string) (flow.Case, error) { return h.flow.Case(context.Background(), id) }
	c, err := look(u.Attempt.ID)
	if err != nil || c.Closed != nil || c.Binding.ID != b.ID || !c.Signs || !c.Since.Equal(u.Since) || c.State != flow.Processing {
		t.Fatalf("the open case: %+v, %v", c, err)
	}
	if first := c.History[0]; first.Said == "" || first.Heard == "" {
		t.Errorf("nothing is known of what was said in %+v", first)
	}
	kinds := map[op.Kind]int{}
	var query, apply string
	for _, a := range c.History {
		kinds[a.Kind]++
		switch a.Kind {
		case op.Query:
			query = a.ID
		case op.Apply:
			apply = a.ID
		}
	}
	if kinds[op.Apply] != 1 || kinds[op.Confirm] != 1 || kinds[op.Query] < 5 {
		t.Errorf("its history: %v", kinds)
	}
	for _, id := range []string{query, "att_01JB2N5Q0W8R7C5ZK3M4P6T9VX"} {
		if p := new(op.Problem); !errors.As(func() error { _, err := look(id); return err }(), &p) || p.Reason != op.NotFound {
			t.Errorf("%s is a case", id)
		}
	}
	if c, err = look(apply); err != nil || c.Closed == nil || c.Closed.Reason != op.InvalidState {
		t.Errorf("what the bank has answered: %+v, %v", c.Closed, err)
	}
	if _, err := h.decide(flow.Decision{Attempt: u.Attempt.ID, Decision: flow.DecideAccepted, Agreement: "AG0001", Reason: letter}); err != nil {
		t.Fatal(err)
	}
	c, err = look(u.Attempt.ID)
	if err != nil || c.Closed == nil || c.State != flow.Active || c.History[len(c.History)-1].Kind != op.Decide {
		t.Errorf("decided: %+v, %v", c, err)
	}
}

// A number that a person has mistyped: its bank does not know it, and holds the agreement under another.
func TestANumberThatOnlyAPersonHasNamed(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b, u := forPeople(t, h, lostAfter)
	if got, err := h.decide(flow.Decision{Attempt: u.Attempt.ID, Decision: flow.DecideAccepted, Agreement: "MISTYPED", Reason: letter}); err != nil || got.State != flow.Active {
		t.Fatalf("%s, %v", got.State, err)
	}
	if got, err := h.flow.Revoke(context.Background(), "wallet", b.ID, flow.Keyed{}); err != nil || got.State != flow.Revoked {
		t.Fatalf("%s, %v", got.State, err)
	}
	if log := h.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "does not know the agreement that a person has named") {
		t.Errorf("nobody was called: %s", log)
	}
}
