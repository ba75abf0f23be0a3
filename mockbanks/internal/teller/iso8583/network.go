package iso8583

import (
	"errors"
	"fmt"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire/iso8583"
)

// network answers what is said of the line and of keys.
func (l *line) network(m *iso8583.Network) (teller.Answer, error) {
	no := first(
		unless(m.Forwarder == "" || m.Forwarder == l.opts.Institution, iso8583.ResponseMerchant, "field 33 is not the channel's institution"),
		unless(near(m.Trace.Transmitted, l.beijing()), stale, "field 7 is too far from the bank's clock"),
		// The bank alone hands out keys.
		unless(m.NewKey.IsZero(), iso8583.ResponseNotAllowed, "a key from the wrong side"),
		unless(!m.Application || m.Code == l.opts.KeyResetCode, iso8583.ResponseUnsupported, "an 0800 asks for a key and nothing else"),
		unless(m.Code != l.opts.KeyResetCode || m.Application, iso8583.ResponseUnsupported, "a key is asked for by an 0800"),
	)
	if no != nil {
		return l.refuse(m, *no)
	}
	switch m.Code {
	case l.opts.SignOnCode:
		answer, err := l.answer(l.networkReply(m, iso8583.ResponseDone))
		l.sign(err == nil)
		return answer, err
	case l.opts.SignOffCode:
		l.sign(false)
	case l.opts.EchoCode:
	case l.opts.KeyResetCode:
		return l.handOut(m)
	default:
		return l.refuse(m, refusal{iso8583.ResponseUnsupported, "field 70 is not known"})
	}
	return l.answer(l.networkReply(m, iso8583.ResponseDone))
}

// handOut answers with a new MAC key. The one before serves until the sender has taken the new one into use.
func (l *line) handOut(m *iso8583.Network) (teller.Answer, error) {
	if !l.signed.Load() {
		return l.refuse(m, refusal{iso8583.ResponseNotAllowed, "nobody has signed on"})
	}
	key, err := l.codec.Keys().Generate()
	if err != nil {
		l.log.Error("no new key can be made", "channel", l.channel, "error", err)
		return l.refuse(m, refusal{iso8583.ResponseBusy, "no new key can be made"})
	}
	reply := l.networkReply(m, iso8583.ResponseDone)
	reply.Security, reply.NewKey = l.opts.KeyReset(), key
	answer, err := l.answer(reply)
	if err == nil {
		err = l.codec.Keys().Offer(key)
	}
	return answer, err
}

func (t *Teller) networkReply(m *iso8583.Network, code string) *iso8583.NetworkAnswer {
	return &iso8583.NetworkAnswer{
		Header: turned(m.Header), Trace: m.Trace, Application: m.Application,
		Forwarder: m.Forwarder, ResponseCode: code, Code: m.Code, Receiver: m.Receiver,
	}
}

// errNobody says that no line is there to say something over.
var errNobody = errors.New("nobody has signed on")

// Rekey implements teller.Rekeyer: the bank sends a new MAC key by itself, over
// one line for all of the channel's. It is in use with the first message sealed with it.
func (t *Teller) Rekey(member string) error {
	key, err := t.codec.Keys().Generate()
	if err != nil {
		return err
	}
	now := t.beijing()
	m := &iso8583.Network{
		Header:   iso8583.Header{Destination: t.opts.Institution, Source: orElse(t.opts.Hub, member)},
		Trace:    iso8583.Trace{Transmitted: now.Format("0102150405"), STAN: fmt.Sprintf("%06d", t.stan.Add(1)%1_000_000)},
		Security: t.opts.KeyReset(), Code: t.opts.KeyResetCode, NewKey: key,
	}
	frame, err := t.codec.Encode(m)
	if err != nil {
		return fmt.Errorf("encode the key reset: %w", err)
	}
	t.mu.Lock()
	var open []*line
	for l := range t.lines {
		open = append(open, l)
	}
	t.mu.Unlock()
	if len(open) == 0 {
		return errNobody
	}
	if err := t.codec.Keys().Offer(key); err != nil {
		return err
	}
	var wrong []error
	for _, l := range open {
		if err := l.push(frame); err == nil {
			return nil
		} else {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}
