// Package wire is the grammar of the banks' protocols: bytes to typed messages
// and back. It knows no I/O, no clock and no meaning. What a field means
// (money, time, names, outcome) is decided twice, by gateway/internal/adapter
// and by mockbanks/internal/teller, which share nothing but this package.
package wire

import (
	"errors"
	"strings"
)

// Message is one message of one protocol, a pointer to a struct of that protocol's package.
type Message interface {
	// Type is the message's name on the wire, such as epcc.101.001.01.
	Type() string
}

// Header is one header line of a transport that has such lines.
type Header struct{ Name, Value string }

// Frame is what travels. What its transport does not have stays empty.
type Frame struct {
	// Method and Path are a request's where a protocol has more than one of them over HTTP.
	// Empty: POST to the path of the channel's address. Path is relative to that address.
	Method, Path string
	// Status is an answer's where a protocol gives it a meaning. 0: that of a proper answer.
	Status  int
	Headers []Header
	Body    []byte
	// Client tells who sent a request, where its transport knows: the SHA-256 of the client's TLS certificate
	// in base64url without padding (x5t#S256 of RFC 8705). Empty: no certificate was shown.
	Client string
}

// Header returns the first value of the named header, compared without case.
func (f Frame) Header(name string) string {
	for _, h := range f.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Codec turns messages into frames and back, for one side of one channel. It
// does no I/O, keeps no state between calls and is safe for concurrent use.
//
// Decode checks the seal before it believes anything. Its errors wrap one of
// the sentinels below; no error quotes what was in a field.
type Codec interface {
	Encode(Message) (Frame, error)
	Decode(Frame) (Message, error)
}

// Resealer is a codec that seals a frame anew whose body was changed by hand:
// for whoever tries how the other side takes what a codec would never write.
type Resealer interface {
	// Reseal returns the frame with its seal over the body as it now is. The frame must have one.
	Reseal(Frame) (Frame, error)
}

// What can be wrong with a frame. Callers test with errors.Is.
var (
	ErrTooLarge    = errors.New("larger than allowed")
	ErrMalformed   = errors.New("malformed")              // not the grammar at all
	ErrUnknownType = errors.New("unknown message type")   // grammar, but no message of ours
	ErrField       = errors.New("field not as specified") // missing, unknown, twice, too long, wrong alphabet; wrapped in a *FieldError
	ErrSealMissing = errors.New("seal missing")
	ErrSeal        = errors.New("seal does not match")
	ErrKey         = errors.New("no such key")            // a serial that this side does not know, or a revoked one
	ErrEnvelope    = errors.New("envelope does not open") // the digital envelope or a field under it
)

// FieldError says which field is wrong, never what stood in it.
type FieldError struct {
	Field  string // its path, such as SgnInf/SgnAcctId
	Reason string // missing, unknown, twice, longer than 32 bytes…
}

func (e *FieldError) Error() string { return "field " + e.Field + ": " + e.Reason }

// Unwrap makes errors.Is(err, ErrField) true.
func (e *FieldError) Unwrap() error { return ErrField }
