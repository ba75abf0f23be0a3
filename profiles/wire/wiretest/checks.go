package wiretest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"kaqiao/profiles/wire"
)

// goldensDecode is what catches a codec that reads values into the wrong
// places and writes them wrong in the same way: no round trip can.
func (s *Suite) goldensDecode() error {
	if len(s.Goldens) == 0 {
		return errors.New("there are no golden messages")
	}
	return s.golden(func(g Golden) error {
		m, err := s.decode(g.Frame)
		if err != nil {
			return err
		}
		if lines := differ(g.Values, Values(m)); len(lines) > 0 {
			return fmt.Errorf("%v", lines)
		}
		return nil
	})
}

func (s *Suite) goldensEncode() error {
	compared := 0
	err := s.golden(func(g Golden) error {
		want, ok := s.Comparable(g, g.Frame.Body)
		if !ok {
			return nil
		}
		compared++
		f, err := encode(s.Sender, s.Message(g))
		if err != nil {
			return err
		}
		if got, _ := s.Comparable(g, f.Body); got != want {
			return fmt.Errorf("written as\n%s\nothers wrote\n%s", got, want)
		}
		return nil
	})
	if err == nil && compared == 0 {
		return errors.New("no golden message is in the form that we write")
	}
	return err
}

func (s *Suite) comeBack() error { return s.drawn(examples, s.roundTrip) }

func (s *Suite) roundTrip(m wire.Message) error {
	f, err := encode(s.Sender, m)
	if err != nil {
		return err
	}
	back, err := s.decode(f)
	if err != nil {
		return err
	}
	if back.Type() != m.Type() {
		return fmt.Errorf("a %s comes back as a %s", m.Type(), back.Type())
	}
	return s.same(Values(m), Values(back))
}

// cuts cuts at every byte. Where only white space behind the message is lost, it is still whole.
func (s *Suite) cuts() error {
	return s.golden(func(g Golden) error {
		whole := len(bytes.TrimRight(g.Frame.Body, " \t\r\n"))
		for n := range whole {
			f := g.Frame
			f.Body = bytes.Clone(g.Frame.Body[:n:n])
			if err := s.refused(f, nil, g.Values); err != nil {
				return fmt.Errorf("cut to %d of %d bytes: %w", n, whole, err)
			}
		}
		return nil
	})
}

// flips changes one byte after the other inside the signed part, in the lowest
// bit and in the one that tells capital letters from small ones.
func (s *Suite) flips() error {
	return s.golden(func(g Golden) error {
		from, to := s.Signed(g.Frame.Body)
		if to-from < 16 {
			return errors.New("the signed part is not where Signed says")
		}
		for at := from; at < to; at++ {
			for _, mask := range []byte{0x01, 0x20, 0x80} {
				f := g.Frame
				f.Body = bytes.Clone(g.Frame.Body)
				f.Body[at] ^= mask
				if err := s.refused(f, nil, g.Values); err != nil {
					return fmt.Errorf("byte %d changed by %#x: %w", at, mask, err)
				}
			}
		}
		return nil
	})
}

