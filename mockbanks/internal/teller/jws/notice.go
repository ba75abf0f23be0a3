package jws

import (
	"fmt"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

// Decided implements teller.Reporter: how a consent stands, unasked. Said again
// it keeps its number and is signed anew, so that it is never stale.
func (t *Teller) Decided(d teller.Decision) (wire.Frame, wire.Message, error) {
	state := stateOf(d.Case)
	return t.notice(d.Member, d.Serial, &jws.Notice{
		Event: jws.EventConsent, EventDateTime: state.StatusUpdateDateTime, Consent: state,
	})
}

// Unsigned implements teller.Notifier: a mandate that the bank has ended itself.
func (t *Teller) Unsigned(e teller.Ended) (wire.Frame, wire.Message, error) {
	return t.notice(e.Member, e.Serial, &jws.Notice{
		Event: jws.EventRevoked, EventDateTime: stamp(e.Agreement.At), MandateID: e.Agreement.Number,
	})
}

func (t *Teller) notice(member string, serial uint64, m *jws.Notice) (wire.Frame, wire.Message, error) {
	m.Bank, m.IssuedAt, m.NoticeID = member, t.now().Unix(), fmt.Sprintf("N%016d", serial)
	frame, err := t.codec.Encode(m)
	if err != nil {
		return wire.Frame{}, nil, fmt.Errorf("encode the notice: %w", err)
	}
	return frame, m, nil
}
