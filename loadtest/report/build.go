package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/profiles"
)

// Run is everything that a report is made of.
type Run struct {
	Pace   load.Pace
	Asked  Asked // the fields that Pace does not give
	Starts load.Starts
	Banks  []control.Bank // one a lane
	Lanes  []load.Tally
	Set    *profiles.Set // what tiers promise
}

// Make works the figures out.
func Make(run Run) *Report {
	r := &Report{Version: Version, StartedAt: run.Starts.Began, Asked: run.Asked, Tiers: []Group{}, Banks: []Group{}, Promises: []Promise{}}
	long := run.Pace.Long()
	r.Asked.Bindings, r.Asked.RatePerS, r.Asked.ForS = run.Starts.Asked, run.Pace.Rate(), long.Seconds()
	for _, s := range run.Pace {
		r.Asked.Stages = append(r.Asked.Stages, Stage{s.From, s.To, s.For.Seconds()})
	}
	for i, b := range run.Banks {
		r.Banks = append(r.Banks, group(b.ID, b.Tier, 1, run.Lanes[i], long))
	}
	for _, tier := range tiersOf(run.Banks) {
		sum, n := merge(run, func(b control.Bank) bool { return b.Tier == tier })
		r.Tiers = append(r.Tiers, group(tier, tier, n, sum, long))
	}
	slices.SortFunc(r.Banks, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	r.Promises = promises(run)
	r.Classified = classified(run)
	r.Attack = attack(run, r)
	return r
}

// tiersOf lists the tiers that occur: the known ones in their order, then any other.
func tiersOf(banks []control.Bank) []string {
	order := []string{"state", "city", "foreign"}
	for _, b := range banks {
		if !slices.Contains(order, b.Tier) {
			order = append(order, b.Tier)
		}
	}
	return slices.DeleteFunc(order, func(tier string) bool {
		return !slices.ContainsFunc(banks, func(b control.Bank) bool { return b.Tier == tier })
	})
}

func merge(run Run, belongs func(control.Bank) bool) (sum load.Tally, banks int) {
	for i, b := range run.Banks {
		if belongs(b) {
			sum.Add(run.Lanes[i])
			banks++
		}
	}
	return sum, banks
}

func group(id, tier string, banks int, t load.Tally, long time.Duration) Group {
	g := Group{ID: id, Tier: tier, Banks: banks, Whole: figures(t.Whole, long), Ends: maps.Clone(t.Ends), Failures: failures(t.Failures)}
	if t.Journey.Count() > 0 {
		f := figures(t.Journey, long)
		g.Journey = &f
	}
	for _, s := range load.Steps() {
		timing := t.Steps[s]
		if s == load.Approval && timing.All().Count() == 0 {
			continue // nobody was asked to approve
		}
		g.Steps = append(g.Steps, Step{
			Step: s.String(), All: figures(timing.All(), long), Banked: figures(timing.Banked, long),
			Share: Share{
				Joined: timing.Total.Count(), Joinable: timing.Joinable,
				Total: figures(timing.Total, long), Bank: figures(timing.Bank, long), Gateway: figures(timing.Gateway, long),
			},
		})
	}
	return g
}

func failures(counts map[load.Failure]int64) []Failure {
	list := []Failure{}
	for f, n := range counts {
		list = append(list, Failure{f.Step.String(), f.Category, f.Code, n})
	}
	slices.SortFunc(list, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Step, b.Step))
	})
	return list
}

func figures(l load.Latencies, long time.Duration) Figures {
	f := Figures{
		Count: l.Count(), RatePerS: float64(l.Count()) / long.Seconds(),
		P50MS: ms(l.At(50)), P90MS: ms(l.At(90)), P99MS: ms(l.At(99)), P999MS: ms(l.At(99.9)), MaxMS: ms(l.Max()),
	}
	if h := l.Histogram(); h != nil {
		// It can fail only for lack of memory; then the percentiles stand alone.
		if text, err := h.Encode(hdr.V2CompressedEncodingCookieBase); err == nil {
			f.Histogram = string(text)
		}
	}
	return f
}

// promises holds each promise of each tier against what its banks did.
func promises(run Run) []Promise {
	if run.Set == nil {
		return []Promise{}
	}
	list := []Promise{}
	for _, tier := range tiersOf(run.Banks) {
		for _, p := range promisesOf(run, tier) {
			keeps := func(b control.Bank) bool {
				profile := run.Set.Bank(b.ID)
				return b.Tier == tier && profile != nil && profile.Answers == p && !run.Asked.setAside(b.ID)
			}
			sum, _ := merge(run, keeps)
			var ids []string
			for _, b := range run.Banks {
				if keeps(b) {
					ids = append(ids, b.ID)
				}
			}
			for _, s := range []load.Step{load.Apply, load.Confirm} {
				if s == load.Confirm && sum.Steps[s].All().Count() == 0 && sum.Steps[load.Approval].All().Count() > 0 {
					continue // these banks are brought no code
				}
				list = append(list, judge(p, tier, ids, s, sum.Steps[s].Banked))
			}
		}
	}
	return list
}

