package iso8583

import (
	"fmt"

	"kaqiao/profiles/wire"
)

// Label is what can be read of a message before its seal is checked: enough to
// bring an answer to whoever waits for it, never enough to believe it.
type Label struct {
	MTI    string
	Reject string // 00000, or why the message has been bounced
	Trace  Trace
	// Header and ProcessingCode (F3, empty where there is none) let a receiver say what is wrong with a message that it can't read.
	Header         Header
	ProcessingCode string
}

// Key is what an answer is matched by.
func (l Label) Key() string { return l.Trace.Key() }

// Answers reports whether the message is an answer: by its type, or because it is our own that was bounced.
func (l Label) Answers() bool { return l.MTI[2] == '1' || l.MTI[2] == '3' || l.Bounced() }

// Bounced reports whether the message came back unprocessed.
func (l Label) Bounced() bool { return l.Reject != accepted }

// LabelOf reads a message's label. Both fields of its trace must be there.
func LabelOf(body []byte) (Label, error) {
	h, rest, err := readHeader(body)
	if err != nil {
		return Label{}, err
	}
	r := unpacker{dialect: &cups, rest: rest}
	var f Fields
	mti, err := r.start(&f)
	for n := 2; n <= 11 && err == nil; n++ {
		if f.Has(n) {
			f.values[n], err = r.field(n)
		}
	}
	switch {
	case err != nil:
		return Label{}, fmt.Errorf("label: %w", err)
	case !f.Has(7):
		return Label{}, fmt.Errorf("label: %w", fail(7, "missing"))
	case !f.Has(11):
		return Label{}, fmt.Errorf("label: %w", fail(11, "missing"))
	}
	return Label{MTI: mti, Reject: h.reject, Trace: Trace{Transmitted: f.values[7], STAN: f.values[11]}, Header: h.Header, ProcessingCode: f.values[3]}, nil
}

// TraceOf returns a message's trace; that of a message of another protocol is empty.
func TraceOf(m wire.Message) Trace {
	switch m := m.(type) {
	case *Request:
		return m.Trace
	case *Answer:
		return m.Trace
	case *Reversal:
		return m.Trace
	case *ReversalAnswer:
		return m.Trace
	case *Network:
		return m.Trace
	case *NetworkAnswer:
		return m.Trace
	case *Bounced:
		return m.Trace
	}
	return Trace{}
}
