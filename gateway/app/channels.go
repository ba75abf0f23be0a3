package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// connect makes a way to banks of each channel. It reads keys and opens no
// connection yet. The error tells everything that is missing in all channels.
func (a *App) connect() ([]bank.Channel, error) {
	var faults []error
	var out []bank.Channel
	for _, profile := range a.set.Channels {
		c, err := a.channel(profile)
		faults = append(faults, err)
		out = append(out, c)
	}
	return out, errors.Join(faults...)
}

func (a *App) channel(profile *profiles.Channel) (bank.Channel, error) {
	speak, ok := a.protocols[profile.Protocol]
	if !ok {
		return bank.Channel{}, fmt.Errorf("channel %s: the gateway does not speak %s", profile.ID, profile.Protocol)
	}
	ring, err := profile.Ring(seal.Gateway, a.cfg.Keys)
	if err != nil {
		return bank.Channel{}, err
	}
	speech, err := speak(profile, ring, a.set, a.cfg.Now)
	if err != nil {
		return bank.Channel{}, err
	}
	address := profile.Endpoint.URL
	if url, ok := a.cfg.Endpoints[profile.ID]; ok {
		address = url
	}
	var l closer
	if speech.Lines != nil {
		l, err = a.lines(profile, *speech.Lines, address)
	} else {
		l, err = a.overHTTP(profile, speech.Tokens, address)
	}
	if err != nil {
		return bank.Channel{}, err
	}
	a.later("close the connections of "+profile.ID, l.Close)
	return bank.Channel{ID: profile.ID, Adapter: speech.Adapter, Codec: speech.Codec, Link: l, Timeout: timeouts(a.set, profile)}, nil
}

type closer interface {
	bank.Link
	Close() error
}

func (a *App) overHTTP(profile *profiles.Channel, tokens link.Authorizer, address string) (_ closer, err error) {
	cfg := link.Config{
		URL: address, MaxConns: profile.Endpoint.MaxConns, MaxAnswerBytes: profile.Endpoint.MaxAnswerBytes,
		ConnectTimeout: profile.Timeouts.Connect.Std(),
	}
	if !strings.HasPrefix(cfg.URL, "http://") {
		if cfg.TLS, err = profile.ClientTLS(a.cfg.Keys); err != nil {
			return nil, err
		}
	}
	if tokens != nil { // such a protocol signs its refusals as well
		cfg.Authorizer, cfg.AnyStatus, cfg.Now = tokens, true, a.cfg.Now
	}
	l, err := link.NewHTTP(cfg)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", profile.ID, err)
	}
	return l, nil
}

// lines makes a link over long lines. They are connected when the gateway
// runs. What is said on them that nobody waits for is heard as a notice is.
func (a *App) lines(profile *profiles.Channel, dialogue link.Dialogue, address string) (_ closer, err error) {
	host, ok := strings.CutPrefix(address, "tcp://")
	if !ok {
		return nil, fmt.Errorf("channel %s: its protocol travels over tcp://", profile.ID)
	}
	cfg := link.TCPConfig{
		Address: host, Dialogue: dialogue, Lines: profile.Endpoint.Lines, ConnectTimeout: profile.Timeouts.Connect.Std(),
		Log: a.log.With("channel", profile.ID),
		Heard: func(f wire.Frame) {
			if _, err := a.banks.Heard(context.Background(), profile.ID, f, a.service.Heard); err != nil {
				a.log.Warn("what came over a line was not taken", "channel", profile.ID, "error", err)
			}
		},
	}
	if cfg.TLS, err = profile.ClientTLS(a.cfg.Keys); err != nil {
		return nil, err
	}
	l, err := link.NewTCP(cfg)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", profile.ID, err)
	}
	a.starts = append(a.starts, l.Start)
	return l, nil
}

// timeouts says how long an answer is waited for: the bank's own figure, or else the channel's.
func timeouts(set *profiles.Set, channel *profiles.Channel) func(string, op.Kind) time.Duration {
	return func(id string, kind op.Kind) time.Duration {
		if b := set.Bank(id); b != nil {
			if d := timeout(b.Timeouts, kind); d > 0 {
				return d
			}
		}
		return timeout(channel.Timeouts.Answers(), kind)
	}
}

func timeout(t profiles.Timeouts, kind op.Kind) time.Duration {
	switch kind {
	case op.Confirm, op.Cancel, op.Unsign:
		return t.Confirm.Std()
	case op.Query:
		return t.Query.Std()
	}
	return t.Apply.Std()
}

// longest is the longest time that any bank is waited for.
func longest(set *profiles.Set) time.Duration {
	var d time.Duration
	all := func(t profiles.Timeouts) { d = max(d, t.Apply.Std(), t.Confirm.Std(), t.Query.Std()) }
	for _, b := range set.Banks {
		all(b.Timeouts)
	}
	for _, c := range set.Channels {
		all(c.Timeouts.Answers())
	}
	return d
}