// promisesOf lists the different promises of a tier's banks.
func promisesOf(run Run, tier string) (list []profiles.Promise) {
	for _, b := range run.Banks {
		profile := run.Set.Bank(b.ID)
		if b.Tier == tier && profile != nil && profile.Answers.To > 0 && !run.Asked.setAside(b.ID) && !slices.Contains(list, profile.Answers) {
			list = append(list, profile.Answers)
		}
	}
	return list
}

func judge(p profiles.Promise, tier string, ids []string, s load.Step, l load.Latencies) Promise {
	v := Promise{
		Tier: tier, Banks: ids, Step: s.String(), FromMS: ms(p.From.Std()), ToMS: ms(p.To.Std()),
		Count: l.Count(), P50MS: ms(l.At(50)), P99MS: ms(l.At(99)), Verdict: Met,
	}
	switch {
	case l.Count() < EnoughAnswers:
		v.Verdict = TooFew
	case l.At(99) > p.To.Std():
		v.Verdict = Slower
	case l.At(50) < p.From.Std():
		v.Verdict = Faster
	}
	return v
}

// The reasons not to trust a run.
const (
	DoubtNotStarted = "not_started"
	DoubtBelowRate  = "below_rate"
	DoubtLate       = "late"
	DoubtBeyond     = "beyond_range"
	DoubtShare      = "share" // of the gateway's part only
)

const (
	enoughOfTheRate = 0.99
	tooLateShare    = 0.05 // of the shortest p99 that the run claims to have measured
	tooLateGateway  = 0.5  // of the p99 of the gateway's part, which holds the load tester's own lateness
	lateDespite     = time.Millisecond
)

func attack(run Run, r *Report) Attack {
	s := run.Starts
	a := Attack{
		Started: s.Started, NotStarted: s.NotStarted, Withheld: s.Withheld, CutOff: s.Unfinished,
		LateP50MS: ms(s.Late.At(50)), LateP99MS: ms(s.Late.At(99)), LateMaxMS: ms(s.Late.Max()), Doubts: []string{},
	}
	a.AchievedRatePerS, a.AchievedRatio = achieved(run)
	if s.NotStarted > 0 {
		a.Doubts = append(a.Doubts, DoubtNotStarted)
	}
	if a.AchievedRatio < enoughOfTheRate {
		a.Doubts = append(a.Doubts, DoubtBelowRate)
	}
	banked, gateway := shortest(r)
	switch late := s.Late.At(99); {
	case late > lateDespite && ms(late) > tooLateShare*banked:
		a.Doubts = append(a.Doubts, DoubtLate)
	case late > lateDespite && gateway > 0 && ms(late) > tooLateGateway*gateway:
		a.Doubts = append(a.Doubts, DoubtShare)
	}
	for _, t := range run.Lanes {
		if t.Whole.Beyond+t.Steps[load.Apply].Banked.Beyond+t.Steps[load.Confirm].Banked.Beyond > 0 {
			a.Doubts = append(a.Doubts, DoubtBeyond)
			break
		}
	}
	return a
}

// achieved compares what was begun, in the time that it took to begin it, with
// what was asked in the time that was asked for. What an interruption withheld is nobody's fault.
func achieved(run Run) (perS, ratio float64) {
	s := run.Starts
	due := s.Asked - s.Withheld
	if due == 0 || s.Started == 0 {
		return 0, 0
	}
	var last time.Duration // when the last binding was due that was not withheld
	for i, offset := range run.Pace.Due() {
		if i == due {
			break
		}
		last = offset
	}
	took := max(last, s.LastStart.Sub(s.Began))
	if took <= 0 { // a single binding has no rate
		return run.Pace.Rate(), float64(s.Started) / float64(due)
	}
	ratio = float64(s.Started) / float64(due) * last.Seconds() / took.Seconds()
	return ratio * run.Pace.Rate(), ratio
}

// shortest are the shortest p99 of a tier's answers and of the gateway's part in them, in milliseconds.
func shortest(r *Report) (banked, gateway float64) {
	least := func(a *float64, f Figures) {
		if f.Count > 0 && (*a == 0 || f.P99MS < *a) {
			*a = f.P99MS
		}
	}
	for _, g := range r.Tiers {
		for _, s := range g.Steps {
			least(&banked, s.Banked)
			least(&gateway, s.Share.Gateway)
		}
	}
	return banked, gateway
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
