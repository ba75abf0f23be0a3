package behave

import (
	"math"
	"time"

	"kaqiao/profiles"
)

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// draw is the value of a distribution at the quantile u, which lies in (0, 1). No distribution: no delay.
func draw(d *profiles.Dist, u float64) time.Duration {
	if d == nil {
		return 0
	}
	return d.Shift.Std() + unshifted(d, u)
}

func unshifted(d *profiles.Dist, u float64) time.Duration {
	switch {
	case d.Fixed != nil:
		return d.Fixed.Std()
	case d.Uniform != nil:
		low, high := float64(d.Uniform.Min), float64(d.Uniform.Max)
		return time.Duration(low + u*(high-low))
	case d.Lognormal != nil:
		return lognormal(*d.Lognormal, u)
	case d.Mixture != nil:
		return mixture(d.Mixture, u)
	}
	return 0
}

// mixture takes the part in whose share of (0, 1) the quantile lies, and draws
// from it with the place within: one draw decides both, and is even in either.
func mixture(parts []profiles.Part, u float64) time.Duration {
	last := len(parts) - 1
	for _, p := range parts[:last] {
		if u < float64(p.Weight) {
			return lognormal(p.Lognormal, u/float64(p.Weight))
		}
		u -= float64(p.Weight)
	}
	return lognormal(parts[last].Lognormal, min(u/float64(parts[last].Weight), mostQuantile))
}

// mostQuantile is the last number below 1: rounding must not reach it, where the draw would be endless.
const mostQuantile = 1 - 0x1p-53

// lognormal draws from the distribution truncated at its cap, by its inverse:
// x = F⁻¹(u·F(cap)). One draw, no loop, and no heap of draws at the cap, which
// clamping would make.
func lognormal(l profiles.Lognormal, u float64) time.Duration {
	middle, spread := shape(l)
	ceiling := float64(l.Cap)
	if l.Cap == 0 {
		ceiling = float64(maxDelay)
	}
	u *= normal((math.Log(ceiling) - middle) / spread)
	x := math.Exp(middle + spread*quantile(u))
	return time.Duration(math.Min(x, ceiling)) // rounding alone can pass the ceiling
}

// shape gives the mean and the deviation of ln x from the two percentiles.
func shape(l profiles.Lognormal) (middle, spread float64) {
	return math.Log(float64(l.P50)), math.Log(float64(l.P99)/float64(l.P50)) / z99
}

// normal is the standard normal distribution function.
func normal(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// quantile is the inverse of normal.
func quantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }
