// Package adapter is the one list of protocols that the gateway speaks.
package adapter

import (
	"fmt"

	"kaqiao/gateway/internal/adapter/epcc"
	"kaqiao/gateway/internal/bank"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	grammar "kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// Protocol makes both halves of speaking over one channel: grammar and meaning.
type Protocol func(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set) (bank.Adapter, wire.Codec, error)

// Protocols returns the list, by the name that a channel's profile gives.
func Protocols() map[string]Protocol {
	return map[string]Protocol{
		"epcc": newEPCC,
	}
}

func newEPCC(channel *profiles.Channel, ring *seal.Ring, set *profiles.Set) (bank.Adapter, wire.Codec, error) {
	options, ok := channel.Options.(*grammar.Options)
	if !ok {
		return nil, nil, fmt.Errorf("channel %s: its options are not those of epcc", channel.ID)
	}
	codec, err := grammar.New(*options, ring)
	if err != nil {
		return nil, nil, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	return epcc.New(codec.Options(), set), codec, nil
}
