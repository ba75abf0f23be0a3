package iso8583_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// Bodies of any length that the form allows, cut and joined in any way, come out as they went in.
func TestFramerCutsAndJoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want [][]byte
		for range rapid.IntRange(0, 6).Draw(t, "messages") {
			if rapid.Bool().Draw(t, "keep-alive") {
				stream, want = append(stream, iso8583.KeepAlive...), append(want, nil)
				continue
			}
			size := rapid.SampledFrom([]int{66, 67, 100, 999, 1000, 1001, 9999}).Draw(t, "size")
			body := bytes.Repeat([]byte("0"), size)
			var err error
			stream, err = iso8583.AppendFrame(stream, body)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, body)
		}
		f := iso8583.NewFramer(iso8583.MaxBytes)
		got := 0
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "segment")
			segment := bytes.Clone(stream[:n])
			stream = stream[n:]
			f.Feed(segment)
			clear(segment) // what was fed is the feeder's again
			for {
				body, ok, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if got >= len(want) || !bytes.Equal(body, want[got]) {
					t.Fatalf("message %d is another", got)
				}
				got++
			}
		}
		if got != len(want) || f.Pending() != 0 {
			t.Fatalf("%d of %d messages, %d bytes left", got, len(want), f.Pending())
		}
	})
}

func TestFramerRefuses(t *testing.T) {
	for stream, want := range map[string]error{
		"00x6": wire.ErrMalformed, "+066": wire.ErrMalformed, " 066": wire.ErrMalformed, "-001": wire.ErrMalformed,
		"\x00\x42\x00\x00": wire.ErrMalformed, "0065": wire.ErrMalformed, "0001": wire.ErrMalformed, "0301": wire.ErrTooLarge, "9999": wire.ErrTooLarge,
	} {
		f := iso8583.NewFramer(300)
		f.Feed([]byte("0000"))
		if body, ok, err := f.Next(); !ok || err != nil || len(body) != 0 {
			t.Errorf("keep-alive: %v, %v", ok, err)
		}
		f.Feed([]byte(stream[:2]))
		if _, ok, err := f.Next(); ok || err != nil {
			t.Errorf("half a length: %v, %v", ok, err)
		}
		f.Feed([]byte(stream[2:]))
		if _, ok, err := f.Next(); ok || !errors.Is(err, want) {
			t.Errorf("%q: %v, %v", stream, ok, err)
		}
		f.Feed([]byte("0000"))
		if _, ok, err := f.Next(); ok || !errors.Is(err, want) || f.Pending() != 0 {
			t.Errorf("%q: the line goes on after its error: %v, %v", stream, ok, err)
		}
	}
	for _, n := range []int{0, 65, 10_000} {
		if _, err := iso8583.AppendFrame(nil, make([]byte, n)); err == nil {
			t.Errorf("%d bytes are framed", n)
		}
	}
	f := iso8583.NewFramer(0) // no limit of its own: that of the form
	f.Feed([]byte("9999" + strings.Repeat("0", 9998)))
	if _, ok, err := f.Next(); ok || err != nil || f.Pending() != 10_002 {
		t.Errorf("one byte short: %v, %v, %d", ok, err, f.Pending())
	}
	f.Feed([]byte("00000"))
	if body, ok, err := f.Next(); !ok || err != nil || len(body) != 9999 || f.Pending() != 4 {
		t.Errorf("the longest: %d, %v, %v", len(body), ok, err)
	}
}

// FuzzFramer feeds any bytes in two ways of cutting: both must give the same messages and the same end.
func FuzzFramer(f *testing.F) {
	frame, err := iso8583.AppendFrame(nil, bytes.Repeat([]byte("0"), 70))
	must(f, err)
	f.Add(frame, 3)
	f.Add([]byte("00000000"), 1)
	f.Add(append([]byte("0000"), frame...), 5)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = max(1, min(size, len(stream)))
		whole, parts := "", ""
		run := func(out *string, step int) {
			fr := iso8583.NewFramer(iso8583.MaxBytes)
			for rest := stream; len(rest) > 0; {
				n := min(step, len(rest))
				fr.Feed(rest[:n])
				rest = rest[n:]
				for {
					body, ok, err := fr.Next()
					if err != nil {
						*out += fmt.Sprint(err)
						return
					}
					if !ok {
						break
					}
					*out += fmt.Sprintf("%x|", body)
				}
			}
			*out += fmt.Sprint(fr.Pending())
		}
		run(&whole, max(1, len(stream)))
		run(&parts, size)
		if whole != parts {
			t.Fatalf("cut: %s\nwhole: %s", parts, whole)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
