package app

import (
	"context"
	"crypto/tls"
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
		w, err := a.channel(profile)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		a.ways.put(w)
		a.later("close the connections of "+profile.ID, func() error { return a.ways.of(profile.ID).link.Close() })
		out = append(out, w.channel)
	}
	return out, errors.Join(faults...)
}

func (a *App) channel(profile *profiles.Channel) (*way, error) {
	speak, ok := a.protocols[profile.Protocol]
	if !ok {
		return nil, fmt.Errorf("channel %s: the gateway does not speak %s", profile.ID, profile.Protocol)
	}
	ring, err := profile.Ring(seal.Gateway, a.cfg.Keys)
	if err != nil {
		return nil, err
	}
	speech, err := speak(profile, ring, a.set, a.cfg.Now)
	if err != nil {
		return nil, err
	}
	address := profile.Endpoint.URL
	if url, ok := a.cfg.Endpoints[profile.ID]; ok {
		address = url
	}
	secure, err := profile.ClientTLS(a.cfg.Keys)
	if strings.HasPrefix(address, "http://") {
		secure, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l closer
	if speech.Lines != nil {
		l, err = a.lines(profile, *speech.Lines, address, secure)
	} else {
		l, err = a.overHTTP(profile, speech.Tokens, address, secure)
	}
	if err != nil {
		return nil, err
	}
	made := bank.Channel{ID: profile.ID, Adapter: speech.Adapter, Codec: speech.Codec, Link: l, Timeout: timeouts(a.set, profile)}
	return &way{channel: made, link: l, ring: ring, tls: secure}, nil
}

type closer interface {
	bank.Link
	Close() error
}

func (a *App) overHTTP(profile *profiles.Channel, tokens link.Authorizer, address string, secure *tls.Config) (closer, error) {
	cfg := link.Config{
		URL: address, TLS: secure, MaxConns: profile.Endpoint.MaxConns, MaxAnswerBytes: profile.Endpoint.MaxAnswerBytes,
		ConnectTimeout: profile.Timeouts.Connect.Std(),
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
func (a *App) lines(profile *profiles.Channel, dialogue link.Dialogue, address string, secure *tls.Config) (closer, error) {
	host, ok := strings.CutPrefix(address, "tcp://")
	if !ok {
		return nil, fmt.Errorf("channel %s: its protocol travels over tcp://", profile.ID)
	}
	cfg := link.TCPConfig{
		Address: host, TLS: secure, Dialogue: dialogue, Lines: profile.Endpoint.Lines, ConnectTimeout: profile.Timeouts.Connect.Std(),
		Log: a.log.With("channel", profile.ID),
		Heard: func(f wire.Frame) {
			if _, err := a.banks.Heard(context.Background(), profile.ID, f, a.service.Heard); err != nil {
				a.log.Warn("what came over a line was not taken", "channel", profile.ID, "error", err)
			}
		},
	}
	l, err := link.NewTCP(cfg)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", profile.ID, err)
	}
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
