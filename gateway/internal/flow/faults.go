package flow

import (
	"slices"

	"kaqiao/gateway/internal/op"
)

// fault is a field that is not as it must be, and what the request is refused
// for where nothing else is wrong with it.
type fault struct {
	reason op.Reason
	detail string
	field  op.Field
	least  string // the oldest version that will do, where one is too old
}

// faults are all that is wrong with a request, in the order in which a person
// would want to hear it.
type faults []fault

// add keeps what was said of a field first.
func (f *faults) add(reason op.Reason, detail, pointer, message string) {
	f.put(fault{reason: reason, detail: detail, field: op.Field{Pointer: pointer, Message: message}})
}

// tooOld says which version will do.
func (f *faults) tooOld(reason op.Reason, detail, pointer, least string) {
	f.put(fault{reason, detail, op.Field{Pointer: pointer, Message: "must be " + least + " or newer"}, least})
}

func (f *faults) put(one fault) {
	if !slices.ContainsFunc(*f, func(have fault) bool { return have.field.Pointer == one.field.Pointer }) {
		*f = append(*f, one)
	}
}

// misfit adds a field of which nothing more telling can be said.
func (f *faults) misfit(fields ...op.Field) {
	for _, field := range fields {
		f.add(op.Validation, "some fields are not as they must be", field.Pointer, field.Message)
	}
}

func (f *faults) fields() []op.Field {
	var out []op.Field
	for _, one := range *f {
		out = append(out, one.field)
	}
	return out
}

// problem names every field at once. Its reason is the one that all share;
// what is wrong with the phone comes before everything that can be typed better.
func (f *faults) problem() *op.Problem {
	if len(*f) == 0 {
		return nil
	}
	p := &op.Problem{Outcome: op.NotSent, Reason: (*f)[0].reason, Detail: (*f)[0].detail, Least: (*f)[0].least, Fields: f.fields()}
	for _, one := range *f {
		if one.reason != p.Reason && !ofTerminal(p.Reason) {
			p.Reason, p.Detail, p.Least = op.Validation, "some fields are not as they must be", ""
		}
	}
	return p
}

func ofTerminal(r op.Reason) bool {
	return r == op.RestrictedMode || r == op.OSTooOld || r == op.ClientTooOld || r == op.ProtocolVersionUnsupported
}
