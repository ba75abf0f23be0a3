// Package report turns what a load test recorded into figures by tier, and
// shows them: a table for people, JSON for programs, .hgrm for plots.
package report

import (
	"time"
)

// Version is the version of the JSON. It is raised when a field changes its meaning or goes; fields may be added.
const Version = 1

// Report is one load test. Every number has its unit in its name.
type Report struct {
	Version   int       `json:"version"`
	StartedAt time.Time `json:"started_at"`
	Asked     Asked     `json:"asked"`
	Attack    Attack    `json:"attack"`
	Tiers     []Group   `json:"tiers"` // in the order state, city, foreign; only those that were asked
	Banks     []Group   `json:"banks"` // by id
	Promises  []Promise `json:"promises"`
	// Classified holds planned failures against what the caller was told; absent where none was planned.
	Classified *Classified `json:"classified,omitempty"`
}

// Asked is what was asked of the load tester.
type Asked struct {
	Bindings      int      `json:"bindings"`
	RatePerS      float64  `json:"rate_per_s"`
	ForS          float64  `json:"for_s"`
	Stages        []Stage  `json:"stages"`
	Banks         []string `json:"banks"`
	Mix           []string `json:"mix"`
	Seed          uint64   `json:"seed"`
	Platform      string   `json:"platform"`
	JourneyS      float64  `json:"journey_s,omitempty"` // the mean time that people were given to think; absent: none
	InFlightLimit int      `json:"in_flight_limit"`
	// Failures are those that were asked for; absent: none.
	Failures *FailuresAsked `json:"failures,omitempty"`
}

// Stage is a part in which the rate goes evenly from one figure to another.
type Stage struct {
	FromPerS float64 `json:"from_per_s"`
	ToPerS   float64 `json:"to_per_s"`
	ForS     float64 `json:"for_s"`
}

// Attack says how well the load tester itself did.
type Attack struct {
	Started          int     `json:"started"`
	NotStarted       int     `json:"not_started"` // fell due when as many were under way as may be
	Withheld         int     `json:"withheld"`    // not due yet when the test was interrupted
	CutOff           int     `json:"cut_off"`     // still under way at the end; counted at their age
	AchievedRatePerS float64 `json:"achieved_rate_per_s"`
	AchievedRatio    float64 `json:"achieved_ratio"` // achieved ÷ asked
	LateP50MS        float64 `json:"late_p50_ms"`    // from due to begun
	LateP99MS        float64 `json:"late_p99_ms"`
	LateMaxMS        float64 `json:"late_max_ms"`
	// Doubts are reasons not to trust the figures: not_started, below_rate, late, beyond_range, and share,
	// which is about the gateway's part only. Empty where there are none.
	Doubts []string `json:"doubts"`
}

// Group is what was seen at one tier or at one bank.
type Group struct {
	ID       string           `json:"id"`
	Tier     string           `json:"tier"`
	Banks    int              `json:"banks"`
	Steps    []Step           `json:"steps"`             // apply, confirm, and approval where somebody was asked for one
	Whole    Figures          `json:"binding"`           // signed ones, from the due apply, without the person's thinking
	Journey  *Figures         `json:"journey,omitempty"` // the same with it
	Ends     map[string]int64 `json:"ends"`              // each binding that was started ended in one way
	Failures []Failure        `json:"failures"`          // the most frequent first
}

// Step is one request of a binding.
type Step struct {
	Step   string  `json:"step"`
	All    Figures `json:"all"`    // every answer
	Banked Figures `json:"banked"` // those for which a bank was asked: what a tier's promise is about
	Share  Share   `json:"share"`
}

// Share splits the answers' time, where the bank's own record of the exchange could be found.
type Share struct {
	Joined   int64   `json:"joined"`
	Joinable int64   `json:"joinable"` // answers that named an exchange
	Total    Figures `json:"total"`
	Bank     Figures `json:"bank"`
	Gateway  Figures `json:"gateway"` // total less the bank's own time: the gateway, the network, the load tester
}

// Figures are the percentiles of one histogram.
type Figures struct {
	Count    int64   `json:"count"`
	RatePerS float64 `json:"rate_per_s"` // over the time that was asked for
	P50MS    float64 `json:"p50_ms"`
	P90MS    float64 `json:"p90_ms"`
	P99MS    float64 `json:"p99_ms"`
	P999MS   float64 `json:"p999_ms"`
	MaxMS    float64 `json:"max_ms"`
	// Histogram is the whole histogram in HdrHistogram's V2 compressed form, base64, in microseconds:
	// percentiles of several runs are had by merging these, never by averaging.
	Histogram string `json:"histogram_v2_us,omitempty"`
}

// Failure is one way in which requests failed.
type Failure struct {
	Step     string `json:"step"`
	Category string `json:"category"`
	Code     string `json:"code"`
	Count    int64  `json:"count"`
}

// The verdicts on a promise.
const (
	Met    = "met"
	Slower = "slower"  // 99 in 100 answers took longer than promised
	Faster = "faster"  // half the answers came sooner than the tier says
	TooFew = "too_few" // not enough answers to say
)

// EnoughAnswers is how many answers a verdict needs. Below 100 the p99 is the longest answer.
const EnoughAnswers = 30

// Promise is what a tier promises for one answer of a bank, and what the caller saw.
type Promise struct {
	Tier    string   `json:"tier"`
	Banks   []string `json:"banks"` // that promise just this
	Step    string   `json:"step"`
	FromMS  float64  `json:"from_ms"` // the least time of a typical answer
	ToMS    float64  `json:"to_ms"`   // the most time of 99 in 100
	Count   int64    `json:"count"`
	P50MS   float64  `json:"p50_ms"`
	P99MS   float64  `json:"p99_ms"`
	Verdict string   `json:"verdict"`
}

// Missed reports whether a tier took longer than it promises.
func (r *Report) Missed() bool {
	for _, p := range r.Promises {
		if p.Verdict == Slower {
			return true
		}
	}
	return false
}
