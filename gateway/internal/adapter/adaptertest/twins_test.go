package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
)

// bent is an adapter with all its powers, of which some are bent.
type bent struct {
	bank.Adapter
	asks  func(op.Operation) op.Operation
	says  func(op.Operation, op.Result) op.Result
	reads func(op.Operation, wire.Message) (op.Result, bool) // before the adapter does
	truth func(op.Kind) (op.Truth, bool)
	does  func(op.Kind) bool // nil: what the adapter does
	hears func(op.Notice) (op.Notice, bool)
}

// bend breaks an adapter.
func bend(how func(*bent)) twin {
	return twin{channel: func(c bank.Channel) bank.Channel {
		b := &bent{Adapter: c.Adapter}
		how(b)
		c.Adapter = b
		return c
	}}
}

func (b *bent) Request(o op.Operation) (wire.Message, error) {
	if b.asks != nil {
		o = b.asks(o)
	}
	return b.Adapter.Request(o)
}

func (b *bent) Result(o op.Operation, m wire.Message) op.Result {
	if b.reads != nil {
		if r, ok := b.reads(o, m); ok {
			return r
		}
	}
	r := b.Adapter.Result(o, m)
	if b.says != nil {
		r = b.says(o, r)
	}
	return r
}

func (b *bent) Number(at time.Time, serial uint64) (string, error) {
	if n, ok := b.Adapter.(bank.Numberer); ok {
		return n.Number(at, serial)
	}
	return fmt.Sprintf("%s%016d", at.Format("20060102"), serial), nil
}

func (b *bent) Does(kind op.Kind) bool {
	if b.does != nil && !b.does(kind) {
		return false
	}
	if d, ok := b.Adapter.(bank.Doer); ok {
		return d.Does(kind)
	}
	return kind != op.Verify
}

func (b *bent) Check(p op.Person) []op.Field {
	if c, ok := b.Adapter.(bank.Checker); ok {
		return c.Check(p)
	}
	return nil
}

func (b *bent) Renumbers(kind op.Kind) bool {
	s, ok := b.Adapter.(bank.Signer)
	return ok && s.Renumbers(kind)
}

func (b *bent) Truth(kind op.Kind) op.Truth {
	if b.truth != nil {
		if t, ok := b.truth(kind); ok {
			return t
		}
	}
	if f, ok := b.Adapter.(bank.Finder); ok {
		return f.Truth(kind)
	}
	return op.ByQuery
}

func (b *bent) Heard(m wire.Message, at time.Time) (op.Notice, wire.Message, bool) {
	l, ok := b.Adapter.(bank.Listener)
	if !ok {
		return op.Notice{}, nil, false
	}
	n, ack, ok := l.Heard(m, at)
	if ok && b.hears != nil {
		n, ok = b.hears(n)
	}
	return n, ack, ok
}

// unreadable stands for whatever came.
type unreadable struct{}

func (unreadable) Type() string { return "unreadable" }

// lenient reads everything.
type lenient struct{ wire.Codec }

func (c lenient) Decode(f wire.Frame) (wire.Message, error) {
	m, err := c.Codec.Decode(f)
	if err != nil {
		return unreadable{}, nil //nolint:nilerr // this is what is wrong with it
	}
	return m, nil
}

// takesUnreadableFor takes what can't be read for an outcome.
func takesUnreadableFor(what op.Outcome) twin {
	return twin{channel: func(c bank.Channel) bank.Channel {
		c.Codec = lenient{c.Codec}
		c.Adapter = &bent{Adapter: c.Adapter, reads: func(_ op.Operation, m wire.Message) (op.Result, bool) {
			_, ok := m.(unreadable)
			return op.Result{Outcome: what, Reason: op.BankProtocolError}, ok
		}}
		return c
	}}
}

// opening passes on what a link has to be opened for.
type opening struct{ bank.Link }

func (l opening) Open(ctx context.Context) error { return opened(ctx, l.Link) }

// shut hides that its link has to be opened.
type shut struct{ bank.Link }

// statusless takes an answer with any status for one.
type statusless struct{ opening }

func (l statusless) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	back, err := l.Link.Exchange(ctx, f)
	var status *link.StatusError
	if errors.As(err, &status) {
		return wire.Frame{Status: status.Code}, nil
	}
	return back, err
}

// takesStatusForNo takes an answer with status 5xx for a no, whether the link or the codec reads it.
func takesStatusForNo() twin {
	unread := takesUnreadableFor(op.Refused)
	return twin{channel: func(c bank.Channel) bank.Channel {
		c.Link = statusless{opening{c.Link}}
		c = unread.channel(c)
		c.Adapter = &bent{Adapter: c.Adapter, says: func(_ op.Operation, r op.Result) op.Result {
			if r.Outcome == op.Unknown && strings.HasPrefix(r.RawCode, "50") {
				r.Outcome = op.Refused
			}
			return r
		}}
		return c
	}}
}

