package adaptertest

import (
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// word is what comes back.
type word int

const (
	sound   word = iota // an answer as it should be
	nothing             // no answer, or none that can be believed: nobody knows
	excuse              // a sound answer: not now. The bank has done nothing, which the answer need not say
	no                  // a sound answer: no
	nobody              // no byte left
	unseen              // as nothing; a question is answered as if there were nothing
	lie                 // as nothing; the first question that could be answered with yes is answered with no
)

// transport is what a protocol travels over.
type transport int

const (
	anywhere transport = iota
	overHTTP
	overLines
)

// fate is a column: what becomes of an exchange, or of a notice.
type fate struct {
	name     string
	kind     string         // of the banks' faults; empty: none
	on       transport      // where it is so
	more     map[string]any // of the fault, beside kind, operation, count and delay
	back     word
	heard    bool // an answer comes when nobody waits any more: over long lines it is heard
	contrary bool // that answer says the opposite of the first
	unasked  bool // it befalls notices, and no calls
	both     bool // it befalls either
	times    int  // how often a notice is heard
	anew     bool // it is the first that a gateway says which has been started again
}

// The columns that are no faults.
const (
	wellName  = "all goes well"
	noName    = "the bank says no"
	aloneName = "nobody listens"
	anewName  = "the gateway has just started"
)

// fates is what to expect of each kind of fault. A kind that is missing here fails every protocol.
func fates() []fate {
	return []fate{
		{name: wellName, both: true, times: 1},
		{name: noName, back: no},
		{name: aloneName, back: nobody},
		{name: anewName, anew: true},

		fault("no_reply_before_commit", nothing),
		fault("no_reply_after_commit", nothing),
		fault("reset_before_commit", nothing),
		fault("reset_after_commit", nothing),
		fault("garbage", nothing),
		fault("half_reply", nothing),
		{name: "late_reply", kind: "late_reply", back: nothing, heard: true},
		fault("slow_drip", nothing),
		fault("busy", excuse),
		fault("bad_signature", nothing),
		fault("wrong_charset", nothing),
		fault("http_5xx", nothing),
		{name: "http_5xx after the commit", kind: "http_5xx", back: nothing, more: map[string]any{"after_commit": true}},
		{name: "not_found_for_a_while", kind: "not_found_for_a_while", back: unseen},
		{name: "contradiction", kind: "contradiction", back: lie, on: overHTTP},
		{name: "contradiction", kind: "contradiction", back: sound, heard: true, contrary: true, on: overLines},
		{name: "duplicate_reply", kind: "duplicate_reply", back: sound, heard: true},
		fault("notice_before_reply", sound),

		{name: "lost_notice", kind: "lost_notice", unasked: true},
		{name: "duplicate_notice", kind: "duplicate_notice", unasked: true, times: 2},
	}
}

func fault(kind string, back word) fate { return fate{name: kind, kind: kind, back: back} }

// waits reports whether an answer is waited for in vain.
func (f fate) waits() bool {
	switch f.kind {
	case "no_reply_before_commit", "no_reply_after_commit", "late_reply", "slow_drip":
		return true
	}
	return f.back == unseen || f.back == lie
}

func (f fate) delay() time.Duration {
	switch {
	case profiles.Delayed(f.kind):
		return tardy
	case f.waits():
		return brief
	}
	return 0
}

// order is what the control port is told of it.
func (f fate) order(operation string) map[string]any {
	out := map[string]any{"kind": f.kind, "operation": operation, "count": 1}
	if d := f.delay(); profiles.Delayed(f.kind) {
		out["delay"] = d.String()
	}
	switch {
	case f.back == unseen && operation == string(op.Query): // once, however long ago it was done
		out["for"] = "1h"
	case f.back == unseen:
		out["for"] = (visibleAfter * 3 / 4).String()
	}
	for k, v := range f.more {
		out[k] = v
	}
	return out
}

// expects says what is wrong with an outcome.
func (f fate) expects(got op.Result, well op.Outcome) *finding {
	switch f.back {
	case unseen:
		if got.Of != nil || got.Outcome != op.Unknown && (got.Outcome != op.Accepted || !got.NotFound) {
			return found(seesNotFound, "the bank does not show yet what it has done, and the outcome is %s, of %+v", got.Outcome, got.Of)
		}
	case lie:
		if got.Outcome != op.Unknown && (got.Outcome != op.Accepted || got.Of == nil || got.Of.Outcome != op.Refused) {
			return found(seesOutcome, "the bank has said no to what it has done, and the outcome is %s, of %+v", got.Outcome, got.Of)
		}
	case nothing:
		if got.Outcome != op.Unknown {
			return found(seesOutcome, "no answer that can be believed came back, and the outcome is %s", got.Outcome)
		}
	case excuse:
		if got.Outcome != op.Unknown && got.Outcome != op.Refused {
			return found(seesOutcome, "the bank was busy, and the outcome is %s", got.Outcome)
		}
	case nobody:
		if got.Outcome != op.NotSent {
			return found(seesOutcome, "nobody listened, and the outcome is %s", got.Outcome)
		}
	case sound:
		if got.Outcome != well {
			return found(seesOutcome, "a sound answer came back, and the outcome is %s, not %s (%s %s, %v)", got.Outcome, well, got.Reason, got.RawCode, got.Err)
		}
	case no:
		if got.Outcome != op.Refused || got.Reason == "" {
			return found(seesOutcome, "the bank said no, and the outcome is %s with the reason %q (%s, %v)", got.Outcome, got.Reason, got.RawCode, got.Err)
		}
	}
	if got.Outcome == op.Unknown && (got.Fault == "" || got.Err == nil && got.RawCode == "") {
		return found(seesOutcome, "the outcome is unknown, and neither is it said whose trouble that is, %q, nor why", got.Fault)
	}
	if got.Outcome == op.NotSent && f.back != nobody {
		return found(seesOutcome, "a byte has left, and the outcome is not_sent")
	}
	return nil
}
