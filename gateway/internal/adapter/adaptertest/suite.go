// Package adaptertest is the suite that every protocol passes on the gateway's
// side: adapter, codec, link and bank.Do over a real journal, against the
// protocol's own teller in the program of the mock banks.
//
// It is a table. Its rows are what is asked of a bank, its columns what becomes
// of an exchange: all goes well, nobody listens, the bank says no, and every
// kind of fault that the banks can play, at the bank and, where one stands
// before it, at the hub. In each cell the suite wants to know: what is said to
// be known, whether it may be repeated, what the way to the truth that the
// adapter declares leads to, and whether all of it is what stands in the bank's
// own book. The suite is itself on trial: broken twins must be caught by it.
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/profiles"
)

// Subject is one protocol.
type Subject struct {
	// Bank is a shipped profile that speaks it, on a channel of its own or behind a hub. The suite makes copies of both.
	Bank string
	// Gaps are the cells that the protocol can't have. One that it has after all is a fault, and so is one that is missing here.
	Gaps []Gap
}

// Gap is cells that a protocol can't have.
type Gap struct {
	Row  string // one of the rows' names below; empty: all
	Kind string // a kind of fault; empty: all columns
	Why  string
}

// The rows.
const (
	Verify    = "verify"
	Apply     = "apply for a code"
	Approval  = "apply for an approval"
	Challenge = "challenge"
	Confirm   = "confirm"
	Cancel    = "cancel"
	Unsign    = "unsign"
	Query     = "query"
	Reverse   = "reverse"
	Approved  = "hear of an approval"
	Ended     = "hear of an ending"
)

// What the suite looks at. A finding names one of these.
const (
	seesOutcome  = "what is known after it"
	seesTruth    = "the way to the truth leads there"
	seesBook     = "what is said is what the bank's book says"
	seesOne      = "at most one agreement, and none half made"
	seesRequests = "the bank was asked what was sent, and nothing else"
	seesNumbers  = "a number is used once"
	seesOthers   = "an answer to another's number says nothing"
	seesNotFound = "not found is no verdict"
	seesUnasked  = "what is said unasked is heard"
	seesJournal  = "what is known is on disk"
	seesWayOn    = "the customer can go on"
	seesGaps     = "gaps are gaps, and all of them are declared"
)

// Times. Nothing waits for long where all goes well; the machine may be busy.
const (
	patience     = 20 * time.Second       // of an answer that is due
	brief        = 250 * time.Millisecond // of an answer that will not come in time
	tardy        = time.Second            // how late an answer is that is too late
	silentFor    = 20 * time.Millisecond  // of a hub, of its bank's silence
	askAgain     = 20 * time.Millisecond
	visibleAfter = 400 * time.Millisecond
	cellTime     = 2 * time.Minute
)

const (
	laneCount = 16  // cells at once
	people    = 250 // customers of each lane's bank
)

var errVain = errors.New("in vain")

// finding is what is wrong in a cell.
type finding struct {
	check string
	err   error
}

func (f *finding) Error() string { return f.check + ": " + f.err.Error() }

func (f *finding) Unwrap() error { return f.err }

func found(check, format string, args ...any) *finding {
	return &finding{check, fmt.Errorf(format, args...)}
}

// Run puts a protocol through the whole suite.
func Run(t *testing.T, s Subject) {
	if missing := unexpected(profiles.FaultKinds()); len(missing) > 0 {
		t.Fatalf("the suite does not know what to expect of %s: see fates", strings.Join(missing, ", "))
	}
	w := newWorld(t, laneCount, s)
	cells := table(w.set.Channel(laneName(0, 0)), w.hasHub(laneName(0, 0)))
	began := time.Now()
	all := w.run(t.Context(), s, cells)
	t.Logf("%d cells in %v", len(cells), time.Since(began))
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			for _, c := range cells {
				if c.row.name != r.name {
					continue
				}
				t.Run(c.fate.name+c.at, func(t *testing.T) {
					for _, f := range all[c.name()] {
						t.Error(f)
					}
				})
			}
		})
	}
}

// run tries every cell, as many at once as there are lanes, and returns what was found by the cells' names.
func (w *world) run(ctx context.Context, s Subject, cells []cell) map[string][]*finding {
	queue := make(chan cell, len(cells))
	for _, c := range cells {
		queue <- c
	}
	close(queue)
	var mu sync.Mutex
	all := map[string][]*finding{}
	var lanes sync.WaitGroup
	for i := range laneCount {
		lanes.Go(func() {
			side, err := w.newSide(ctx, laneName(0, i), twin{})
			for c := range queue {
				var f []*finding
				if err != nil {
					f = []*finding{{seesWayOn, err}}
				} else {
					f = side.try(ctx, s, c)
				}
				mu.Lock()
				all[c.name()] = f
				mu.Unlock()
			}
			if err == nil {
				_ = side.close()
			}
		})
	}
	lanes.Wait()
	return all
}

// hasHub: a channel that other banks could be behind as well may misbehave on its own account.
func (w *world) hasHub(id string) bool { return w.set.Bank(id).Routes[0].Direct == nil }

// gap is the declared reason why there is no such cell.
func (s Subject) gap(c cell) (why string, declared bool) {
	for _, g := range s.Gaps {
		if (g.Row == "" || g.Row == c.row.name) && (g.Kind == "" || g.Kind == c.fate.kind) {
			return g.Why, true
		}
	}
	return "", false
}

// cell is one row's meeting with one column.
type cell struct {
	row  row
	fate fate
	at   string // the hub's own fault; empty: the bank's
}

const ofHub = " of the hub"

func (c cell) name() string { return c.row.name + "/" + c.fate.name + c.at }

// where is whose behaviour it is, as the control port calls them.
func (c cell) where() string {
	if c.at == ofHub {
		return "channels"
	}
	return "banks"
}

// table is all cells of a channel. A kind of fault that the banks can play in a protocol need not be
// one that they can play on each operation: what they can is said in profiles.
func table(c *profiles.Channel, hub bool) (all []cell) {
	other := overLines
	if c.Endpoint.TCP() {
		other = overHTTP
	}
	for _, r := range rows() {
		for _, f := range fates() {
			played := f.kind == "" || !profiles.Playable(f.kind, c.Protocol, "") || profiles.Playable(f.kind, c.Protocol, asFarm(r.kind))
			if f.unasked != r.unasked && !f.both || !played || f.on == other {
				continue
			}
			all = append(all, cell{row: r, fate: f})
			if hub && f.kind != "" && !r.unasked {
				all = append(all, cell{row: r, fate: f, at: ofHub})
			}
		}
	}
	// Those that take longest first.
	slices.SortStableFunc(all, func(a, b cell) int { return int(b.fate.delay() - a.fate.delay()) })
	return all
}

// unexpected are the kinds of which the suite's table has no column, and its columns of which there is no kind.
func unexpected(kinds []string) []string {
	odd := map[string]bool{}
	for _, k := range kinds {
		odd[k] = true
	}
	for _, f := range fates() {
		if f.kind == "" {
			continue
		}
		if slices.Contains(kinds, f.kind) {
			delete(odd, f.kind)
		} else {
			odd[f.kind] = true
		}
	}
	return slices.Sorted(maps.Keys(odd))
}
