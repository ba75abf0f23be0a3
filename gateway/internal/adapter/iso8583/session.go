package iso8583

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// ErrSession: the bank has not said yes to the session's words.
var ErrSession = errors.New("the bank refuses the session")

// ask is an exchange over one line.
type ask = func(context.Context, wire.Frame) (wire.Frame, error)

// Session is what is said on the lines of one channel beside business: sign-on,
// MAC keys, signs of life. All lines share it and the codec's keys.
type Session struct {
	codec *iso8583.Codec
	opts  iso8583.Options
	peer  string // number in the header's destination
	now   func() time.Time
	said  atomic.Uint64 // makes trace numbers; the type of a message keeps them apart from business

	asking sync.Mutex                // one key at a time; held while the bank is asked for it
	lost   func() error              // not nil: the line is down over which the last key was handed out; guarded by asking
	keyed  atomic.Pointer[time.Time] // when the last key came
}

// NewSession returns the session of a channel with this peer.
func NewSession(codec *iso8583.Codec, peer string, now func() time.Time) *Session {
	return &Session{codec: codec, opts: codec.Options(), peer: peer, now: now}
}

// Open signs on and has a fresh MAC key made: the bank may have forgotten the
// last one with its restart.
func (s *Session) Open(ctx context.Context, ask ask) error {
	began := s.now()
	if _, err := s.say(ctx, ask, &iso8583.Network{Code: s.opts.SignOnCode}); err != nil {
		return fmt.Errorf("sign-on: %w", err)
	}
	return s.renew(ctx, ask, began)
}

// Tend has a new key made when the present one is old, and asks for a sign of life.
func (s *Session) Tend(ctx context.Context, ask ask, idle bool) error {
	if age := s.opts.RekeyPause(); age > 0 {
		if err := s.renew(ctx, ask, s.now().Add(-age)); err != nil {
			return err
		}
	}
	if !idle {
		return nil
	}
	if _, err := s.say(ctx, ask, &iso8583.Network{Code: s.opts.EchoCode}); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	return nil
}

// onItsWay is how long something that was sealed with a fresh key may be under
// way. Where nothing has come in under it by then, the bank may not have it.
const onItsWay = 2 * time.Minute

// renew asks for a MAC key unless one came after the moment: lines that open
// together need one between them. Two at once would each void the other's; so
// would a second one where nothing has been heard under the first yet, and what
// is on its way under that would be refused. As long as the line is up over
// which it came, the bank has not forgotten it.
// Without a master key the first key serves for ever.
func (s *Session) renew(ctx context.Context, ask ask, after time.Time) error {
	if !s.codec.Keys().Renewable() {
		return nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if last := s.keyed.Load(); last != nil && last.After(after) {
		return nil
	}
	if last := s.keyed.Load(); last != nil && s.now().Sub(*last) < onItsWay && s.lost != nil && s.lost() == nil && !s.codec.Keys().Heard() {
		return nil
	}
	answer, err := s.say(ctx, ask, &iso8583.Network{Application: true, Code: s.opts.KeyResetCode, Security: s.opts.KeyReset()})
	if err != nil {
		return fmt.Errorf("key reset: %w", err)
	}
	if err := s.rotate(answer.NewKey); err != nil {
		return fmt.Errorf("key reset: %w", err)
	}
	s.lost = ctx.Err
	return nil
}

func (s *Session) rotate(wrapped secret.Key) error {
	if err := s.codec.Keys().Rotate(wrapped); err != nil {
		return err
	}
	now := s.now()
	s.keyed.Store(&now)
	return nil
}

// say sends one message and wants a yes to it.
func (s *Session) say(ctx context.Context, ask ask, m *iso8583.Network) (*iso8583.NetworkAnswer, error) {
	m.Header = iso8583.Header{Destination: s.peer, Source: s.opts.Institution}
	m.Trace = iso8583.Trace{
		Transmitted: s.now().In(profiles.Beijing).Format("0102150405"), STAN: fmt.Sprintf("%06d", s.said.Add(1)%1_000_000),
	}
	m.Forwarder, m.Receiver = s.opts.Institution, s.peer
	frame, err := s.codec.Encode(m)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	back, err := ask(ctx, frame)
	if err != nil {
		return nil, err
	}
	heard, err := s.codec.Decode(back)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	answer, ok := heard.(*iso8583.NetworkAnswer)
	if !ok || answer.Application != m.Application || answer.Code != m.Code || answer.Trace != m.Trace || answer.Header.Source != s.peer {
		return nil, fmt.Errorf("%w: the answer is another's", ErrSession)
	}
	if answer.ResponseCode != iso8583.ResponseDone {
		return nil, fmt.Errorf("%w: response code %s", ErrSession, answer.ResponseCode)
	}
	return answer, nil
}

// Reply answers the bank's own network management: a sign of life, sign-on or
// sign-off, and a key of its making, which is in use at once.
func (s *Session) Reply(f wire.Frame) (wire.Frame, bool) {
	heard, err := s.codec.Decode(f)
	if err != nil {
		return wire.Frame{}, false
	}
	m, ok := heard.(*iso8583.Network)
	if !ok || m.Application || m.Header.Source != s.peer {
		return wire.Frame{}, false
	}
	answer := &iso8583.NetworkAnswer{
		Header: iso8583.Header{Destination: m.Header.Source, Source: s.opts.Institution}, Trace: m.Trace,
		Forwarder: m.Forwarder, Code: m.Code, Receiver: m.Receiver, ResponseCode: iso8583.ResponseDone,
	}
	switch m.Code {
	case s.opts.EchoCode, s.opts.SignOnCode, s.opts.SignOffCode:
	case s.opts.KeyResetCode:
		if s.rotate(m.NewKey) != nil {
			answer.ResponseCode = iso8583.ResponseFormat
		}
	default:
		answer.ResponseCode = iso8583.ResponseUnsupported
	}
	frame, err := s.codec.Encode(answer)
	return frame, err == nil
}
