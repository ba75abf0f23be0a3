package guard

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
)

// meaning is what one exchange says of one gate.
type meaning struct {
	counts bool // false: nothing
	event  event
}

func (m meaning) failure() bool { return m.counts && (m.event == notSent || m.event == unknown) }

var nothing = meaning{}

// judge says what a result means to the bank and to the channel. One exchange
// is a failure of one of them at most: a member that is silent must not cost
// its hub's other members anything, nor a hub its members.
func judge(r op.Result, bank *gate, channel *gate, entered, now time.Duration) (toBank, toChannel meaning) {
	if errors.Is(r.Err, context.Canceled) { // our own doing
		return nothing, nothing
	}
	switch {
	case r.Outcome == op.NotSent && r.Fault == op.ChannelFault:
		return nothing, meaning{true, notSent}
	case r.Outcome == op.NotSent && r.Fault == op.MemberFault:
		return meaning{true, notSent}, meaning{true, elsewhere}
	case r.Outcome == op.NotSent: // ours: it could not be written down, or not put into words
		return nothing, nothing
	case r.Outcome == op.Unknown && r.Fault == op.ChannelFault:
		if channel.silence.isOf(bank, entered, now) {
			return nothing, meaning{true, unknown}
		}
		return meaning{true, unknown}, nothing
	case r.Outcome == op.Unknown:
		channel.silence.broken(now)
		return meaning{true, unknown}, meaning{true, elsewhere}
	}
	channel.silence.broken(now)
	said := spoken(r.Outcome)
	return meaning{true, said}, meaning{true, said}
}

func spoken(o op.Outcome) event {
	switch o {
	case op.Refused:
		return refused
	case op.Pending:
		return pending
	}
	return accepted
}

// silence tells a channel that is silent from one whose member is. From inside
// one exchange both look the same: nothing came. So it is the channel's where
// nobody has had a word from it in the latter half of the exchange (in the
// first half it may have died), and more than one member fares like that,
// unless there is one only.
type silence struct {
	members atomic.Int32 // banks with a route over the channel
	word    atomic.Int64 // when it last carried a proper answer
	first   atomic.Pointer[silent]
}

type silent struct {
	bank   *gate
	at     time.Duration
	others atomic.Bool
}

func (s *silence) broken(now time.Duration) { s.word.Store(int64(now)) }

// isOf reports whether the channel itself is to blame for an exchange that brought nothing.
func (s *silence) isOf(bank *gate, entered, now time.Duration) bool {
	word := time.Duration(s.word.Load())
	if word > entered+(now-entered)/2 {
		return false
	}
	if s.members.Load() <= 1 {
		return true
	}
	first := s.first.Load()
	if first == nil || first.at <= word {
		s.first.CompareAndSwap(first, &silent{bank: bank, at: now})
		return false
	}
	if first.bank != bank {
		first.others.Store(true)
	}
	return first.others.Load()
}
