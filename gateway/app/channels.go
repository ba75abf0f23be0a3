package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/gateway/internal/adapter"
	"kaqiao/gateway/internal/bank"
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
	l, err := speech.Link(profile, adapter.Peer{
		Address: address, TLS: secure, Now: a.cfg.Now, Log: a.log,
		Heard: func(f wire.Frame) { a.overheard(profile.ID, f) },
	})
	if err != nil {
		return nil, err
	}
	made := bank.Channel{ID: profile.ID, Adapter: speech.Adapter, Codec: speech.Codec, Link: l, Timeout: timeouts(a.set, profile)}
	return &way{channel: made, link: l, ring: ring, tls: secure}, nil
}

// overheard takes what was said on a long line that nobody waits for: it is heard as a notice is.
func (a *App) overheard(channel string, f wire.Frame) {
	if _, err := a.banks.Heard(context.Background(), channel, f, a.service.Heard); err != nil {
		a.log.Warn("what came over a line was not taken", "channel", channel, "error", err)
	}
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
