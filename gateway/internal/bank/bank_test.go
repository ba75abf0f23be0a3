package bank_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// trace is every neighbour of a bank at once: it writes down who was called, in order.
type trace struct {
	steps []string

	refuse                  *op.Problem
	request, encode, decode error
	send                    error
	panicAt                 string
	hang                    bool
	result                  op.Result
	journal                 map[string][]error // what Apply answers, in turn
}

func (t *trace) add(format string, args ...any) {
	t.steps = append(t.steps, fmt.Sprintf(format, args...))
}

func (t *trace) boom(at string) {
	if t.panicAt == at {
		panic("6228480000000000018")
	}
}

func (t *trace) Enter(context.Context, string, string, op.Kind) (func(op.Result), *op.Problem) {
	t.add("enter")
	return func(r op.Result) { t.add("leave %v", r.Outcome) }, t.refuse
}

func (t *trace) Apply(ctx context.Context, c journal.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a := c.Attempts[0]
	what := "intend"
	if a.Settled {
		what = "settle"
		t.add("settle %v", a.Outcome)
	} else {
		t.add("intend")
	}
	if errs := t.journal[what]; len(errs) > 0 {
		t.journal[what] = errs[1:]
		return errs[0]
	}
	return nil
}

type message struct{}

func (message) Type() string { return "test" }

func (t *trace) Request(op.Operation) (wire.Message, error) {
	t.boom("request")
	return message{}, t.request
}

func (t *trace) Result(op.Operation, wire.Message) op.Result {
	t.boom("result")
	return t.result
}

func (t *trace) Encode(wire.Message) (wire.Frame, error) {
	t.boom("encode")
	return wire.Frame{Body: []byte("ask")}, t.encode
}

func (t *trace) Decode(f wire.Frame) (wire.Message, error) {
	t.boom("decode")
	return message{}, t.decode
}

func (t *trace) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	t.add("send")
	t.boom("link")
	if t.hang {
		<-ctx.Done()
		return wire.Frame{}, ctx.Err()
	}
	return wire.Frame{Body: []byte("answer")}, t.send
}

var accepted = op.Result{Outcome: op.Accepted, RawCode: "00000000"}

func step() bank.Step {
	return bank.Step{
		Op: op.Operation{
			Kind: op.Confirm, Channel: "hub", Bank: "alpha", Number: "7", At: time.Unix(1_700_000_000, 0),
			Person: op.Person{Card: secret.NewCard("6228480000000000018")}, Code: secret.NewCode("918273"),
		},
		Attempt: journal.Attempt{ID: "att_1", Binding: "bnd_1"},
	}
}

func newBanks(t *trace, now func() time.Time, log *slog.Logger) *bank.Banks {
	return bank.New(t, t, []bank.Channel{{
		ID: "hub", Adapter: t, Codec: t, Link: t, Timeout: func(string, op.Kind) time.Duration { return 8 * time.Second },
	}}, now, log)
}

