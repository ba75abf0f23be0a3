package bank_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

type letter struct {
	Word string
	Code secret.Code
}

func (*letter) Type() string { return "letter" }

// speaker is an adapter and a codec of letters.
type speaker struct{ *trace }

func (s speaker) Request(op.Operation) (wire.Message, error) {
	return &letter{Word: "please", Code: secret.NewCode("123456")}, s.request
}

func (s speaker) Decode(wire.Frame) (wire.Message, error) {
	return &letter{Word: "thanks"}, s.decode
}

func (s speaker) Heard(wire.Message, time.Time) (op.Notice, wire.Message, bool) {
	return op.Notice{Kind: op.Unsign, Agreement: "A1"}, nil, true
}

// What was said is kept with the outcome, as far as there was anything; nothing of it is a secret.
func TestWhatWasSaidIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		trace       trace
		said, heard string
	}{
		"answered":     {trace{result: accepted}, "letter  Word=please  Code=•••", "letter  Word=thanks"},
		"no answer":    {trace{send: errors.New("reset")}, "letter  Word=please  Code=•••", ""},
		"a bad answer": {trace{decode: wire.ErrSeal}, "letter  Word=please  Code=•••", ""},
		"nothing said": {trace{encode: errors.New("unfit")}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := speaker{&c.trace}
			banks := bank.New(&c.trace, &c.trace, []bank.Channel{{ID: "hub", Adapter: s, Codec: s, Link: &c.trace, Timeout: func(string, op.Kind) time.Duration { return time.Second }}}, time.Now, slog.New(slog.DiscardHandler))
			var kept journal.Attempt
			one := step()
			one.Settle = func(a journal.Attempt, _ op.Result) journal.Change {
				kept = a
				return journal.Change{Attempts: []journal.Attempt{a}}
			}
			if _, err := banks.Do(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			if kept.Said != c.said || kept.Heard != c.heard {
				t.Errorf("said %q, heard %q", kept.Said, kept.Heard)
			}
		})
	}
	tr := &trace{}
	s := speaker{tr}
	banks := bank.New(tr, tr, []bank.Channel{{ID: "hub", Adapter: s, Codec: s}}, time.Now, slog.New(slog.DiscardHandler))
	var told op.Notice
	if _, err := banks.Heard(t.Context(), "hub", wire.Frame{}, func(_ context.Context, n op.Notice) error { told = n; return nil }); err != nil || told.Heard != "letter  Word=thanks" {
		t.Errorf("told %+v, %v", told, err)
	}
}
