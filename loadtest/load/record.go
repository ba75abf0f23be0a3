package load

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Step is a request of a binding that is timed.
type Step int

// The steps, in their order.
const (
	Apply Step = iota
	Confirm
	Approval // from somebody's decision until the caller sees it
	steps
)

// String is the operation's name, as the farm has it too.
func (s Step) String() string { return [...]string{"apply", "confirm", "approval"}[s] }

// How a binding ended. Of all that were started, each ended in exactly one way.
const (
	EndActive     = "active"     // signed
	EndFailed     = "failed"     // refused, for good
	EndProcessing = "processing" // still being found out when it was given up
	EndNoCode     = "no_code"    // no code reached the inbox
	EndUnanswered = "unanswered" // the gateway gave no answer
	EndCutOff     = "cut_off"    // still running when the attack was over
)

// Steps lists the steps, in their order.
func Steps() []Step { return []Step{Apply, Confirm, Approval} }

// Ends lists them in the order in which people want to read them.
func Ends() []string {
	return []string{EndActive, EndFailed, EndProcessing, EndNoCode, EndUnanswered, EndCutOff}
}

// Failure is a way in which a step failed.
type Failure struct {
	Step           Step
	Category, Code string
}

// The categories that the load tester adds to those of the gateway.
const (
	CategoryTransport = "transport" // no answer, or none that can be read
	CategoryInbox     = "inbox"     // the code did not come
)

// Timing is what is known of the answers to one step.
type Timing struct {
	Banked Latencies // answers for which a bank was asked
	Local  Latencies // answers of the gateway alone, and requests that got none
	// Of the answers whose exchange the farm remembers:
	Bank    Latencies // the bank's own time
	Gateway Latencies // the rest
	Total   Latencies // both
	// Joinable is how many answers named an exchange; Total counts those that were found.
	Joinable int64
}

// All is every answer.
func (t Timing) All() (all Latencies) {
	all.Add(t.Banked)
	all.Add(t.Local)
	return all
}

// Tally is what was recorded at one bank, or of several together.
type Tally struct {
	Steps    [steps]Timing
	Whole    Latencies // from the due apply to signed, without the person's thinking
	Journey  Latencies // the same with it; empty where nobody thinks
	Ends     map[string]int64
	Failures map[Failure]int64
	// Of the bindings of an attack in which failures are planned:
	Judged    map[Judgement]int64
	Misjudged []Misjudged // one by one, at most 1,000 a bank
}

// Add merges another tally exactly.
func (t *Tally) Add(o Tally) {
	for i := range t.Steps {
		a, b := &t.Steps[i], o.Steps[i]
		a.Banked.Add(b.Banked)
		a.Local.Add(b.Local)
		a.Bank.Add(b.Bank)
		a.Gateway.Add(b.Gateway)
		a.Total.Add(b.Total)
		a.Joinable += b.Joinable
	}
	t.Whole.Add(o.Whole)
	t.Journey.Add(o.Journey)
	t.init()
	for end, n := range o.Ends {
		t.Ends[end] += n
	}
	for f, n := range o.Failures {
		t.Failures[f] += n
	}
	for j, n := range o.Judged {
		t.Judged[j] += n
	}
	t.Misjudged = append(t.Misjudged, o.Misjudged...)
}

func (t *Tally) init() {
	if t.Ends == nil {
		t.Ends, t.Failures, t.Judged = map[string]int64{}, map[Failure]int64{}, map[Judgement]int64{}
	}
}

// Recorder takes what happens in many bindings at once. A bank has a lane of
// its own, so that banks never wait for each other's lock.
type Recorder struct{ lanes []lane }

type lane struct {
	sync.Mutex
	tally Tally
	joins ring
}

// NewRecorder has one lane for each of n banks.
func NewRecorder(n int) *Recorder {
	r := &Recorder{lanes: make([]lane, n)}
	for i := range r.lanes {
		r.lanes[i].tally.init()
	}
	return r
}

// Answered records an answer, counted from when the request was due.
func (r *Recorder) Answered(lane int, s Step, took time.Duration, a Answer) {
	l := &r.lanes[lane]
	l.Lock()
	defer l.Unlock()
	t := &l.tally.Steps[s]
	if a.BankNumber == "" {
		t.Local.Record(took)
	} else {
		t.Banked.Record(took)
		t.Joinable++
		l.joins.put(join{s, a.BankNumber, took})
	}
	if a.Code != "" {
		l.tally.Failures[Failure{s, a.Category, a.Code}]++
	}
}

// Missed records a request that got no answer, with the time it was waited for.
func (r *Recorder) Missed(lane int, s Step, took time.Duration, category, code string) {
	l := &r.lanes[lane]
	l.Lock()
	defer l.Unlock()
	l.tally.Steps[s].Local.Record(took)
	l.tally.Failures[Failure{s, category, code}]++
}

// Ended records how a binding ended. Whole and journey are kept of the signed ones.
func (r *Recorder) Ended(lane int, end string, whole, journey time.Duration) {
	l := &r.lanes[lane]
	l.Lock()
	defer l.Unlock()
	l.tally.Ends[end]++
	if end != EndActive {
		return
	}
	l.tally.Whole.Record(whole)
	if journey > whole {
		l.tally.Journey.Record(journey)
	}
}

// Failed counts a failure that was found out after the answer.
func (r *Recorder) Failed(lane int, s Step, category, code string) {
	l := &r.lanes[lane]
	l.Lock()
	defer l.Unlock()
	l.tally.Failures[Failure{s, category, code}]++
}

// Judged records how a binding's end compares with its plan.
func (r *Recorder) Judged(lane int, m Misjudged) {
	l := &r.lanes[lane]
	l.Lock()
	defer l.Unlock()
	l.tally.Judged[m.Judgement]++
	if !m.Right && len(l.tally.Misjudged) < mostMisjudged {
		l.tally.Misjudged = append(l.tally.Misjudged, m)
	}
}

// Tallies returns a copy of what each lane holds. No binding may be running any more.
func (r *Recorder) Tallies() []Tally {
	all := make([]Tally, len(r.lanes))
	for i := range r.lanes {
		all[i] = r.lanes[i].tally
		all[i].Ends, all[i].Failures = maps.Clone(all[i].Ends), maps.Clone(all[i].Failures)
		all[i].Judged, all[i].Misjudged = maps.Clone(all[i].Judged), slices.Clone(all[i].Misjudged)
	}
	return all
}
