// Package adapter is the one list of protocols that the gateway speaks.
package adapter

import (
	"fmt"
	"time"

	"kaqiao/gateway/internal/adapter/epcc"
	"kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/adapter/jws"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/link"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	grammar "kaqiao/profiles/wire/epcc"
	cups "kaqiao/profiles/wire/iso8583"
	jwsgrammar "kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// Speech is a protocol as it is spoken over one channel: grammar and meaning.
type Speech struct {
	Adapter bank.Adapter
	Codec   wire.Codec
	// Lines is what the protocol brings to long lines. Nil: it travels over HTTP.
	Lines *link.Dialogue
	// Tokens gets the token of each request over HTTP. Nil: requests carry none.
	Tokens link.Authorizer
}

// Protocol makes the speech of one channel. now is the clock of what the
// protocol says beside business.
type Protocol func(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set, now func() time.Time) (Speech, error)

// Protocols returns the list, by the name that a channel's profile gives.
func Protocols() map[string]Protocol {
	return map[string]Protocol{
		"epcc":    newEPCC,
		"iso8583": newISO8583,
		"jws":     newJWS,
	}
}

func newEPCC(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set, _ func() time.Time) (Speech, error) {
	options, ok := channel.Options.(*grammar.Options)
	if !ok {
		return Speech{}, fmt.Errorf("channel %s: its options are not those of epcc", channel.ID)
	}
	codec, err := grammar.New(*options, ring)
	if err != nil {
		return Speech{}, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	return Speech{Adapter: epcc.New(codec.Options(), set), Codec: codec}, nil
}

func newISO8583(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set, now func() time.Time) (Speech, error) {
	options, ok := channel.Options.(*cups.Options)
	if !ok {
		return Speech{}, fmt.Errorf("channel %s: its options are not those of iso8583", channel.ID)
	}
	codec, err := cups.New(*options, ring)
	if err != nil {
		return Speech{}, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	opts := codec.Options()
	meaning := iso8583.New(opts, channel.ID, set)
	peer, err := meaning.Peer()
	if err != nil {
		return Speech{}, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	limit := channel.Endpoint.MaxAnswerBytes
	return Speech{Adapter: meaning, Codec: codec, Lines: &link.Dialogue{
		NewFramer: func() link.Framer { return cups.NewFramer(limit) },
		Append:    cups.AppendFrame, Match: iso8583.Match,
		Session: iso8583.NewSession(codec, peer, now), Idle: opts.EchoPause(), AnswerTimeout: opts.AnswerPause(),
	}}, nil
}

func newJWS(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set, _ func() time.Time) (Speech, error) {
	options, ok := channel.Options.(*jwsgrammar.Options)
	if !ok {
		return Speech{}, fmt.Errorf("channel %s: its options are not those of jws", channel.ID)
	}
	codec, err := jwsgrammar.New(*options, ring)
	if err != nil {
		return Speech{}, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	meaning := jws.New(channel.ID, codec, set)
	return Speech{Adapter: meaning, Codec: codec, Tokens: meaning}, nil
}
