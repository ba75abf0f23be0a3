// Package all is the one list of protocols that profiles may name.
package all

import (
	"regexp"

	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/jws"
)

// Protocol is what a profile's loader must know of a protocol.
type Protocol struct {
	Name string
	// NewOptions returns a pointer to a zero options struct, for the strict decoder.
	NewOptions func() any
	// Check tells what is wrong with such options beside their types, all at once
	// (errors.Join), each as "key: what would be right". Nil where all is well.
	Check func(options any) error
	// Member is the form of a bank's number on such a channel, MemberForm the same in words.
	Member     *regexp.Regexp
	MemberForm string
	// TCP: it speaks over long TCP connections (tcp://), and not over HTTP.
	TCP bool
}

// Protocols returns the list, ordered by name.
func Protocols() []Protocol {
	return []Protocol{
		{
			Name:       "epcc",
			NewOptions: func() any { return new(epcc.Options) },
			Check:      checkEPCC,
			Member:     regexp.MustCompile(`^C[0-9]{13}$`),
			MemberForm: "C and 13 digits",
		},
		{
			Name:       "iso8583",
			NewOptions: func() any { return new(iso8583.Options) },
			Check:      checkISO8583,
			Member:     regexp.MustCompile(`^[0-9]{8,11}$`),
			MemberForm: "8 to 11 digits",
			TCP:        true,
		},
		{
			Name:       "jws",
			NewOptions: func() any { return new(jws.Options) },
			Check:      checkJWS,
			Member:     jws.MemberForm(),
			MemberForm: "a BIC of 8 or 11 characters",
		},
	}
}

func checkISO8583(options any) error {
	_, err := options.(*iso8583.Options).Complete()
	return err
}

func checkEPCC(options any) error {
	_, err := options.(*epcc.Options).Complete()
	return err
}

func checkJWS(options any) error {
	_, err := options.(*jws.Options).Complete()
	return err
}
