package iso8583

import (
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// Match says which exchange a frame belongs to: the kind of message, of which
// an answer's type has the same second digit, and fields 7 and 11. A message of
// ours that was bounced is its own answer.
func Match(f wire.Frame) (match string, asks bool, err error) {
	label, err := iso8583.LabelOf(f.Body)
	if err != nil {
		return "", false, err
	}
	return label.MTI[1:2] + label.Key(), !label.Answers(), nil
}