// forgetful says of everything that went wrong that it has not left.
type forgetful struct{ opening }

func (l forgetful) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	back, err := l.Link.Exchange(ctx, f)
	if err != nil {
		err = fmt.Errorf("%w: %w", link.ErrNotSent, err)
	}
	return back, err
}

// stubborn sends again by itself.
type stubborn struct{ opening }

func (l stubborn) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	back, err := l.Link.Exchange(ctx, f)
	if err != nil {
		return l.Link.Exchange(ctx, f)
	}
	return back, nil
}

func over(wrap func(bank.Link) bank.Link) twin {
	return twin{channel: func(c bank.Channel) bank.Channel { c.Link = wrap(c.Link); return c }}
}

// leaky writes down what was meant, and not what became of it.
type leaky struct{ bank.Journal }

func (j leaky) Apply(ctx context.Context, c journal.Change) error {
	for _, a := range c.Attempts {
		if a.Settled {
			return nil
		}
	}
	return j.Journal.Apply(ctx, c)
}

// asksOfAnother asks about, or undoes, another number than the one it was given.
func asksOfAnother(b *bent) {
	b.asks = func(o op.Operation) op.Operation {
		if o.Original != nil {
			other := *o.Original
			at := len(other.Number) / 2 // in the serial, whatever the form
			other.Number = other.Number[:at] + string('0'+(other.Number[at]-'0'+1)%5) + other.Number[at+1:]
			o.Original = &other
		}
		return o
	}
	b.reads = func(o op.Operation, m wire.Message) (op.Result, bool) { return b.Adapter.Result(b.asks(o), m), true }
}

// takesAnyones takes any answer for the one that it waits for.
func takesAnyones(b *bent) {
	var mu sync.Mutex
	var asked []op.Operation
	b.reads = func(o op.Operation, m wire.Message) (op.Result, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, o)
		for _, other := range asked {
			if other.Kind == o.Kind {
				if r := b.Adapter.Result(other, m); r.Outcome != op.Unknown {
					return r, true
				}
			}
		}
		return op.Result{}, false
	}
}

// sameNumber unsigns under the number that it first unsigned under.
func sameNumber(b *bent) {
	var mu sync.Mutex
	first := map[string]string{} // by agreement
	b.asks = func(o op.Operation) op.Operation {
		if o.Kind != op.Unsign {
			return o
		}
		mu.Lock()
		defer mu.Unlock()
		if first[o.Agreement] == "" {
			first[o.Agreement] = o.Number
		}
		o.Number = first[o.Agreement]
		return o
	}
	b.reads = func(o op.Operation, m wire.Message) (op.Result, bool) { return b.Adapter.Result(b.asks(o), m), true }
}

func believesNotFound(b *bent) {
	b.says = func(_ op.Operation, r op.Result) op.Result {
		if r.NotFound {
			r.Of = &op.Result{Outcome: op.Refused, Reason: op.BankTimeout}
		}
		return r
	}
}

func acceptsPending(b *bent) {
	accept := func(r op.Result) op.Result {
		if r.Outcome == op.Pending {
			r.Outcome = op.Accepted
		}
		return r
	}
	b.says = func(_ op.Operation, r op.Result) op.Result {
		if r.Of != nil {
			of := accept(*r.Of)
			r.Of = &of
		}
		return accept(r)
	}
}

func forgetsAgreement(b *bent) {
	b.says = func(_ op.Operation, r op.Result) op.Result { r.Agreement = ""; return r }
}

func takesBusyForDone(b *bent) {
	b.says = func(_ op.Operation, r op.Result) op.Result {
		if r.Reason == op.BankBusy || r.Reason == op.BankUnavailable {
			return op.Result{Outcome: op.Accepted, Undone: true}
		}
		return r
	}
}

func takesEndedForNo(b *bent) {
	b.says = func(o op.Operation, r op.Result) op.Result {
		if o.Kind == op.Unsign && strings.HasPrefix(r.RawCode, "PB512002") {
			return op.Result{Outcome: op.Refused, Reason: op.BankRefused, RawCode: r.RawCode}
		}
		return r
	}
}

func declares(kind op.Kind, t op.Truth) func(*bent) {
	return func(b *bent) { b.truth = func(k op.Kind) (op.Truth, bool) { return t, k == kind } }
}

func doesNot(kind op.Kind) func(*bent) {
	return func(b *bent) { b.does = func(k op.Kind) bool { return k != kind } }
}

func deaf(b *bent) { b.hears = func(op.Notice) (op.Notice, bool) { return op.Notice{}, false } }

// mishears takes a bank's yes for a no, and an agreement's number for another.
func mishears(b *bent) {
	b.hears = func(n op.Notice) (op.Notice, bool) {
		if n.Result == nil {
			n.Agreement += "9"
			return n, true
		}
		r := *n.Result
		r.Outcome, r.Reason, n.Result = op.Refused, op.BankRefused, &r
		return n, true
	}
}
