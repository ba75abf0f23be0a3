package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
)

var errBase64 = errors.New("not base64")

// AppendBase64 appends text in the standard alphabet, padded, on one line.
func AppendBase64(to, text []byte) []byte { return base64.StdEncoding.AppendEncode(to, text) }

// DecodeBase64 reads the standard alphabet with padding. Other parties wrap
// lines, so spaces, tabs and line ends are passed over wherever they stand.
// Bits that padding leaves over must be zero: one text has one encoding.
func DecodeBase64(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, " \t") {
		text = bytes.Map(dropBlanks, text)
	}
	out, err := strict.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
	if err != nil {
		return nil, errBase64
	}
	return out, nil
}

// strict passes over line ends by itself.
var strict = base64.StdEncoding.Strict()

func dropBlanks(r rune) rune {
	if r == ' ' || r == '\t' {
		return -1
	}
	return r
}
