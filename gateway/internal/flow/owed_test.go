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

// A confirm that was given up as never arrived arrives after all, and signs.
// Nobody confirms again: the session is cancelled, or its time runs out. The
// bank must not be left with an agreement.
func TestASigningAfterTheLastWordIsEnded(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *house, string) string{
		"cancelled": func(t *testing.T, h *house, id string) string {
			if _, err := h.flow.Cancel(t.Context(), "wallet", id, flow.Keyed{}); err != nil {
				t.Fatal(err)
			}
			return flow.Cancelled
		},
		"expired": func(t *testing.T, h *house, _ string) string {
			h.pass(t, 16*time.Minute)
			return flow.Expired
		},
	} {
		for _, arrives := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				h := newHouse(t, t.TempDir(), shipped(t))
				b := h.create(t)
				h.bank.fates = []fate{lostBefore}
				if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
					t.Fatalf("got %+v, %v", got, err)
				}
				h.pass(t, 30*time.Second)
				if got := h.get(t, b.ID); got.State != flow.AwaitingCode {
					t.Fatalf("before: %s", got.State)
				}
				live := 0
				if arrives {
					h.bank.carryOut(op.Operation{Kind: op.Confirm, Number: b.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)})
					live = 1
				}
				if len(h.bank.live()) != live {
					t.Fatalf("the bank has %v: nothing is tried here", h.bank.live())
				}
				want := end(t, h, b.ID)
				h.pass(t, time.Minute)
				got := h.get(t, b.ID)
				if got.State != want || len(h.bank.live()) != 0 {
					t.Errorf("got %s, want %s; the bank has %v", got.State, want, h.bank.live())
				}
				for _, a := range got.History {
					if !a.Settled || !a.AskAt.IsZero() {
						t.Errorf("left open: %+v", a)
					}
				}
			})
		}
	}
}

