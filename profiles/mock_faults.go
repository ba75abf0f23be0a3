package profiles

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is one way to misbehave.
type Fault struct {
	// Kind is one of the kinds in FaultKinds. Required.
	Kind string `yaml:"kind" json:"kind"`
	// Operation limits the fault to one operation. Empty: all.
	Operation string `yaml:"operation,omitempty" json:"operation,omitempty"`
	// Share is the part of calls that it strikes. Default 1.
	Share *Share `yaml:"share,omitempty" json:"share,omitempty"`
	// Count is how many calls it strikes at the most, 0 to 1,000,000,000. 0: no end.
	Count int `yaml:"count,omitempty" json:"count,omitempty"`
	// ForS is how many seconds it lasts from when it was set, 0 to 604,800 (a week). 0: no end.
	ForS int `yaml:"for_s,omitempty" json:"for_s,omitempty"`
	// Delay is how much later than drawn the answer of a late_reply comes, or how long that of a slow_drip
	// takes from its first byte to its last: 1ms to 10m. Default 15s, longer than a gateway waits by default.
	// No other kind has one.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitzero"`
	// AfterCommit has the bank do what it is asked before it fails. Default false: nothing is done. Only http_5xx has it.
	AfterCommit bool `yaml:"after_commit,omitempty" json:"after_commit,omitempty"`
	// For is how long after it was done a query does not see it yet, 1ms to 24h. Default 3s. Only not_found_for_a_while has it.
	For Duration `yaml:"for,omitempty" json:"for,omitzero"`
}

// FaultKinds are the kinds that the farm can play.
func FaultKinds() []string {
	return []string{
		"no_reply_before_commit", "no_reply_after_commit",
		"reset_before_commit", "reset_after_commit",
		"garbage", "busy",
		"late_reply", "half_reply", "slow_drip", "duplicate_reply",
		"lost_notice", "duplicate_notice", "notice_before_reply",
		"bad_signature", "http_5xx", "not_found_for_a_while", "contradiction",
		"wrong_charset",
	}
}

// Playable reports whether a kind of fault can strike an operation in a protocol. An empty operation is any.
func Playable(kind, protocol, operation string) bool {
	known := operationsOf(kind, protocol)
	return len(known) > 0 && (operation == "" || slices.Contains(known, operation))
}

// operationsOf are the operations that a kind can strike in a protocol; none: the kind can't be played there.
func operationsOf(kind, protocol string) []string {
	lines := protocol == "iso8583"
	switch {
	case lines && (kind == "http_5xx" || kind == "not_found_for_a_while"):
		return nil // no HTTP, and no query
	case kind == "contradiction" && lines:
		return []string{"verify", "apply", "confirm", "cancel", "unsign"}
	case kind == "contradiction" && protocol == "jws":
		return []string{"apply", "query"}
	case kind == "contradiction":
		return []string{"apply", "confirm", "query"}
	case kind == "not_found_for_a_while":
		return []string{"apply", "confirm", "query", "unsign"}
	}
	return Operations()
}

// Unplayable says why a kind of fault can strike this operation in none of these protocols; empty where it can in one.
func Unplayable(kind, operation string, protocols []string) string {
	can := func(operation string) func(string) bool {
		return func(p string) bool { return Playable(kind, p, operation) }
	}
	switch {
	case operation != "" && !slices.Contains(Operations(), operation):
		return "" // that is another fault
	case len(protocols) == 0 || slices.ContainsFunc(protocols, can(operation)):
		return ""
	case !slices.ContainsFunc(protocols, can("")):
		known := slices.DeleteFunc([]string{"epcc", "iso8583", "jws"}, func(p string) bool { return !can("")(p) })
		return fmt.Sprintf("%s can't be played over %s, only over %s", kind, strings.Join(protocols, " and "), strings.Join(known, " and "))
	}
	var strikes []string
	for _, p := range protocols {
		for _, o := range operationsOf(kind, p) {
			if !slices.Contains(strikes, o) {
				strikes = append(strikes, o)
			}
		}
	}
	return fmt.Sprintf("%s strikes only %s", kind, strings.Join(strikes, ", "))
}

// DefaultFaultDelay is Fault.Delay where none is given.
const DefaultFaultDelay = 15 * time.Second

// DefaultFaultFor is Fault.For where none is given.
const DefaultFaultFor = 3 * time.Second

// Delayed reports whether a kind of fault has a delay.
func Delayed(kind string) bool { return kind == "late_reply" || kind == "slow_drip" }
