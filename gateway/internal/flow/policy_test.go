package flow_test

import (
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

const alarm = "a bank contradicts itself"

// alarms is how often people were called.
func (h *house) alarms() int { return strings.Count(h.log.String(), alarm+":") }

func (h *house) last(t *testing.T, id string, kind op.Kind) journal.Attempt {
	t.Helper()
	var last journal.Attempt
	for _, a := range h.get(t, id).History {
		if a.Kind == kind {
			last = a
		}
	}
	if last.ID == "" {
		t.Fatalf("%s has no %s", id, kind)
	}
	return last
}

// says is a bank's word on an attempt.
func (h *house) says(t *testing.T, a journal.Attempt, r op.Result) {
	t.Helper()
	h.hear(t, op.Notice{Kind: a.Kind, Channel: a.Channel, Member: h.set.Bank("abc").Routes[0].Member, Of: a.Number, Result: &r})
}

// nothingOpen fails where something is still to be found out.
func (h *house) nothingOpen(t *testing.T, id string) {
	t.Helper()
	for _, a := range h.get(t, id).History {
		if !a.Settled || !a.AskAt.IsZero() {
			t.Errorf("left open: %+v", a)
		}
	}
}

// A bank that had nothing to undo, confirmed that, and signs all the same.
// People are called, and the agreement is ended: however often it says so,
// whatever becomes of the unsigning, and whoever dies meanwhile.
func TestAYesAfterNothingWasThereToUndo(t *testing.T) {
	for name, unlucky := range map[string]func(*house){
		"all goes well":          func(*house) {},
		"the process dies":       func(h *house) { h.wire(h.set) },
		"the gate is shut":       func(h *house) { h.gate.shut = &op.Problem{Reason: op.BankRateLimited, Outcome: op.NotSent} },
		"the answers are lost":   func(h *house) { h.bank.fates = []fate{noLine, lostAfter, lostBefore} },
		"the bank is busy first": func(h *house) { h.bank.fates = []fate{busy} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
			b := h.create(t)
			h.bank.fates = []fate{lostBefore}
			h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is found out below
			h.pass(t, time.Minute)
			confirm := h.last(t, b.ID, op.Confirm)
			if got := h.get(t, b.ID); got.State != flow.Failed || confirm.NotFound == 0 {
				t.Fatalf("before: %+v, %+v", got, confirm)
			}
			h.bank.reversed[confirm.Number] = false // it has forgotten that
			r := h.bank.carryOut(op.Operation{Kind: op.Confirm, Number: confirm.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)})
			if r.Agreement == "" || len(h.bank.live()) != 1 {
				t.Fatalf("the bank has not signed: nothing is tried here: %+v", r)
			}
			h.says(t, confirm, r)
			unlucky(h)
			h.says(t, confirm, r)
			h.pass(t, 10*time.Second)
			h.gate.shut = nil
			h.pass(t, 7*time.Minute)
			if got := h.get(t, b.ID); got.State != flow.Failed || len(h.bank.live()) != 0 {
				t.Errorf("got %s, the bank has %v", got.State, h.bank.live())
			}
			h.nothingOpen(t, b.ID)
			if n := h.bank.counts[op.Unsign]; name == "all goes well" && n != 1 {
				t.Errorf("%d unsignings, want 1", n)
			}
			if h.alarms() != 2 {
				t.Errorf("people were called %d times, want each time", h.alarms())
			}
		})
	}
}

// What becomes of a bank's second, other word, in each manner of bank.
func TestASecondWord(t *testing.T) {
	yes := op.Result{Outcome: op.Accepted, Agreement: "SGN1", Class: "I"}
	for name, c := range map[string]struct {
		manner  manner
		first   func(*testing.T, *house, flow.Binding) journal.Attempt
		truth   *op.Result // what the bank says of it when it is asked; nil: what it said first
		second  op.Result
		state   string
		live    int // the bank's agreements in the end
		queries int
		recheck int
	}{
		"a no, then a yes that is true, of people's": {approving, denied, &yes, yes, flow.Failed, 0, 1, 0},
		"a no, then a yes that is not":               {approving, denied, nil, yes, flow.Failed, 1, 1, 0},
		"a yes, then a no, of people's":              {approving, approved, nil, op.Result{Outcome: op.Refused, Reason: op.BankRefused}, flow.Active, 1, 0, 1},
		"a yes, then a no, to an application":        {asked, confirmed(op.Apply), nil, op.Result{Outcome: op.Refused, Reason: op.BankRefused}, flow.Active, 1, 0, 1},
		"an unsigning: a no, then a yes":             {asked, unsignRefused, &op.Result{Outcome: op.Accepted}, op.Result{Outcome: op.Accepted}, flow.Revoked, 0, 1, 0},
		"nobody to ask: a no, then a yes":            {undoing, wrongly, nil, yes, flow.Active, 1, 0, 0},
		"nobody to ask: a yes, then a no":            {undoing, confirmed(op.Confirm), nil, op.Result{Outcome: op.Refused, Reason: op.BankRefused}, flow.Active, 1, 0, 0},
		"nobody to ask: an unsigning: no, then yes":  {undoing, unsignRefused, nil, op.Result{Outcome: op.Accepted}, flow.Revoked, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseOf(t, t.TempDir(), shipped(t), c.manner)
			b := h.create(t)
			a := c.first(t, h, b)
			if c.second.Agreement != "" { // by now it has one
				h.bank.agreements["SGN1"] = &agreement{card: "6228480000000000018", live: true}
			}
			if c.second.Outcome == op.Accepted && a.Kind == op.Unsign {
				h.bank.agreements["SGN1"].live = false
			}
			if c.truth != nil {
				h.bank.done[category(a.Kind)+a.Number] = *c.truth
			}
			asked := h.bank.queries()
			h.says(t, a, c.second)
			h.pass(t, 30*time.Second)
			got := h.get(t, b.ID)
			if got.State != c.state || len(h.bank.live()) != c.live || c.state == flow.Active && got.Agreement != "SGN1" {
				t.Errorf("got %s with %q, the bank has %v", got.State, got.Agreement, h.bank.live())
			}
			if h.alarms() != 1 || h.bank.queries()-asked != c.queries || len(h.rechecks) != c.recheck {
				t.Errorf("%d alarms, %d queries, %d hints to ask again", h.alarms(), h.bank.queries()-asked, len(h.rechecks))
			}
			h.nothingOpen(t, b.ID)
			if _, err := h.store.Sealed(t.Context(), b.ID); (err == nil) != (c.state == flow.Active) {
				t.Errorf("%s, and of its card: %v", c.state, err)
			}
		})
	}
}

