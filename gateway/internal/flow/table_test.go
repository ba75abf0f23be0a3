package flow

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/gateway/internal/op"
)

var (
	states = []string{"", applying, challenging, confirming, AwaitingCode, AwaitingApproval, Active, Revoking, Failed, Expired, Cancelled, Revoked}
	ends   = []string{Failed, Expired, Cancelled, Revoked}
	said   = []event{pending, refused, refusedForNow, unknown, notFound}
)

const events = heard + 1

// Each operation has its policy, and only what may sign, or end what was signed, changes anything.
func TestPolicies(t *testing.T) {
	kinds := []op.Kind{op.Verify, op.Apply, op.Challenge, op.Confirm, op.Cancel, op.Unsign, op.Query, op.Reverse, op.Decide}
	all := policies()
	if len(all) != len(kinds) {
		t.Errorf("%d policies, %d operations", len(all), len(kinds))
	}
	for _, kind := range kinds {
		p, named := all[kind]
		changes := slices.Contains([]op.Kind{op.Apply, op.Challenge, op.Confirm, op.Unsign}, kind)
		if !named || changes != (p != policy{}) {
			t.Errorf("%s: %+v, named %v", kind, p, named)
		}
	}
}

// Every pair of state and event is in the table, leading somewhere known, or is refused.
func TestTable(t *testing.T) {
	table := table()
	if len(table) != len(states) {
		t.Errorf("%d states, %d expected", len(table), len(states))
	}
	for state, moves := range table {
		if !slices.Contains(states, state) {
			t.Errorf("unexpected state %q", state)
		}
		for e, m := range moves {
			if _, known := table[m.to]; !known || m.to == "" || e < 0 || e >= events {
				t.Errorf("%s, %d: leads to %q", state, e, m.to)
			}
			if (m.do == shred) != slices.Contains(ends, m.to) {
				t.Errorf("%s, %d: to %s with command %d: a card is destroyed exactly when its binding ends", state, e, m.to, m.do)
			}
			if e == unknown && (m.to != state || m.do != wait) {
				t.Errorf("%s: not knowing moves it to %s", state, m.to)
			}
			if e == timedOut && state != AwaitingCode {
				t.Errorf("%s: the clock ends it", state)
			}
			if live(state) != live(m.to) && live(m.to) && state != "" {
				t.Errorf("%s, %d: comes to life again as %s", state, e, m.to)
			}
		}
	}
	for _, end := range ends {
		if len(table[end]) != 0 {
			t.Errorf("%s is not the end", end)
		}
	}
	// Whatever a bank or a query may say of something under way has a place.
	for _, busy := range []string{applying, challenging, confirming, Revoking, AwaitingApproval} {
		yes := accepted
		if busy == confirming {
			yes = signed
		}
		for _, e := range append(said, yes) {
			if _, ok := table[busy][e]; !ok {
				t.Errorf("%s does not know what to do with %d", busy, e)
			}
		}
		for e := meantApply; e <= meantPasswordFree; e++ {
			if _, ok := table[busy][e]; ok && e != meantCancel { // which asks no bank
				t.Errorf("%s: a second exchange may begin", busy)
			}
		}
	}
}

// From wherever it is, a binding can still come to a rest.
func TestTableEnds(t *testing.T) {
	table := table()
	rapid.Check(t, func(t *rapid.T) {
		state := ""
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			if m, ok := table[state][event(rapid.IntRange(0, int(events)-1).Draw(t, "event"))]; ok {
				state = m.to
			}
		}
		reached := map[string]bool{state: true}
		for next := []string{state}; len(next) > 0; next = next[1:] {
			for _, m := range table[next[0]] {
				if !reached[m.to] {
					reached[m.to] = true
					next = append(next, m.to)
				}
			}
		}
		if !slices.ContainsFunc(ends, func(end string) bool { return reached[end] }) {
			t.Fatalf("%s never ends", state)
		}
	})
}

func TestShownAndKept(t *testing.T) {
	for _, state := range states {
		if state != "" && !slices.Contains(kept(shown(state)), state) {
			t.Errorf("%s is shown as %s, under which it is not found", state, shown(state))
		}
	}
}
