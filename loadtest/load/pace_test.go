package load

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestConstantPaceIsExact(t *testing.T) {
	var last time.Duration
	n := 0
	for i, due := range Constant(20, 20*time.Second).Due() {
		if want := time.Duration(i) * 50 * time.Millisecond; due != want {
			t.Fatalf("binding %d is due at %v, want %v", i, due, want)
		}
		n, last = n+1, due
	}
	if n != 400 || last != 19950*time.Millisecond {
		t.Errorf("%d bindings, the last at %v", n, last)
	}
}

func TestPaceFollowsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0, 200)
		seconds := rapid.IntRange(1, 20)
		var p Pace
		for range rapid.IntRange(1, 4).Draw(t, "stages") {
			p = append(p, Stage{rate.Draw(t, "from"), rate.Draw(t, "to"), time.Duration(seconds.Draw(t, "s")) * time.Second})
		}
		n, last := 0, time.Duration(-1)
		for i, due := range p.Due() {
			if i != n {
				t.Fatalf("number %d comes after %d", i, n-1)
			}
			if due < last || due > p.Long() {
				t.Fatalf("binding %d is due at %v, after %v, in %v", i, due, last, p.Long())
			}
			if i%97 != 0 { // integrating is slow
				n, last = n+1, due
				continue
			}
			if area := p.areaUntil(due); math.Abs(area-float64(i)) > 0.001 {
				t.Fatalf("binding %d is due where %.4f should have been", i, area)
			}
			n, last = n+1, due
		}
		if n != p.Count() {
			t.Fatalf("%d fell due, Count says %d", n, p.Count())
		}
	})
}

// areaUntil integrates the rate by small steps: another way than the one under test.
func (p Pace) areaUntil(end time.Duration) (n float64) {
	const parts = 2_000
	begun := time.Duration(0)
	for _, s := range p {
		part := min(s.For, max(0, end-begun)).Seconds()
		for k := range parts {
			at := (float64(k) + 0.5) / parts * part
			n += (s.From + (s.To-s.From)*at/s.For.Seconds()) * part / parts
		}
		begun += s.For
	}
	return n
}

func TestParsePace(t *testing.T) {
	p, err := ParsePace("30s:5-50, 1m:50")
	if err != nil || len(p) != 2 || p[0] != (Stage{5, 50, 30 * time.Second}) || p[1] != (Stage{50, 50, time.Minute}) {
		t.Errorf("got %v, %v", p, err)
	}
	for _, bad := range []string{"", "30s", "30:5", "30s:x", "0s:5", "-1s:5", "30s:0", "30s:-5", "30s:NaN", "1s:200000", "25h:1", "20s:90000"} {
		if p, err := ParsePace(bad); err == nil {
			t.Errorf("%q was taken: %v", bad, p)
		}
	}
}
