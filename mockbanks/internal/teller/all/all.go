// Package all is the one list of tellers: a protocol that the farm speaks
// stands in it.
package all

import (
	"fmt"

	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/mockbanks/internal/teller/epcc"
	"kaqiao/mockbanks/internal/teller/iso8583"
	"kaqiao/mockbanks/internal/teller/jws"
	wireepcc "kaqiao/profiles/wire/epcc"
	wireiso8583 "kaqiao/profiles/wire/iso8583"
	wirejws "kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// Protocol is what the farm must know of a protocol beside its teller.
type Protocol struct {
	Name string
	// ContentType is what its messages are over HTTP.
	ContentType string
	// Routes are the ways into a channel over HTTP that has several; nil: one, the path of its address.
	Routes []listen.Route
	// Framing is how they are set off on a long line; nil where the protocol has none.
	Framing *listen.Framing
	// New returns the teller of a channel that has ring's keys. It fills in Config's Codec.
	New func(teller.Config, *seal.Ring) (teller.Teller, error)
}

// Protocols returns the list, ordered by name.
func Protocols() []Protocol {
	return []Protocol{
		{Name: "epcc", ContentType: "application/xml;charset=utf-8", New: newEPCC},
		{Name: "iso8583", Framing: &listen.Framing{
			Cutter: func(limit int) listen.Cutter { return wireiso8583.NewFramer(limit) }, Append: wireiso8583.AppendFrame,
		}, New: newISO8583},
		{Name: "jws", ContentType: "application/json", Routes: jws.Routes(), New: newJWS},
	}
}

// Named returns one protocol of the list.
func Named(name string) (Protocol, error) {
	for _, p := range Protocols() {
		if p.Name == name {
			return p, nil
		}
	}
	return Protocol{}, fmt.Errorf("protocol %s: the farm does not speak it", name)
}

func newEPCC(cfg teller.Config, ring *seal.Ring) (teller.Teller, error) {
	var opts wireepcc.Options
	switch given := cfg.Channel.Options.(type) {
	case nil:
	case *wireepcc.Options:
		opts = *given
	default:
		return nil, fmt.Errorf("options are a %T, not EPCC's", given)
	}
	codec, err := wireepcc.New(opts, ring)
	if err != nil {
		return nil, err
	}
	cfg.Codec = codec
	return epcc.New(cfg, codec.Options()), nil
}

func newISO8583(cfg teller.Config, ring *seal.Ring) (teller.Teller, error) {
	var opts wireiso8583.Options
	switch given := cfg.Channel.Options.(type) {
	case nil:
	case *wireiso8583.Options:
		opts = *given
	default:
		return nil, fmt.Errorf("options are a %T, not those of iso8583", given)
	}
	codec, err := wireiso8583.New(opts, ring)
	if err != nil {
		return nil, err
	}
	cfg.Codec = codec
	return iso8583.New(cfg, codec), nil
}

func newJWS(cfg teller.Config, ring *seal.Ring) (teller.Teller, error) {
	var opts wirejws.Options
	switch given := cfg.Channel.Options.(type) {
	case nil:
	case *wirejws.Options:
		opts = *given
	default:
		return nil, fmt.Errorf("options are a %T, not those of jws", given)
	}
	codec, err := wirejws.New(opts, ring)
	if err != nil {
		return nil, err
	}
	cfg.Codec = codec
	return jws.New(cfg, codec.Options()), nil
}