// The caller has hung up in every row; what is known is written all the same.
func TestDo(t *testing.T) {
	broken := errors.New("broken")
	cases := map[string]struct {
		trace  trace
		want   []string
		reason op.Reason
		fault  op.Fault
	}{
		"accepted":                  {trace{result: accepted}, []string{"enter", "intend", "send", "leave accepted", "settle accepted"}, "", ""},
		"refused":                   {trace{result: op.Result{Outcome: op.Refused, Reason: op.CodeWrong}}, []string{"enter", "intend", "send", "leave refused", "settle refused"}, op.CodeWrong, ""},
		"cannot translate":          {trace{request: broken}, []string{"enter", "intend", "leave not_sent", "settle not_sent"}, op.Internal, ""},
		"cannot encode":             {trace{encode: broken}, []string{"enter", "intend", "leave not_sent", "settle not_sent"}, op.Internal, ""},
		"cannot dial":               {trace{send: fmt.Errorf("dial: %w", link.ErrNotSent)}, []string{"enter", "intend", "send", "leave not_sent", "settle not_sent"}, op.ChannelUnavailable, op.ChannelFault},
		"reset":                     {trace{send: broken}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankTimeout, op.ChannelFault},
		"timed out":                 {trace{hang: true}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankTimeout, op.ChannelFault},
		"bad signature in answer":   {trace{decode: fmt.Errorf("x: %w", wire.ErrSeal)}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankSignatureInvalid, op.ChannelFault},
		"garbage in answer":         {trace{decode: wire.ErrMalformed}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankProtocolError, op.ChannelFault},
		"adapter panics before":     {trace{panicAt: "request"}, []string{"enter", "intend", "leave not_sent", "settle not_sent"}, op.Internal, ""},
		"codec panics before":       {trace{panicAt: "encode"}, []string{"enter", "intend", "leave not_sent", "settle not_sent"}, op.Internal, ""},
		"link panics":               {trace{panicAt: "link"}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankTimeout, op.ChannelFault},
		"codec panics afterwards":   {trace{panicAt: "decode"}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankProtocolError, op.ChannelFault},
		"adapter panics afterwards": {trace{panicAt: "result"}, []string{"enter", "intend", "send", "leave unknown", "settle unknown"}, op.BankProtocolError, op.ChannelFault},
		"journal full at the end": {trace{result: accepted, journal: map[string][]error{"settle": {journal.ErrFull, journal.ErrFull}}},
			[]string{"enter", "intend", "send", "leave accepted", "settle accepted", "settle accepted", "settle accepted"}, "", ""},
		"disk hiccups at the end": {trace{result: accepted, journal: map[string][]error{"settle": {journal.ErrStorage, journal.ErrStorage}}},
			[]string{"enter", "intend", "send", "leave accepted", "settle accepted", "settle accepted", "settle accepted"}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged bytes.Buffer
				banks := newBanks(&c.trace, time.Now, slog.New(slog.NewTextHandler(&logged, nil)))
				ctx, hangUp := context.WithCancel(t.Context())
				hangUp()
				got, err := banks.Do(ctx, step())
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(c.trace.steps, c.want) {
					t.Errorf("order\n got %v\nwant %v", c.trace.steps, c.want)
				}
				if got.Reason != c.reason || got.Fault != c.fault {
					t.Errorf("got reason %q fault %q, want %q %q", got.Reason, got.Fault, c.reason, c.fault)
				}
				if (got.Outcome == op.Unknown || got.Outcome == op.NotSent) == (got.Err == nil) {
					t.Errorf("%v with error %v", got.Outcome, got.Err)
				}
				for _, canary := range []string{"6228480000000000018", "918273"} {
					if strings.Contains(logged.String(), canary) || strings.Contains(fmt.Sprint(got.Err), canary) {
						t.Errorf("%s got out: %s, %v", canary, logged.String(), got.Err)
					}
				}
			})
		})
	}
}

// gated is a link that has to be opened, and a codec that says when it was asked.
type gated struct {
	*trace
	err error
}

func (g gated) Open(context.Context) error {
	g.add("open")
	g.boom("open")
	return g.err
}

func (g gated) Encode(m wire.Message) (wire.Frame, error) {
	g.add("encode")
	return g.trace.Encode(m)
}

// What is said while a line opens may change the keys: what was sealed before would be sealed with a key that the bank has left.
func TestNothingIsSealedBeforeItsLinkIsOpen(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		panicAt string
		want    []string
		reason  op.Reason
	}{
		"opened":     {nil, "", []string{"enter", "intend", "open", "encode", "send", "leave accepted", "settle accepted"}, ""},
		"not opened": {fmt.Errorf("no line: %w", link.ErrNotSent), "", []string{"enter", "intend", "open", "leave not_sent", "settle not_sent"}, op.ChannelUnavailable},
		"panics":     {nil, "open", []string{"enter", "intend", "open", "leave not_sent", "settle not_sent"}, op.ChannelUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &trace{result: accepted, panicAt: c.panicAt}
			g := gated{tr, c.err}
			banks := bank.New(tr, tr, []bank.Channel{{
				ID: "hub", Adapter: tr, Codec: g, Link: g, Timeout: func(string, op.Kind) time.Duration { return time.Second },
			}}, time.Now, slog.New(slog.DiscardHandler))
			got, err := banks.Do(t.Context(), step())
			if err != nil || got.Reason != c.reason || !reflect.DeepEqual(tr.steps, c.want) {
				t.Errorf("%v with reason %q, %v", tr.steps, got.Reason, err)
			}
		})
	}
}

func TestDoRefusedAtTheGateWritesNothing(t *testing.T) {
	tr := trace{refuse: &op.Problem{Reason: op.BankRateLimited, RetryAfterS: 1}}
	got, err := newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), step())
	var p *op.Problem
	if !errors.As(err, &p) || p.Reason != op.BankRateLimited || got.Outcome != op.NotSent {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := []string{"enter"}; !reflect.DeepEqual(tr.steps, want) {
		t.Errorf("got %v, want %v", tr.steps, want)
	}
}

