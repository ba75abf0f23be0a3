package bank

import (
	"context"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
)

// What carrying an attempt needs of other rooms, declared where it is used.
type (
	// Gate lets an operation through, where need be after a short wait that
	// ends with ctx, or says why not, before anything is written. leave must be
	// called once with what became of it.
	Gate interface {
		Enter(ctx context.Context, channel, bank string, kind op.Kind) (leave func(op.Result), refused *op.Problem)
	}
	// Journal is the part of journal.Store that a bank needs.
	Journal interface {
		Apply(context.Context, journal.Change) error
	}
	// Adapter gives messages their meaning. It is pure.
	Adapter interface {
		Request(op.Operation) (wire.Message, error)
		// Result never fails: an answer that makes no sense is an Unknown result.
		Result(op.Operation, wire.Message) op.Result
	}
	// Link carries one frame to the channel and brings the answer back. Its
	// error wraps link.ErrNotSent exactly when not one byte of the frame left.
	Link interface {
		Exchange(context.Context, wire.Frame) (wire.Frame, error)
	}
)

// Opener is a link that must be open before a message is sealed for it: what is said while it opens may change the
// keys. Open's error says that nothing was sent.
type Opener interface {
	Open(context.Context) error
}

// Powers that some adapters have besides.
type (
	// Numberer writes our numbers in the channel's own form, unique for each serial of a Beijing day.
	Numberer interface {
		Number(at time.Time, serial uint64) (string, error)
	}
	// Requirer says what an operation on a card of this type needs beside the
	// stored data: code, card.cvv, card.expiry.
	Requirer interface {
		Requires(kind op.Kind, cardType string) []string
	}
	// Checker names what of a person cannot be said in the protocol.
	Checker interface {
		Check(op.Person) []op.Field
	}
	// Doer says which kinds of operation can be said in the protocol. Without it: all of a signing, and no verify.
	Doer interface {
		Does(kind op.Kind) bool
	}
	// Signer numbers each step of a signing for itself. Without it a confirm carries the number of its apply.
	Signer interface {
		// Renumbers reports whether an operation of this kind has a number of its own.
		Renumbers(kind op.Kind) bool
	}
	// Finder says how the truth about an operation of this kind is found out. Without it: by query.
	Finder interface {
		Truth(kind op.Kind) op.Truth
	}
	// Listener understands what a bank says unasked, and knows the
	// acknowledgement: nil where the protocol has none, as for an answer that came too late.
	Listener interface {
		Heard(m wire.Message, at time.Time) (op.Notice, wire.Message, bool)
	}
)
