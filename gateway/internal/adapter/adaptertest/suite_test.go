package adaptertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
)

// trial is one broken twin with the cells in which it is put, in order, and the check that must catch it.
type trial struct {
	name    string
	subject int
	broken  twin
	cells   []string
	caught  string
	gaps    []Gap // declared beside
}

const (
	epcc = iota
	iso8583
	jws
)

// The suite is on trial: each twin is a whole gateway's side with one defect that real ones have had.
func trials() []trial {
	forgets := over(func(l bank.Link) bank.Link { return forgetful{opening{l}} })
	resends := over(func(l bank.Link) bank.Link { return stubborn{opening{l}} })
	return []trial{
		{name: "takes what it can't read for a no", subject: epcc, broken: takesUnreadableFor(op.Refused), cells: []string{"confirm/garbage"}, caught: seesOutcome},
		{name: "takes what it can't read for a yes", subject: jws, broken: takesUnreadableFor(op.Accepted), cells: []string{"unsign/garbage"}, caught: seesOutcome},
		{name: "takes a wrong seal for a no", subject: iso8583, broken: takesUnreadableFor(op.Refused), cells: []string{"confirm/bad_signature"}, caught: seesOutcome},
		{name: "takes a wrong charset for a no", subject: jws, broken: takesUnreadableFor(op.Refused), cells: []string{"unsign/wrong_charset"}, caught: seesOutcome},
		{name: "takes a status for a no", subject: epcc, broken: takesStatusForNo(), cells: []string{"confirm/http_5xx after the commit"}, caught: seesOutcome},
		{name: "takes a status for a no where refusals have one", subject: jws, broken: takesStatusForNo(), cells: []string{"unsign/http_5xx"}, caught: seesOutcome},
		{name: "believes not found while it is not seen yet", subject: epcc, broken: bend(believesNotFound), cells: []string{"query/not_found_for_a_while"}, caught: seesNotFound},
		{name: "takes silence for not sent, over HTTP", subject: jws, broken: forgets, cells: []string{"unsign/no_reply_before_commit"}, caught: seesOutcome},
		{name: "takes silence for not sent, over long lines", subject: iso8583, broken: forgets, cells: []string{"confirm/no_reply_after_commit"}, caught: seesOutcome},
		{name: "takes a reset for not sent", subject: epcc, broken: forgets, cells: []string{"apply for a code/reset_after_commit of the hub"}, caught: seesOutcome},
		{name: "takes busy for done", subject: epcc, broken: bend(takesBusyForDone), cells: []string{"unsign/busy"}, caught: seesOutcome},
		{name: "takes busy for undone", subject: iso8583, broken: bend(takesBusyForDone), cells: []string{"reverse/busy"}, caught: seesBook},
		{name: "says accepted where people must approve", subject: jws, broken: bend(acceptsPending), cells: []string{Approval + "/all goes well"}, caught: seesOutcome},
		{name: "learns accepted where people must approve", subject: epcc, broken: bend(acceptsPending), cells: []string{Approval + "/no_reply_after_commit"}, caught: seesBook},
		{name: "forgets the agreement's number", subject: epcc, broken: bend(forgetsAgreement), cells: []string{"confirm/all goes well"}, caught: seesBook},
		{name: "sends again by itself, over HTTP", subject: epcc, broken: resends, cells: []string{"confirm/reset_before_commit of the hub"}, caught: seesRequests},
		{name: "sends again by itself, with tokens", subject: jws, broken: resends, cells: []string{Approval + "/reset_after_commit"}, caught: seesRequests},
		{name: "sends again by itself, over long lines", subject: iso8583, broken: resends, cells: []string{"unsign/reset_after_commit"}, caught: seesRequests},
		{name: "uses a number twice", subject: epcc, broken: bend(sameNumber), cells: []string{"unsign/no_reply_before_commit"}, caught: seesNumbers},
		{name: "asks about another number", subject: epcc, broken: bend(asksOfAnother), cells: []string{"confirm/no_reply_after_commit of the hub"}, caught: seesBook},
		{name: "asks about another number, after an apply", subject: epcc, broken: bend(asksOfAnother), cells: []string{Apply + "/reset_after_commit"}, caught: seesOne},
		{name: "undoes another number", subject: iso8583, broken: bend(asksOfAnother), cells: []string{"confirm/half_reply"}, caught: seesBook},
		{name: "believes not found at once", subject: epcc, broken: bend(believesNotFound), cells: []string{"query/the bank says no"}, caught: seesNotFound},
		{name: "believes not found at once, after a reset", subject: jws, broken: bend(believesNotFound), cells: []string{"unsign/reset_before_commit"}, caught: seesNotFound},
		{name: "takes anyone's answer, over HTTP", subject: epcc, broken: bend(takesAnyones), cells: []string{"confirm/all goes well", "confirm/all goes well"}, caught: seesOthers},
		{name: "takes anyone's answer to a question", subject: jws, broken: bend(takesAnyones), cells: []string{"query/all goes well", "query/all goes well"}, caught: seesOthers},
		{name: "takes anyone's answer, over long lines", subject: iso8583, broken: bend(takesAnyones), cells: []string{"unsign/all goes well", "unsign/all goes well"}, caught: seesOthers},
		{name: "sends an apply again", subject: epcc, broken: bend(declares(op.Apply, op.ByRepeat)), cells: []string{Apply + "/no_reply_after_commit of the hub"}, caught: seesBook},
		{name: "sends a confirm again", subject: iso8583, broken: bend(declares(op.Confirm, op.ByRepeat)), cells: []string{"confirm/garbage"}, caught: seesBook},
		{name: "asks a bank that can't be asked", subject: iso8583, broken: bend(declares(op.Confirm, op.ByQuery)), cells: []string{"confirm/reset_after_commit"}, caught: seesTruth},
		{name: "has what can be asked undone", subject: jws, broken: bend(declares(op.Unsign, op.ByReversal)), cells: []string{"unsign/reset_after_commit"}, caught: seesTruth},
		{name: "hears no approval", subject: jws, broken: bend(deaf), cells: []string{Approved + "/all goes well"}, caught: seesUnasked},
		{name: "hears no late answer", subject: iso8583, broken: bend(deaf), cells: []string{"confirm/duplicate_reply"}, caught: seesUnasked},
		{name: "mishears an approval", subject: jws, broken: bend(mishears), cells: []string{Approved + "/duplicate_notice"}, caught: seesUnasked},
		{name: "mishears an ending", subject: epcc, broken: bend(mishears), cells: []string{Ended + "/all goes well"}, caught: seesUnasked},
		{name: "mishears a late answer", subject: iso8583, broken: bend(mishears), cells: []string{"confirm/late_reply"}, caught: seesUnasked},
		{name: "takes ended already for a no", subject: epcc, broken: bend(takesEndedForNo), cells: []string{Ended + "/lost_notice"}, caught: seesWayOn},
		{name: "forgets what became of it", subject: jws, broken: twin{journal: func(j bank.Journal) bank.Journal { return leaky{j} }}, cells: []string{"verify/all goes well"}, caught: seesJournal},
		{name: "seals before its line is open", subject: iso8583, broken: over(func(l bank.Link) bank.Link { return shut{l} }), cells: []string{"verify/all goes well", Apply + "/the gateway has just started"}, caught: seesRequests},
		{name: "says that it can't", subject: epcc, broken: bend(doesNot(op.Challenge)), cells: []string{"challenge/all goes well"}, caught: seesGaps},
		{name: "declares a row missing that is there", subject: jws, gaps: []Gap{{Row: Verify}}, cells: []string{"verify/busy"}, caught: seesGaps},
		{name: "declares a column missing that is there", subject: iso8583, gaps: []Gap{{Kind: "busy"}}, cells: []string{"apply for a code/busy"}, caught: seesGaps},
		{name: "declares a notice missing that is there", subject: epcc, gaps: []Gap{{Row: Ended}}, cells: []string{Ended + "/lost_notice"}, caught: seesGaps},
	}
}

