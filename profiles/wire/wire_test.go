package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"kaqiao/profiles/wire"
)

func TestHeaderComparesWithoutCase(t *testing.T) {
	f := wire.Frame{Headers: []wire.Header{{Name: "Msgtp", Value: "a"}, {Name: "MsgTp", Value: "b"}}}
	if got := f.Header("MSGTP"); got != "a" {
		t.Errorf("%q, want the first", got)
	}
	if got := f.Header("OriIssrId"); got != "" {
		t.Errorf("%q, want nothing", got)
	}
}

func TestFieldErrorIsErrField(t *testing.T) {
	err := fmt.Errorf("decode: %w", &wire.FieldError{Field: "SgnInf/SgnAcctId", Reason: "missing"})
	if !errors.Is(err, wire.ErrField) || errors.Is(err, wire.ErrSeal) || err.Error() != "decode: field SgnInf/SgnAcctId: missing" {
		t.Errorf("%v", err)
	}
}