func (s *Suite) impostors() error {
	if len(s.Impostors) == 0 {
		return errors.New("there are no impostors")
	}
	var faults []error
	for _, imp := range s.Impostors {
		err := s.drawn(5, func(m wire.Message) error {
			f, err := encode(imp.Sender, m)
			if err != nil {
				return err
			}
			return s.refused(f, imp.Want, Values(m))
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", imp.Name, err))
		}
	}
	return errors.Join(faults...)
}

func (s *Suite) tooLarge() error {
	for _, size := range []int{s.MaxBytes + 1, 16 * s.MaxBytes} {
		for _, fill := range []string{" ", "<", "\x00", "{S:"} {
			body := bytes.Repeat([]byte(fill), size/len(fill)+1)
			if err := s.refused(wire.Frame{Body: body}, wire.ErrTooLarge, nil); err != nil {
				return fmt.Errorf("%d bytes of %q: %w", len(body), fill, err)
			}
		}
	}
	return s.golden(func(g Golden) error {
		f := g.Frame
		f.Body = append(bytes.Clone(f.Body), bytes.Repeat([]byte(" "), s.MaxBytes)...)
		return s.refused(f, wire.ErrTooLarge, g.Values)
	})
}

func (s *Suite) hostile() error {
	if len(s.Hostile) == 0 {
		return errors.New("there are no hostile frames")
	}
	var faults []error
	for _, h := range s.Hostile {
		if err := s.refused(h.Frame, h.Want, nil); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", h.Name, err))
		}
	}
	for n := range 64 {
		for _, fill := range []byte{0, ' ', '<', 0xff} {
			if err := s.refused(wire.Frame{Body: bytes.Repeat([]byte{fill}, n)}, nil, nil); err != nil {
				faults = append(faults, fmt.Errorf("%d bytes %#x: %w", n, fill, err))
			}
		}
	}
	return errors.Join(faults...)
}

func (s *Suite) unfit() error {
	if len(s.Unfit) == 0 {
		return errors.New("there are no unfit messages")
	}
	var faults []error
	for _, u := range s.Unfit {
		f, err := encode(s.Sender, u.Message)
		if err == nil {
			err = fmt.Errorf("written in %d bytes", len(f.Body))
		} else {
			err = proper(err, u.Want, Values(u.Message))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", u.Name, err))
		}
	}
	return errors.Join(faults...)
}

// untouched sees that Encode leaves its message as it was, that Decode leaves
// its frame, and that a message doesn't change with the buffer it was read from.
func (s *Suite) untouched() error {
	return s.drawn(10, func(m wire.Message) error {
		before := Values(m)
		f, err := encode(s.Sender, m)
		if err != nil {
			return err
		}
		if lines := differ(before, Values(m)); len(lines) > 0 {
			return fmt.Errorf("the message was changed by Encode: %v", lines)
		}
		body := bytes.Clone(f.Body)
		back, err := s.decode(f)
		if err != nil {
			return err
		}
		if !bytes.Equal(body, f.Body) {
			return errors.New("the frame was changed by Decode")
		}
		read := Values(back)
		kept := maps.Clone(read)
		for path, text := range kept {
			kept[path] = string([]byte(text))
		}
		for i := range f.Body {
			f.Body[i] = 'x'
		}
		if lines := differ(kept, Values(back)); len(lines) > 0 {
			return fmt.Errorf("the message changed with the buffer: %v", lines)
		}
		return nil
	})
}

// outlines: what is kept of a message for people has nothing of what must not be shown.
func (s *Suite) outlines() error {
	shown := func(m wire.Message) error {
		text := wire.Outline(m)
		if !strings.HasPrefix(text, m.Type()) || len(text) > wire.MaxOutline {
			return fmt.Errorf("its outline has %d bytes and begins with %.20q", len(text), text)
		}
		hidden := secrets(m)
		maps.DeleteFunc(hidden, func(_, value string) bool { return strings.Trim(value, value[:1]) == "" }) // blanks and zeros stand anywhere
		if path := quoted(hidden, text); path != "" {
			return fmt.Errorf("its outline shows %s", path)
		}
		return nil
	}
	return errors.Join(s.drawn(examples, shown), s.golden(func(g Golden) error {
		m, err := s.decode(g.Frame)
		if err != nil {
			return nil //nolint:nilerr // that it must be read is another check's
		}
		return shown(m)
	}))
}

// together is for the race detector.
func (s *Suite) together() error {
	var wait sync.WaitGroup
	faults := make([]error, 8)
	for i := range faults {
		wait.Go(func() { faults[i] = s.drawn(10, s.roundTrip) })
	}
	wait.Wait()
	return errors.Join(faults...)
}