func TestSuiteCatchesBrokenTwins(t *testing.T) {
	subjects := []Subject{epcc: {Bank: "abc"}, iso8583: {Bank: "bob"}, jws: {Bank: "hsbc"}}
	const each = 6 // lanes of each
	w := newWorld(t, each, subjects...)
	lanes := make([]chan string, len(subjects))
	for at := range subjects {
		lanes[at] = make(chan string, each)
		for i := range each {
			lanes[at] <- laneName(at, i)
		}
	}
	all := trials()
	sound, broken := make([]error, len(all)), make([][]*finding, len(all))
	var running sync.WaitGroup
	for i, trial := range all {
		running.Go(func() {
			id := <-lanes[trial.subject]
			defer func() { lanes[trial.subject] <- id }()
			if f, err := w.try(t, trial, subjects[trial.subject], id, twin{}); err != nil || len(f) > 0 {
				sound[i] = fmt.Errorf("%v, %w", f, err)
			}
			s := subjects[trial.subject]
			s.Gaps = append(slices.Clone(s.Gaps), trial.gaps...)
			trial.broken.limit = time.Second // what does not happen need not be waited for
			f, err := w.try(t, trial, s, id, trial.broken)
			broken[i] = f
			if err != nil {
				broken[i] = append(f, &finding{"none", err})
			}
		})
	}
	running.Wait()
	for i, trial := range all {
		t.Run(trial.name, func(t *testing.T) {
			if sound[i] != nil {
				t.Fatalf("the sound one is found at fault, so the trial says nothing: %v", sound[i])
			}
			if !slices.ContainsFunc(broken[i], func(f *finding) bool { return f.check == trial.caught }) {
				t.Errorf("it is not caught by %q, but by %v", trial.caught, broken[i])
			}
		})
	}
}

// try puts a side through some cells, one after another.
func (w *world) try(t *testing.T, trial trial, s Subject, id string, broken twin) (all []*finding, err error) {
	side, err := w.newSide(t.Context(), id, broken)
	if err != nil {
		return nil, err
	}
	defer func() { _ = side.close() }()
	cells := table(w.set.Channel(id), w.hasHub(id))
	for _, name := range trial.cells {
		i := slices.IndexFunc(cells, func(c cell) bool { return c.name() == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no cell %s", name)
		}
		all = append(all, side.try(t.Context(), s, cells[i])...)
	}
	return all, nil
}

// A kind of fault that is new in the farm fails every protocol until it has a column here, and so does a column without a kind.
func TestEveryKindOfFaultHasAColumn(t *testing.T) {
	for _, kinds := range [][]string{{"invented"}, {}} {
		if len(unexpected(kinds)) == 0 {
			t.Errorf("%d kinds are all expected", len(kinds))
		}
	}
}
