package behave

import (
	"math"
	"slices"
	"testing"
	"time"

	"kaqiao/profiles"
)

// draws is the size of a sample; at this size a Kolmogorov–Smirnov distance
// above 0.0062 happens once in a thousand seeds if the sampler is right.
const (
	draws    = 100_000
	farthest = 0.0062
)

func d(text string) profiles.Duration {
	v, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return profiles.Duration(v)
}

func fixed(text string) *profiles.Dist {
	v := d(text)
	return &profiles.Dist{Fixed: &v}
}

// sample draws as the farm does: through a Behaviour, one card after another.
func sample(t *testing.T, seed uint64, dist *profiles.Dist) []float64 {
	t.Helper()
	b := newBehaviour(t, seed, Layer{Latency: profiles.Latency{Apply: dist}})
	out := make([]float64, draws)
	for i := range out {
		out[i] = float64(b.Delay("apply", Key{Card: uint64(i / 4), Ordinal: uint32(i % 4)}))
	}
	slices.Sort(out)
	return out
}

// distance is the Kolmogorov–Smirnov distance of a sorted sample from a distribution function.
func distance(sorted []float64, cdf func(float64) float64) float64 {
	worst, n := 0.0, float64(len(sorted))
	for i, x := range sorted {
		f := cdf(x)
		worst = max(worst, math.Abs(f-float64(i)/n), math.Abs(float64(i+1)/n-f))
	}
	return worst
}

// truncated is the specified distribution function, written from its definition and not from draw's code.
func truncated(p50, p99, ceiling float64) func(float64) float64 {
	sigma := math.Log(p99/p50) / 2.3263478740408408
	plain := func(x float64) float64 { return 0.5 * (1 + math.Erf((math.Log(x/p50))/(sigma*math.Sqrt2))) }
	return func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		if ceiling == 0 {
			return plain(x)
		}
		return math.Min(1, plain(x)/plain(ceiling))
	}
}

func TestLognormalIsTheOneSpecified(t *testing.T) {
	for _, c := range []struct {
		name          string
		p50, p99, cap string
	}{
		{"state", "600ms", "2s", "2s"},
		{"city", "3873ms", "5s", "6s"},
		{"uncapped", "200ms", "507ms", "0s"},
		{"cap below the median", "600ms", "2s", "500ms"},
		{"wide", "10ms", "10s", "1m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := profiles.Lognormal{P50: d(c.p50), P99: d(c.p99), Cap: d(c.cap)}
			cdf := truncated(float64(l.P50), float64(l.P99), float64(l.Cap))
			got := sample(t, 1, &profiles.Dist{Lognormal: &l})
			if far := distance(got, cdf); far > farthest {
				t.Errorf("distance %.4f, at most %.4f allowed", far, farthest)
			}
			if l.Cap > 0 && got[len(got)-1] > float64(l.Cap) {
				t.Errorf("a draw of %v passes the cap", time.Duration(got[len(got)-1]))
			}
			if n, value := mostRepeated(got); n > 3 {
				t.Errorf("%v was drawn %d times: a heap", time.Duration(value), n)
			}
			checkTail(t, got, cdf, float64(l.P99), 0.99)
			checkTail(t, got, cdf, float64(l.P50), 0.5)
		})
	}
}

// checkTail holds the number of draws above x to a binomial interval of four deviations; KS is weak there.
func checkTail(t *testing.T, sorted []float64, cdf func(float64) float64, x, uncapped float64) {
	t.Helper()
	at, _ := slices.BinarySearch(sorted, x)
	above, p := float64(len(sorted)-at), 1-cdf(x)
	if p <= 0 {
		return // the cap lies below
	}
	n := float64(len(sorted))
	if want, slack := n*p, 4*math.Sqrt(n*p*(1-p)); math.Abs(above-want) > slack {
		t.Errorf("%.0f draws above the specified p%g, want %.0f ± %.0f", above, uncapped*100, want, slack)
	}
}

func mostRepeated(sorted []float64) (times int, value float64) {
	run := 0
	for i, x := range sorted {
		if i > 0 && x == sorted[i-1] {
			run++
		} else {
			run = 1
		}
		if run > times {
			times, value = run, x
		}
	}
	return times, value
}