func denied(t *testing.T, h *house, b flow.Binding) journal.Attempt {
	h.hear(t, h.bank.decide(b.Number, op.DocumentMismatch))
	return h.last(t, b.ID, op.Apply)
}

func approved(t *testing.T, h *house, b flow.Binding) journal.Attempt {
	h.hear(t, h.bank.decide(b.Number, ""))
	return h.last(t, b.ID, op.Apply)
}

func confirmed(kind op.Kind) func(*testing.T, *house, flow.Binding) journal.Attempt {
	return func(t *testing.T, h *house, b flow.Binding) journal.Attempt {
		if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Active {
			t.Fatalf("%+v, %v", got, err)
		}
		return h.last(t, b.ID, kind)
	}
}

// wrongly: the code was wrong, said the bank.
func wrongly(t *testing.T, h *house, b flow.Binding) journal.Attempt {
	if _, err := h.confirm(b.ID, wrongCode); problem(t, err).Reason != op.CodeWrong {
		t.Fatal(err)
	}
	return h.last(t, b.ID, op.Confirm)
}

func unsignRefused(t *testing.T, h *house, b flow.Binding) journal.Attempt {
	confirmed(op.Confirm)(t, h, b)
	h.bank.fates = []fate{turnedDown}
	if got, err := h.flow.Revoke(t.Context(), "wallet", b.ID, flow.Keyed{}); err == nil || h.get(t, b.ID).State != flow.Active {
		t.Fatalf("%+v, %v", got, err)
	}
	return h.last(t, b.ID, op.Unsign)
}

// A confirm is given up as never arrived just when the session's time is over.
// It arrives after that, and signs: nobody confirms again, and the bank must
// not be left with an agreement.
func TestASessionThatLapsesWithItsConfirmHasALastLook(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.add(15*time.Minute - 5*time.Second)
	h.bank.fates = []fate{lostBefore}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
		t.Fatalf("got %+v, %v", got, err)
	}
	for h.get(t, b.ID).State == flow.Processing {
		h.pass(t, time.Second)
	}
	if got := h.get(t, b.ID); got.State != flow.Expired || h.Now().Before(b.ExpiresAt) {
		t.Fatalf("got %+v", got)
	}
	h.bank.carryOut(op.Operation{Kind: op.Confirm, Number: b.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)})
	if len(h.bank.live()) != 1 {
		t.Fatal("the bank has not signed: nothing is tried here")
	}
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Expired || len(h.bank.live()) != 0 {
		t.Errorf("got %s; the bank has %v", got.State, h.bank.live())
	}
	h.nothingOpen(t, b.ID)
}

// Each session has one last look, however many confirms were given up in it.
func TestALastLookIsTheLast(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	for range 2 {
		h.bank.fates = []fate{lostBefore}
		if _, err := h.confirm(b.ID, canaryCode); err != nil {
			t.Fatal(err)
		}
		h.pass(t, time.Minute)
	}
	h.pass(t, 15*time.Minute)
	asked := h.bank.queries()
	h.pass(t, 15*time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Expired || h.bank.queries() != asked {
		t.Errorf("%s, and asked %d times more", got.State, h.bank.queries()-asked)
	}
	h.nothingOpen(t, b.ID)
}

// The same where another code's confirm is refused for good.
func TestARefusalHasALastLook(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.bank.fates = []fate{lostBefore}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.pass(t, 2*time.Minute)
	h.bank.carryOut(op.Operation{Kind: op.Confirm, Number: b.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)})
	if _, err := h.challenge(b.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.bank.fates = []fate{turnedDown}
	if _, err := h.confirm(b.ID, canaryCode); problem(t, err).Reason != op.AccountFrozen {
		t.Fatal(err)
	}
	if got := h.get(t, b.ID); got.State != flow.Failed || len(h.bank.live()) != 1 {
		t.Fatalf("before: %s, the bank has %v", got.State, h.bank.live())
	}
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Failed || len(h.bank.live()) != 0 {
		t.Errorf("got %s; the bank has %v", got.State, h.bank.live())
	}
	h.nothingOpen(t, b.ID)
}
