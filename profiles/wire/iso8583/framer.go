package iso8583

import (
	"fmt"
	"strconv"

	"kaqiao/profiles/wire"
)

// MaxBytes is the longest message that four digits of length allow.
const MaxBytes = 9_999

// minBytes is the shortest that can be a message: header, type and bitmap.
const minBytes = headerBytes + 4 + 16

// KeepAlive is what an idle line may send: a length of nothing (memory).
const KeepAlive = "0000"

// AppendFrame appends a message with its four digits of length (memory).
func AppendFrame(dst, body []byte) ([]byte, error) {
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("message of %d bytes: %w", len(body), wire.ErrTooLarge)
	}
	if len(body) < minBytes {
		return nil, fmt.Errorf("message of %d bytes: %w", len(body), wire.ErrMalformed)
	}
	dst = append(dst, KeepAlive[:4-decimals(len(body))]...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(dst, body...), nil
}

func decimals(n int) int { return len(strconv.Itoa(n)) }

// Framer splits the bytes of one line into messages, however they were cut or
// joined on their way. It is for one goroutine. After an error nothing on the
// line can be trusted: where the next message begins is lost, so the line must
// be closed.
type Framer struct {
	limit int
	held  []byte // what has come and was not handed out
	err   error
}

// NewFramer returns a framer that refuses messages longer than limit bytes.
// A limit out of 1 to MaxBytes is MaxBytes.
func NewFramer(limit int) *Framer {
	if limit < 1 || limit > MaxBytes {
		limit = MaxBytes
	}
	return &Framer{limit: limit}
}

// Feed takes the next bytes of the line. They are copied.
func (f *Framer) Feed(segment []byte) {
	if f.err == nil {
		f.held = append(f.held, segment...)
	}
}

// Next hands out the next whole message without its length; a keep-alive is an
// empty one. False means that more bytes are needed. The error wraps
// wire.ErrMalformed or wire.ErrTooLarge and stays.
func (f *Framer) Next() (body []byte, ok bool, err error) {
	if f.err != nil || len(f.held) < 4 {
		return nil, false, f.err
	}
	length, err := f.length()
	if err != nil {
		f.err, f.held = err, nil
		return nil, false, err
	}
	if len(f.held) < 4+length {
		return nil, false, nil
	}
	body = append([]byte{}, f.held[4:4+length]...)
	f.held = f.held[4+length:]
	if len(f.held) == 0 {
		f.held = nil // lets go of what a long burst took
	}
	return body, true, nil
}

// Pending is how many bytes wait for the rest of their message: a line that
// ends with some has lost a message.
func (f *Framer) Pending() int { return len(f.held) }

// length reads the four digits at the front.
func (f *Framer) length() (int, error) {
	head := string(f.held[:4])
	n, err := strconv.Atoi(head)
	switch {
	case err != nil || !isDigits(head):
		return 0, fmt.Errorf("length of a message: not four digits: %w", wire.ErrMalformed)
	case n > f.limit:
		return 0, fmt.Errorf("message of %d bytes, more than %d: %w", n, f.limit, wire.ErrTooLarge)
	case n != 0 && n < minBytes:
		return 0, fmt.Errorf("message of %d bytes, fewer than any has: %w", n, wire.ErrMalformed)
	}
	return n, nil
}
