// Package link carries frames to a channel and brings the answers back. It
// alone can say whether a byte of a request has left this process.
package link

import (
	"errors"
	"fmt"
)

// What an exchange can run into. Without ErrNotSent, nothing is known of what
// the other side did.
var (
	// ErrNotSent: not one byte of the frame left. The request may be sent again, here or elsewhere.
	ErrNotSent = errors.New("not sent")
	// ErrTooLarge: the answer is longer than the channel allows.
	ErrTooLarge = errors.New("answer is larger than allowed")
	// ErrMalformed: what came back is not this transport's form.
	ErrMalformed = errors.New("answer is malformed")
)

// errBroken stands for errors of connections that carry no request.
var errBroken = errors.New("connection broke")

// StatusError is an answer with a status other than 200.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return fmt.Sprintf("answer has status %d", e.Code) }