func TestUniformIsTheOneSpecified(t *testing.T) {
	got := sample(t, 1, &profiles.Dist{Uniform: &profiles.Uniform{Min: d("100ms"), Max: d("300ms")}})
	low, high := float64(d("100ms")), float64(d("300ms"))
	if far := distance(got, func(x float64) float64 { return (x - low) / (high - low) }); far > farthest {
		t.Errorf("distance %.4f, at most %.4f allowed", far, farthest)
	}
	if got[0] < low || got[len(got)-1] > high {
		t.Errorf("draws from %v to %v", time.Duration(got[0]), time.Duration(got[len(got)-1]))
	}
}

func TestMixtureAndShiftAreTheOnesSpecified(t *testing.T) {
	quick := profiles.Lognormal{P50: d("1.2s"), P99: d("3.5s"), Cap: d("4s")}
	slow := profiles.Lognormal{P50: d("6s"), P99: d("15s")}
	got := sample(t, 1, &profiles.Dist{Shift: d("250ms"), Mixture: []profiles.Part{{Weight: 0.8, Lognormal: quick}, {Weight: 0.2, Lognormal: slow}}})
	first, second := truncated(float64(quick.P50), float64(quick.P99), float64(quick.Cap)), truncated(float64(slow.P50), float64(slow.P99), 0)
	if far := distance(got, func(x float64) float64 {
		x -= float64(d("250ms"))
		return 0.8*first(x) + 0.2*second(x)
	}); far > farthest {
		t.Errorf("distance %.4f, at most %.4f allowed", far, farthest)
	}
	if got[0] < float64(d("250ms")) {
		t.Errorf("a draw of %v, sooner than the way takes", time.Duration(got[0]))
	}
	if shifted := sample(t, 1, &profiles.Dist{Fixed: fixed("50ms").Fixed, Shift: d("1s")}); shifted[0] != float64(1050*time.Millisecond) {
		t.Errorf("%v, want 1.05s", time.Duration(shifted[0]))
	}
}

func TestFixedIsTheOneSpecified(t *testing.T) {
	got := sample(t, 1, fixed("50ms"))
	if got[0] != float64(50*time.Millisecond) || got[len(got)-1] != got[0] {
		t.Errorf("draws from %v to %v, want 50ms always", got[0], got[len(got)-1])
	}
}

// The judge is tried: samplers that are wrong in ways that happen must not pass.
func TestTheJudgeCatchesADistortedSampler(t *testing.T) {
	l := profiles.Lognormal{P50: d("600ms"), P99: d("2s"), Cap: d("2s")}
	cdf := truncated(float64(l.P50), float64(l.P99), float64(l.Cap))
	good := sample(t, 1, &profiles.Dist{Lognormal: &l})
	uncapped := sample(t, 1, &profiles.Dist{Lognormal: &profiles.Lognormal{P50: l.P50, P99: l.P99}})
	distorted := map[string]func(i int) float64{
		"a tenth slower in the upper half": func(i int) float64 {
			if i > draws/2 {
				return good[i] * 1.1
			}
			return good[i]
		},
		"clamped at the cap": func(i int) float64 { return math.Min(uncapped[i], float64(l.Cap)) },
		"15 ms late":         func(i int) float64 { return good[i] + float64(15*time.Millisecond) },
	}
	for name, value := range distorted {
		bad := make([]float64, draws)
		for i := range bad {
			bad[i] = value(i)
		}
		slices.Sort(bad)
		heap, _ := mostRepeated(bad)
		if far := distance(bad, cdf); far <= farthest && heap <= 3 {
			t.Errorf("%s: distance %.4f and no heap: not caught", name, far)
		}
	}
}

// Two calls of one card, and two cards beside each other, are as independent as any others.
func TestDrawsAreIndependent(t *testing.T) {
	b := newBehaviour(t, 7, Layer{Latency: profiles.Latency{Apply: &profiles.Dist{Uniform: &profiles.Uniform{Max: d("1s")}}}})
	correlation := func(second func(i int) Key) float64 {
		var sum, n float64
		for i := range 20_000 {
			a := float64(b.Delay("apply", Key{Card: uint64(i)}))/1e9 - 0.5
			c := float64(b.Delay("apply", second(i)))/1e9 - 0.5
			sum, n = sum+a*c, n+1
		}
		return sum / n * 12
	}
	for name, second := range map[string]func(int) Key{
		"next card":    func(i int) Key { return Key{Card: uint64(i + 1)} },
		"next ordinal": func(i int) Key { return Key{Card: uint64(i), Ordinal: 1} },
	} {
		if r := correlation(second); math.Abs(r) > 4/math.Sqrt(20_000) {
			t.Errorf("%s: correlation %.3f", name, r)
		}
	}
}