func TestDoWithoutTheChannel(t *testing.T) {
	tr := trace{}
	s := step()
	s.Op.Channel = "elsewhere"
	_, err := newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), s)
	var p *op.Problem
	if !errors.As(err, &p) || p.Reason != op.ChannelUnavailable || len(tr.steps) != 0 {
		t.Errorf("got %v after %v", err, tr.steps)
	}
}

func TestDoWhenTheJournalFails(t *testing.T) {
	tr := trace{result: accepted, journal: map[string][]error{"intend": {journal.ErrLive}}}
	got, err := newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), step())
	if !errors.Is(err, journal.ErrLive) || got.Outcome != op.NotSent {
		t.Errorf("intend: got %v, %v", got.Outcome, err)
	}
	if want := []string{"enter", "intend", "leave not_sent"}; !reflect.DeepEqual(tr.steps, want) {
		t.Errorf("intend: got %v, want %v: what is not written is not sent", tr.steps, want)
	}
	tr = trace{result: accepted, journal: map[string][]error{"settle": {journal.ErrConflict}}}
	got, err = newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), step())
	if !errors.Is(err, journal.ErrConflict) || got.Outcome != op.Accepted {
		t.Errorf("settle: got %v, %v: the bank's word must come back with the error", got.Outcome, err)
	}
}

// A disk that fails stops everything before a byte leaves, blames no bank, and
// where it fails afterwards the bank's word comes back with the error: soon, whatever the disk does.
func TestDoWhenTheDiskFails(t *testing.T) {
	damaged := fmt.Errorf("%w: %w", journal.ErrStorage, journal.ErrDamaged)
	for name, c := range map[string]struct {
		journal map[string][]error
		want    []string
		outcome op.Outcome
		within  time.Duration
	}{
		"intend": {map[string][]error{"intend": {journal.ErrStorage}}, []string{"enter", "intend", "leave not_sent"}, op.NotSent, 0},
		"settle": {map[string][]error{"settle": slices.Repeat([]error{journal.ErrStorage}, 100)},
			append([]string{"enter", "intend", "send", "leave accepted"}, slices.Repeat([]string{"settle accepted"}, 5)...), op.Accepted, time.Second},
		"settle, damaged": {map[string][]error{"settle": {damaged}}, []string{"enter", "intend", "send", "leave accepted", "settle accepted"}, op.Accepted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, begun := trace{result: accepted, journal: c.journal}, time.Now()
				got, err := newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), step())
				if !errors.Is(err, journal.ErrStorage) || got.Outcome != c.outcome || !reflect.DeepEqual(tr.steps, c.want) || time.Since(begun) > c.within {
					t.Errorf("got %v, %v after %v and %v, want %v", got.Outcome, err, tr.steps, time.Since(begun), c.want)
				}
			})
		})
	}
}

func TestAttemptIsWholeInTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := trace{hang: true}
		var intended, settled journal.Attempt
		s := step()
		s.Op.At = time.Now()
		s.Intend = func(a journal.Attempt) journal.Change {
			intended = a
			return journal.Change{Attempts: []journal.Attempt{a}}
		}
		s.Settle = func(a journal.Attempt, r op.Result) journal.Change {
			settled = a
			return journal.Change{Attempts: []journal.Attempt{a}}
		}
		started := time.Now()
		if _, err := newBanks(&tr, time.Now, slog.New(slog.DiscardHandler)).Do(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if intended.Settled || !intended.IntendedAt.Equal(started) || intended.Number != "7" || intended.Kind != op.Confirm || intended.Bank != "alpha" || intended.Channel != "hub" {
			t.Errorf("intended: %+v", intended)
		}
		// Nobody may take the attempt for abandoned while it is still waited for.
		if !intended.Deadline.After(started.Add(8 * time.Second)) {
			t.Errorf("deadline %v after the start", intended.Deadline.Sub(started))
		}
		if !settled.Settled || settled.Outcome != op.Unknown || settled.Exchange != 8*time.Second || !settled.SettledAt.Equal(started.Add(8*time.Second)) {
			t.Errorf("settled: %+v", settled)
		}
	})
}

