package behave

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kaqiao/profiles"
)

// The limits of a layer.
const (
	maxFaults = 64
	maxDelay  = 24 * time.Hour
	maxCount  = 1_000_000_000
	maxForS   = 7 * 24 * 60 * 60
	minLate   = time.Millisecond
	maxLate   = 10 * time.Minute
)

// Layer is what is asked of a subject over its profile's own behaviour.
type Layer struct {
	// Latency replaces the profile's distribution for each operation that it
	// names, and no other. Its default serves the operations for which neither
	// the layer nor the profile names a distribution.
	Latency profiles.Latency `json:"latency"`
	// Faults replace all of the profile's faults. Nil leaves them; empty means none. At most 64.
	Faults []profiles.Fault `json:"faults"`
}

// LayerError is all that is wrong with a layer.
type LayerError struct{ Faults []string }

func (e *LayerError) Error() string { return strings.Join(e.Faults, "; ") }

// check returns a *LayerError that names each thing wrong for a subject that speaks these protocols.
func (l Layer) check(protocols []string) error {
	var wrong []string
	for operation, d := range distributions(l.Latency) {
		if what := checkDist(d); what != "" {
			wrong = append(wrong, "latency."+operation+": "+what)
		}
	}
	slices.Sort(wrong)
	if len(l.Faults) > maxFaults {
		wrong = append(wrong, fmt.Sprintf("faults: %d of them, at most %d are taken", len(l.Faults), maxFaults))
	}
	for i, f := range l.Faults[:min(len(l.Faults), maxFaults)] {
		for _, what := range checkFault(f, protocols) {
			wrong = append(wrong, fmt.Sprintf("faults[%d].%s", i, what))
		}
	}
	if wrong != nil {
		return &LayerError{Faults: wrong}
	}
	return nil
}

func checkFault(f profiles.Fault, protocols []string) (wrong []string) {
	if !slices.Contains(profiles.FaultKinds(), f.Kind) {
		wrong = append(wrong, "kind: not known; the kinds are "+strings.Join(profiles.FaultKinds(), ", "))
	}
	if no := profiles.Unplayable(f.Kind, f.Operation, protocols); no != "" {
		wrong = append(wrong, "kind: "+no)
	}
	if f.Operation != "" && !slices.Contains(profiles.Operations(), f.Operation) {
		wrong = append(wrong, "operation: not known; the operations are "+strings.Join(profiles.Operations(), ", "))
	}
	if f.Share != nil && !(*f.Share >= 0 && *f.Share <= 1) {
		wrong = append(wrong, "share: must be 0 to 1")
	}
	if f.Count < 0 || f.Count > maxCount {
		wrong = append(wrong, fmt.Sprintf("count: must be 0 to %d", maxCount))
	}
	if d := f.Delay.Std(); d != 0 && (d < minLate || d > maxLate || !profiles.Delayed(f.Kind)) {
		wrong = append(wrong, "delay: must be 1ms to 10m, and only with late_reply or slow_drip")
	}
	if f.AfterCommit && f.Kind != "http_5xx" {
		wrong = append(wrong, "after_commit: only with http_5xx")
	}
	if d := f.For.Std(); d != 0 && (d < minLate || d > maxDelay || f.Kind != "not_found_for_a_while") {
		wrong = append(wrong, "for: must be 1ms to 24h, and only with not_found_for_a_while")
	}
	if f.ForS < 0 || f.ForS > maxForS {
		wrong = append(wrong, fmt.Sprintf("for_s: must be 0 to %d", maxForS))
	}
	return wrong
}

func checkDist(d *profiles.Dist) string {
	set := 0
	for _, is := range []bool{d.Fixed != nil, d.Uniform != nil, d.Lognormal != nil, d.Mixture != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return "exactly one of fixed, uniform, lognormal and mixture must be given"
	}
	inside := func(d profiles.Duration) bool { return d >= 0 && d.Std() <= maxDelay }
	switch {
	case d.Fixed != nil && !inside(*d.Fixed):
		return "fixed must be 0s to 24h"
	case d.Uniform != nil && (!inside(d.Uniform.Min) || !inside(d.Uniform.Max) || d.Uniform.Min > d.Uniform.Max):
		return "uniform needs 0s <= min <= max <= 24h"
	case d.Shift < 0 || d.Shift.Std() > profiles.MostShift:
		return "shift must be 0s to 1m"
	case d.Mixture != nil:
		return checkMixture(d.Mixture)
	case d.Lognormal != nil:
		return checkLognormal(*d.Lognormal)
	}
	return ""
}

func checkLognormal(l profiles.Lognormal) string {
	switch {
	case l.P50 <= 0 || l.P50 >= l.P99 || l.P99.Std() > maxDelay:
		return "lognormal needs 0s < p50 < p99 <= 24h"
	case l.Cap < 0 || l.Cap.Std() > maxDelay:
		return "lognormal.cap must be 0s to 24h"
	}
	return ""
}

func checkMixture(parts []profiles.Part) string {
	sum := 0.0
	for _, p := range parts {
		if wrong := checkLognormal(p.Lognormal); wrong != "" {
			return "mixture: " + wrong
		}
		if p.Weight <= 0 {
			return "mixture: each weight must be above 0"
		}
		sum += float64(p.Weight)
	}
	if len(parts) < 2 || len(parts) > 8 || math.Abs(sum-1) > profiles.WeightSlack {
		return "mixture needs 2 to 8 parts whose weights make 100%"
	}
	return ""
}

// distributions lists those that are set, by operation, with "default" among them.
func distributions(l profiles.Latency) map[string]*profiles.Dist {
	all := map[string]*profiles.Dist{
		"default": l.Default, "verify": l.Verify, "apply": l.Apply, "challenge": l.Challenge,
		"confirm": l.Confirm, "query": l.Query, "cancel": l.Cancel, "unsign": l.Unsign,
	}
	for operation, d := range all {
		if d == nil {
			delete(all, operation)
		}
	}
	return all
}

// over lays upper's distributions over lower's.
func over(upper, lower profiles.Latency) profiles.Latency {
	first := func(a, b *profiles.Dist) *profiles.Dist {
		if a != nil {
			return a
		}
		return b
	}
	return profiles.Latency{
		Default: first(upper.Default, lower.Default), Verify: first(upper.Verify, lower.Verify),
		Apply: first(upper.Apply, lower.Apply), Challenge: first(upper.Challenge, lower.Challenge),
		Confirm: first(upper.Confirm, lower.Confirm), Query: first(upper.Query, lower.Query),
		Cancel: first(upper.Cancel, lower.Cancel), Unsign: first(upper.Unsign, lower.Unsign),
	}
}
