// Package wiretest is the suite that every protocol's codec passes. A protocol
// says what it has (Suite); the suite says what that must withstand. The suite
// is itself on trial: broken codecs must be caught by it (Faults).
package wiretest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/profiles/wire"
)

// Suite is one direction of one protocol with one set of options.
type Suite struct {
	Sender, Receiver wire.Codec

	// Draw makes any message that the sender may send, with zero, blank,
	// longest and non-ASCII values among its fields.
	Draw func(*rapid.T) wire.Message
	// Stamped are the paths of values that Encode puts in itself.
	Stamped []string

	// Goldens are other people's messages in this direction. Message builds
	// the same message from its values, to be encoded; nil where it can't be.
	Goldens []Golden
	Message func(g Golden) wire.Message
	// Comparable returns the part of a body in which our bytes must equal
	// those of a golden message, and false for a golden message that is
	// written in a form which we read but don't write.
	Comparable func(g Golden, body []byte) (string, bool)

	// Signed returns where the signed bytes of a body begin and end.
	Signed func(body []byte) (from, to int)
	// Impostors send well-formed messages with a seal that must be refused.
	Impostors []Impostor
	// Hostile are frames that must be refused.
	Hostile []Hostile
	// Unfit are messages that must not be encoded: they don't fit the grammar.
	Unfit []Unfit
	// MaxBytes is the longest body that may be taken.
	MaxBytes int
}

// Impostor is a sender whose seal is wrong.
type Impostor struct {
	Name   string
	Sender wire.Codec
	Want   error // a sentinel of package wire
}

// Hostile is a frame that no honest party sends.
type Hostile struct {
	Name  string
	Frame wire.Frame
	Want  error // a sentinel of package wire; nil: any
}

// Unfit is a message that the grammar has no room for.
type Unfit struct {
	Name    string
	Message wire.Message
	Want    error // a sentinel of package wire
}

// examples is how many drawn messages a check tries outside rapid.
const examples = 100

type check struct {
	name string
	run  func(*Suite) error
}

func checks() []check {
	return []check{
		{"goldens say what their words say", (*Suite).goldensDecode},
		{"goldens are written as others wrote them", (*Suite).goldensEncode},
		{"drawn messages come back", (*Suite).comeBack},
		{"messages cut anywhere are refused", (*Suite).cuts},
		{"a changed byte breaks the seal", (*Suite).flips},
		{"wrong seals are refused", (*Suite).impostors},
		{"too much is refused", (*Suite).tooLarge},
		{"hostile frames are refused", (*Suite).hostile},
		{"unfit messages are not encoded", (*Suite).unfit},
		{"neither call touches what it was given", (*Suite).untouched},
		{"outlines show no secret", (*Suite).outlines},
		{"many at once", (*Suite).together},
	}
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(&s); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("any message comes back", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			if err := s.roundTrip(s.Draw(t)); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// Faults returns what failed checks found, by the check's name, for the trial
// of the suite itself. With names it runs only those checks.
func Faults(s Suite, names ...string) map[string]error {
	faults := map[string]error{}
	for _, c := range checks() {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		if err := c.run(&s); err != nil {
			faults[c.name] = err
		}
	}
	return faults
}

// sentinels are what every error of a codec wraps one of.
func sentinels() []error {
	return []error{
		wire.ErrTooLarge, wire.ErrMalformed, wire.ErrUnknownType, wire.ErrField,
		wire.ErrSealMissing, wire.ErrSeal, wire.ErrKey, wire.ErrEnvelope,
	}
}

// decode decodes, and turns a panic into an error that wraps no sentinel.
func (s *Suite) decode(f wire.Frame) (m wire.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("panic in Decode: %v", r)
		}
	}()
	return s.Receiver.Decode(f)
}

func encode(c wire.Codec, m wire.Message) (f wire.Frame, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in Encode: %v", r)
		}
	}()
	return c.Encode(m)
}

// refused returns an error unless the frame is refused as it should be: with
// the wanted sentinel, or any, and in words that quote none of the values.
func (s *Suite) refused(f wire.Frame, want error, values map[string]string) error {
	m, err := s.decode(f)
	if err == nil {
		return fmt.Errorf("taken as a %s", m.Type())
	}
	if m != nil {
		return errors.New("refused, but a message was returned too")
	}
	return proper(err, want, values)
}

func proper(err, want error, values map[string]string) error {
	if want != nil && !errors.Is(err, want) {
		return fmt.Errorf("refused with another error than %q: %w", want.Error(), err)
	}
	known := false
	for _, sentinel := range sentinels() {
		known = known || errors.Is(err, sentinel)
	}
	if !known {
		return fmt.Errorf("the error wraps none of the sentinels: %w", err)
	}
	if path := quoted(values, err.Error()); path != "" {
		return fmt.Errorf("the error quotes what stands in %s", path)
	}
	return nil
}

// drawn calls do with example messages, the same in each run.
func (s *Suite) drawn(n int, do func(wire.Message) error) error {
	generator := rapid.Custom(s.Draw)
	for seed := range n {
		m := generator.Example(seed)
		if err := do(m); err != nil {
			return fmt.Errorf("drawn message %d, a %s: %w", seed, m.Type(), err)
		}
	}
	return nil
}

// golden calls do with each golden message.
func (s *Suite) golden(do func(Golden) error) error {
	var faults []error
	for _, g := range s.Goldens {
		if err := do(g); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", g.Name, err))
		}
	}
	return errors.Join(faults...)
}

// same compares two sets of values without those that Encode puts in.
func (s *Suite) same(want, got map[string]string) error {
	for _, path := range s.Stamped {
		delete(want, path)
		delete(got, path)
	}
	if lines := differ(want, got); len(lines) > 0 {
		return errors.New(strings.Join(lines, "; "))
	}
	return nil
}