// A query calls a lost confirm refused. The caller is told so; and the bank is
// asked once more, since it may have signed: then the agreement is ended.
func TestARefusalByQueryIsLookedAtAgain(t *testing.T) {
	for name, c := range map[string]struct {
		lies []fate
		lost fate
	}{
		"it lied":         {[]fate{turnedDown}, lostAfter},
		"it told":         {[]fate{turnedDown, turnedDown}, lostBefore},
		"silence between": {[]fate{turnedDown, lostBefore, lostBefore}, lostAfter},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			b := h.create(t)
			h.bank.fates, h.bank.queryFates = []fate{c.lost}, c.lies
			if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Processing {
				t.Fatalf("got %+v, %v", got, err)
			}
			h.pass(t, 2*time.Second)
			if got := h.get(t, b.ID); got.State != flow.Failed || got.Reason != op.NameMismatch {
				t.Fatalf("found out: %s %s", got.State, got.Reason)
			}
			h.pass(t, 3*time.Minute)
			got := h.get(t, b.ID)
			if got.State != flow.Failed || got.Reason != op.NameMismatch || len(h.bank.live()) != 0 {
				t.Errorf("in the end %s %s; the bank has %v", got.State, got.Reason, h.bank.live())
			}
			for _, a := range got.History {
				if !a.Settled || !a.AskAt.IsZero() {
					t.Errorf("left open: %+v", a)
				}
			}
			if asked := h.bank.queries(); asked != len(c.lies)+map[bool]int{true: 1, false: 0}[c.lost == lostAfter] {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// A bank says first that its people have refused, and then that it has signed.
// It is asked; and what it says to hold for nobody is ended.
func TestAnAgreementOfABankThatContradictsItselfIsEnded(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), approving)
	b := h.create(t)
	truth := h.bank.decide(b.Number, "")
	h.hear(t, op.Notice{Kind: op.Apply, Channel: truth.Channel, Of: b.Number, Result: &op.Result{Outcome: op.Refused, Reason: op.BankRefused, RawCode: "Rejected"}})
	if got := h.get(t, b.ID); got.State != flow.Failed {
		t.Fatalf("got %s", got.State)
	}
	h.hear(t, truth)
	if len(h.bank.live()) != 1 {
		t.Fatalf("the bank has %v", h.bank.live())
	}
	h.pass(t, time.Minute)
	got := h.get(t, b.ID)
	if got.State != flow.Failed || len(h.bank.live()) != 0 || !strings.Contains(h.log.String(), "contradicts itself") {
		t.Errorf("in the end %s; the bank has %v", got.State, h.bank.live())
	}
	for _, a := range got.History {
		if !a.Settled || !a.AskAt.IsZero() {
			t.Errorf("left open: %+v", a)
		}
	}
}

// A bank that had nothing to undo and says yes afterwards may have signed: people must look.
func TestALateAnswerToWhatWasNeverThereAlarms(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{lostBefore}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is found out below
	h.pass(t, time.Minute)
	var confirm string
	for _, a := range h.get(t, b.ID).History {
		if a.Kind == op.Confirm {
			confirm = a.Number
		}
	}
	r := op.Result{Outcome: op.Accepted, Agreement: "SGN1"}
	h.hear(t, op.Notice{Kind: op.Confirm, Channel: b.Channel, Member: b.Member, Of: confirm, Result: &r})
	if got := h.get(t, b.ID); got.State != flow.Failed || !strings.Contains(h.log.String(), "contradicts") {
		t.Errorf("got %s, and the log says %s", got.State, h.log)
	}
}

// An answer that comes when its operation is undone already is no contradiction, and nobody is alarmed.
func TestALateAnswerToWhatIsUndoneAlarmsNobody(t *testing.T) {
	h := newHouseOf(t, t.TempDir(), shipped(t), undoing)
	b := h.create(t)
	h.bank.fates = []fate{answersLate}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is what is found out below
	h.pass(t, time.Minute)
	if got := h.get(t, b.ID); got.State != flow.Failed || len(h.bank.live()) != 0 {
		t.Errorf("got %s, the bank has %v", got.State, h.bank.live())
	}
	if log := h.log.String(); strings.Contains(log, "contradicts") || !strings.Contains(log, "it is dropped") {
		t.Errorf("the log says %s", log)
	}
}

// signedAfterCancel is a session that was given up, and whose confirm the bank has carried out all the same: nobody knows yet.
func (h *house) signedAfterCancel(t *testing.T) flow.Binding {
	t.Helper()
	b := h.create(t)
	h.bank.fates = []fate{lostBefore}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	h.pass(t, 30*time.Second)
	h.bank.carryOut(op.Operation{Kind: op.Confirm, Number: b.Number, Signing: b.Number, Code: secret.NewCode(canaryCode)})
	if _, err := h.flow.Cancel(t.Context(), "wallet", b.ID, flow.Keyed{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// A bank gives a card that is signed its live agreement again. What was signed
// after its session was given up is then a later binding's, and is not ended under it, whichever was first to know.
func TestWhatALaterBindingHoldsIsNotEnded(t *testing.T) {
	for name, owedFirst := range map[string]bool{"the later binding was first": false, "the end was owed first": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			h.bank.sameAgain = true
			first := h.signedAfterCancel(t)
			if owedFirst { // and nobody can be reached
				h.bank.fates = []fate{noLine, noLine}
				h.pass(t, 3*time.Second)
			}
			h.bank.fates = nil
			later := h.create(t)
			if got, err := h.confirm(later.ID, canaryCode); err != nil || got.State != flow.Active {
				t.Fatal(got.State, err)
			}
			h.pass(t, 10*time.Minute)
			if got := h.get(t, later.ID); got.State != flow.Active || len(h.bank.live()) != 1 {
				t.Errorf("%s, and the bank has %v", got.State, h.bank.live())
			}
			h.nothingOpen(t, first.ID)
		})
	}
}

// The unsigning of such an agreement is on its way when a later binding gets it: then that has ended as well.
func TestWhatALaterBindingGetsWhileItIsEnded(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.bank.sameAgain = true
	h.signedAfterCancel(t)
	var later flow.Binding
	h.store.before = func(c journal.Change) error {
		if len(c.Attempts) > 0 && c.Attempts[0].Kind == op.Unsign && !c.Attempts[0].Settled {
			h.store.before = nil
			later = h.create(t)
			if got, err := h.confirm(later.ID, canaryCode); err != nil || got.State != flow.Active {
				t.Error(got.State, err)
			}
		}
		return nil
	}
	h.pass(t, time.Minute)
	if got := h.get(t, later.ID); got.State != flow.Revoked || len(h.bank.live()) != 0 {
		t.Errorf("%s, and the bank has %v", got.State, h.bank.live())
	}
}
