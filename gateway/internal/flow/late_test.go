package flow_test

import (
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// A process that stood still wakes with the bank's yes in its hands, after the
// resolver has been told that there is nothing: the agreement is not lost.
func TestLateYes(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(h *house, id string)
		state     string
		logged    bool
	}{
		"nothing happened":  {func(*house, string) {}, flow.Active, false},
		"the session ended": {func(h *house, _ string) { h.add(15 * time.Minute) }, flow.Expired, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			b := h.create(t)
			once := true
			h.store.before = func(ch journal.Change) error {
				if once && len(ch.Attempts) > 0 && ch.Attempts[0].Kind == op.Confirm && ch.Attempts[0].Settled {
					once = false
					clear(h.bank.done) // and its answers to queries are wrong
					h.pass(t, 2*time.Minute)
					if got := h.get(t, b.ID); got.State != flow.AwaitingCode {
						t.Errorf("before: %s", got.State)
					}
					c.meanwhile(h, b.ID)
					h.find(t)
				}
				return nil
			}
			got, err := h.confirm(b.ID, canaryCode)
			if err != nil || got.State != c.state || (c.state == flow.Active) != (got.Agreement == "SGN1") {
				t.Fatalf("got %+v, %v", got, err)
			}
			if logged := strings.Contains(h.log.String(), "SGN1"); logged != c.logged {
				t.Errorf("an operator was told: %v", logged)
			}
			for _, a := range h.get(t, b.ID).History {
				if !a.Settled || !a.AskAt.IsZero() || (a.Kind == op.Confirm && a.Outcome != op.Accepted) {
					t.Errorf("attempt: %+v", a)
				}
			}
		})
	}
}
