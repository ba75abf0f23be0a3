// Package all is the one list of protocols that profiles may name.
package all

import (
	"kaqiao/profiles/wire/epcc"
)

// Protocol is what a profile's loader must know of a protocol.
type Protocol struct {
	Name string
	// NewOptions returns a pointer to a zero options struct, for the strict decoder.
	NewOptions func() any
}

// Protocols returns the list, ordered by name.
func Protocols() []Protocol {
	return []Protocol{
		{Name: "epcc", NewOptions: func() any { return new(epcc.Options) }},
	}
}
