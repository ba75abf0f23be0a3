package iso8583

import (
	"fmt"
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
)

// headerBytes is the length of the header, which its first byte tells.
const headerBytes = 46

// accepted is the reject code of a message that nobody has bounced.
const accepted = "00000"

// Reject codes (found).
const (
	RejectHeaderLength = "00015"
	RejectVersion      = "00025"
	RejectTotalLength  = "00035"
	RejectDestination  = "00045"
	RejectSource       = "00055"
)

// Names of the header's places in errors.
const (
	fieldLength      = "header.length"
	fieldVersion     = "header.version"
	fieldTotal       = "header.total"
	fieldDestination = "header.destination"
	fieldSource      = "header.source"
)

// head is the header as it stands on the wire.
type head struct {
	version byte
	Header
	reject string
}

// Places in the header.
const (
	atVersion     = 1
	atTotal       = 2
	atDestination = 6
	atSource      = 17
	atReserved    = 28
	atBatch       = 31
	atInfo        = 32
	atUser        = 40
	atReject      = 41
)

// versionByte is the header's second byte: bit 8 for test, the version below (found).
func (o *Options) versionByte() byte {
	b := byte(o.Version)
	if o.Test {
		b |= 0x80
	}
	return b
}

// appendHeader writes a header for a message of n bytes behind it. Reserved
// places and user info are zero, the batch number is 1 (found in the samples).
func appendHeader(out []byte, version byte, h Header, n int, reject string) ([]byte, error) {
	for _, side := range []struct{ name, number string }{{fieldDestination, h.Destination}, {fieldSource, h.Source}} {
		if side.number == "" || len(side.number) > 11 || !isDigits(side.number) {
			return nil, &wire.FieldError{Field: side.name, Reason: "not 1 to 11 digits"}
		}
	}
	total := headerBytes + n
	if total > MaxBytes {
		return nil, fmt.Errorf("message of %d bytes: %w", total, wire.ErrTooLarge)
	}
	out = append(out, headerBytes, version)
	out = append(out, strings.Repeat("0", 4-decimals(total))...)
	out = strconv.AppendInt(out, int64(total), 10)
	out = append(out, padded(h.Destination, 11)...)
	out = append(out, padded(h.Source, 11)...)
	out = append(out, 0, 0, 0, 1)
	out = append(out, "00000000"...)
	out = append(out, 0)
	return append(out, reject...), nil
}

// readHeader reads the header without judging it by options. What is reserved,
// batch number and user info are passed over: captures differ in them (found).
func readHeader(body []byte) (head, []byte, error) {
	if len(body) > MaxBytes {
		return head{}, nil, fmt.Errorf("message of %d bytes: %w", len(body), wire.ErrTooLarge)
	}
	if len(body) < minBytes {
		return head{}, nil, fmt.Errorf("message of %d bytes: %w", len(body), wire.ErrMalformed)
	}
	if body[0] != headerBytes {
		return head{}, nil, &wire.FieldError{Field: fieldLength, Reason: "not " + strconv.Itoa(headerBytes)}
	}
	h := head{version: body[atVersion], reject: string(body[atReject:headerBytes])}
	total := string(body[atTotal:atDestination])
	if n, err := strconv.Atoi(total); err != nil || !isDigits(total) || n != len(body) {
		return head{}, nil, &wire.FieldError{Field: fieldTotal, Reason: "another than the message has"}
	}
	h.Destination = strings.TrimRight(string(body[atDestination:atSource]), " ")
	h.Source = strings.TrimRight(string(body[atSource:atReserved]), " ")
	for _, side := range []struct{ name, number string }{{fieldDestination, h.Destination}, {fieldSource, h.Source}} {
		if side.number == "" || !isDigits(side.number) {
			return head{}, nil, &wire.FieldError{Field: side.name, Reason: "not 1 to 11 digits"}
		}
	}
	if info := string(body[atInfo:atUser]); !isPrintable(info) || !isDigits(h.reject) {
		return head{}, nil, fmt.Errorf("header: %w", wire.ErrMalformed)
	}
	return h, body[headerBytes:], nil
}

// padded fills a text with blanks on the right.
func padded(s string, n int) string {
	if len(s) >= n {
		return s
	}
	return s + strings.Repeat(" ", n-len(s))
}
