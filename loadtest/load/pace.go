// Package load puts an open load on the gateway: whole bindings, each begun at
// the moment it is due whatever became of those before it. Every latency
// counts from when the request was due, never from when it was really sent, so
// that a stall shows in full and is not hidden by the load tester's own waiting.
package load

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits of one attack.
const (
	MaxRate   = 100_000.0      // bindings a second
	MaxFor    = 24 * time.Hour // of all stages together
	MaxStages = 100
	MaxAsked  = 1_000_000 // bindings
)

// Stage is a part of an attack in which the rate goes evenly from one figure to another.
type Stage struct {
	From, To float64 // bindings a second, 0 to MaxRate
	For      time.Duration
}

// Pace says when bindings are due.
type Pace []Stage

// Constant is one rate for the whole time.
func Constant(rate float64, d time.Duration) Pace { return Pace{{From: rate, To: rate, For: d}} }

// ParsePace reads stages such as 30s:5-50,1m:50,10s:50-0: how long, then the
// rate at the beginning and at the end.
func ParsePace(text string) (Pace, error) {
	var p Pace
	for part := range strings.SplitSeq(text, ",") {
		long, rates, ok := strings.Cut(strings.TrimSpace(part), ":")
		from, to, ramp := strings.Cut(rates, "-")
		if !ramp {
			to = from
		}
		d, err1 := time.ParseDuration(long)
		f, err2 := strconv.ParseFloat(from, 64)
		t, err3 := strconv.ParseFloat(to, 64)
		if !ok || err1 != nil || err2 != nil || err3 != nil {
			return nil, fmt.Errorf("%q is not a stage: write how long and how fast, such as 30s:20 or 30s:5-50", part)
		}
		p = append(p, Stage{From: f, To: t, For: d})
	}
	return p, p.Check()
}

// Check says what is wrong with a pace.
func (p Pace) Check() error {
	if len(p) == 0 || len(p) > MaxStages {
		return fmt.Errorf("%d stages: there must be 1 to %d", len(p), MaxStages)
	}
	for i, s := range p {
		if s.For <= 0 || s.For > MaxFor {
			return fmt.Errorf("stage %d lasts %v: it must be more than 0s and at most %v", i+1, s.For, MaxFor)
		}
		for _, rate := range []float64{s.From, s.To} {
			if !(rate >= 0 && rate <= MaxRate) {
				return fmt.Errorf("stage %d: the rate must be 0 to %.0f bindings a second", i+1, MaxRate)
			}
		}
	}
	if p.Long() > MaxFor {
		return fmt.Errorf("the stages last %v: at most %v", p.Long(), MaxFor)
	}
	switch n := p.area(); {
	case n > MaxAsked:
		return fmt.Errorf("%.0f bindings are asked for: at most %d in one attack", n, MaxAsked)
	case p.Count() == 0:
		return errors.New("nothing is asked for: the rate is 0 all the time")
	}
	return nil
}

// Long is how long all stages last.
func (p Pace) Long() (d time.Duration) {
	for _, s := range p {
		d += s.For
	}
	return d
}

// Count is how many bindings fall due.
func (p Pace) Count() int { return int(math.Ceil(p.area() - 1e-9)) }

// Rate is the mean rate, in bindings a second.
func (p Pace) Rate() float64 { return p.area() / p.Long().Seconds() }

// Due yields when each binding is due, counted from the beginning: the moment
// at which the area below the rate's curve reaches its number.
func (p Pace) Due() iter.Seq2[int, time.Duration] {
	return func(yield func(int, time.Duration) bool) {
		i, before, begun := 0, 0.0, time.Duration(0)
		for _, s := range p {
			end := before + s.area()
			for ; float64(i) < end-1e-9; i++ {
				if !yield(i, begun+s.when(float64(i)-before)) {
					return
				}
			}
			before, begun = end, begun+s.For
		}
	}
}

func (p Pace) area() (n float64) {
	for _, s := range p {
		n += s.area()
	}
	return n
}

func (s Stage) area() float64 { return (s.From + s.To) / 2 * s.For.Seconds() }

// when solves from·t + slope·t²/2 = n for t, in the form that has no
// cancellation and holds for a slope of zero too.
func (s Stage) when(n float64) time.Duration {
	if n <= 0 {
		return 0
	}
	slope := (s.To - s.From) / s.For.Seconds()
	root := math.Sqrt(max(0, s.From*s.From+2*slope*n))
	return time.Duration(math.Round(2 * n / (s.From + root) * float64(time.Second)))
}
