package teller

import (
	"errors"

	"kaqiao/profiles/wire"
)

// Spoiler is a teller that makes its answers wrong where a fault wants that.
type Spoiler interface {
	// Missealed returns an answer as it is but for its seal, which has the form
	// that it must have and belongs to another text.
	Missealed(wire.Frame) (wire.Frame, error)
	// Miscoded returns an answer under a right seal with text in another charset than the one that belongs there.
	Miscoded(Answer) (wire.Frame, error)
}

// ErrUnspoilt says that a frame has nothing in it that could be made wrong in the way that was wanted.
var ErrUnspoilt = errors.New("nothing in the answer to spoil")