func TestUnmappedCodesAreCounted(t *testing.T) {
	tr := trace{result: op.Result{Outcome: op.Unknown, RawCode: "PB511007", Fault: op.MemberFault, Unmapped: true}}
	var logged bytes.Buffer
	banks := newBanks(&tr, time.Now, slog.New(slog.NewTextHandler(&logged, nil)))
	for range 3 {
		if _, err := banks.Do(t.Context(), step()); err != nil {
			t.Fatal(err)
		}
	}
	tr.result = op.Result{Outcome: op.Accepted, Of: &op.Result{RawCode: "PB511009", Unmapped: true}}
	s := step()
	s.Op.Kind, s.Op.Original = op.Query, &op.Original{Kind: op.Apply}
	if _, err := banks.Do(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := map[bank.UnmappedCode]uint64{
		{Channel: "hub", Bank: "alpha", Kind: op.Confirm, Code: "PB511007"}: 3,
		{Channel: "hub", Bank: "alpha", Kind: op.Apply, Code: "PB511009"}:   1,
	}
	if got := banks.Unmapped(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !strings.Contains(logged.String(), "PB511007") || !strings.Contains(logged.String(), "fault=member") {
		t.Errorf("an operator was not told: %s", logged.String())
	}
	for i := range 2000 {
		tr.result = op.Result{RawCode: fmt.Sprint(i), Unmapped: true}
		if _, err := banks.Do(t.Context(), step()); err != nil {
			t.Fatal(err)
		}
	}
	got := banks.Unmapped()
	if other := got[bank.UnmappedCode{Channel: "hub", Bank: "alpha", Kind: op.Confirm}]; len(got) != 1001 || other != 1002 {
		t.Errorf("%d kinds, %d others: memory must stay bounded and nothing uncounted", len(got), other)
	}
}

// ear is an adapter that also listens.
type ear struct {
	*trace
	ok bool
}

func (e ear) Heard(wire.Message, time.Time) (op.Notice, wire.Message, bool) {
	e.boom("heard")
	return op.Notice{Kind: op.Unsign, Agreement: "A1"}, message{}, e.ok
}

func TestHeard(t *testing.T) {
	broken := errors.New("broken")
	cases := map[string]struct {
		trace trace
		ok    bool
		tell  error
		want  error
	}{
		"well":               {trace{}, true, nil, nil},
		"bad seal":           {trace{decode: wire.ErrSeal}, true, nil, wire.ErrSeal},
		"no notice":          {trace{}, false, nil, bank.ErrNotNotice},
		"not written down":   {trace{}, true, broken, broken},
		"cannot acknowledge": {trace{encode: broken}, true, nil, broken},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			banks := bank.New(&c.trace, &c.trace, []bank.Channel{{ID: "hub", Adapter: ear{&c.trace, c.ok}, Codec: &c.trace}}, time.Now, slog.New(slog.DiscardHandler))
			var told []op.Notice
			ack, err := banks.Heard(t.Context(), "hub", wire.Frame{}, func(_ context.Context, n op.Notice) error {
				told = append(told, n)
				return c.tell
			})
			if !errors.Is(err, c.want) || (err == nil) != (string(ack.Body) == "ask") {
				t.Fatalf("got %q, %v, want error %v", ack.Body, err, c.want)
			}
			if err == nil && (len(told) != 1 || told[0] != op.Notice{Kind: op.Unsign, Channel: "hub", Agreement: "A1", Heard: "test"}) {
				t.Errorf("told %+v", told)
			}
		})
	}
	for _, at := range []string{"decode", "heard", "encode"} {
		tr := &trace{panicAt: at}
		banks := bank.New(tr, tr, []bank.Channel{{ID: "hub", Adapter: ear{tr, true}, Codec: tr}}, time.Now, slog.New(slog.DiscardHandler))
		ack, err := banks.Heard(t.Context(), "hub", wire.Frame{}, func(context.Context, op.Notice) error { return nil })
		if err == nil || len(ack.Body) > 0 || strings.Contains(err.Error(), "622848") {
			t.Errorf("panic in %s: got %q, %v", at, ack.Body, err)
		}
	}
	tr := &trace{}
	if _, err := newBanks(tr, time.Now, slog.New(slog.DiscardHandler)).Heard(t.Context(), "hub", wire.Frame{}, nil); !errors.Is(err, bank.ErrNotNotice) {
		t.Errorf("a channel that does not listen: %v", err)
	}
}

// verifier is an adapter that can say a verification and nothing else.
type verifier struct{ *trace }

func (verifier) Does(kind op.Kind) bool { return kind == op.Verify }

func TestDoes(t *testing.T) {
	quiet := &trace{}
	banks := bank.New(quiet, quiet, []bank.Channel{{ID: "plain", Adapter: quiet}, {ID: "able", Adapter: verifier{quiet}}}, time.Now, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		channel string
		kind    op.Kind
		want    bool
	}{
		{"plain", op.Apply, true}, {"plain", op.Verify, false}, {"able", op.Verify, true}, {"able", op.Apply, false}, {"nowhere", op.Apply, false},
	} {
		if got := banks.Does(c.channel, c.kind); got != c.want {
			t.Errorf("%s, %s: %v", c.channel, c.kind, got)
		}
	}
}
