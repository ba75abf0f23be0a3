package epcc_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"kaqiao/profiles/reference"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// The one real request that is public, of 2017. Nobody has its keys, so its
// seal can't be verified nor its envelope opened; its structure can be read,
// and ours must be the same element for element.
func TestPrintedRequestOf2017(t *testing.T) {
	body := reference.Read(t, reference.Dir(t), "netsunion/epcc.101.001.01_request_sm2_2017.txt")
	if body == nil {
		return
	}
	if err := epcc.ReadGrammar(body); err != nil {
		t.Errorf("its grammar: %v", err)
	}
	signature, err := epcc.Signature(body)
	if err != nil || len(signature) != 71 {
		t.Errorf("its trailer: %d bytes, %v; want 71", len(signature), err)
	}
	// Its signer is unknown to every ring, which is noticed before its seal is looked at.
	if _, err := codec(t, seal.Bank, epcc.Options{}).Decode(wire.Frame{Body: body}); !errors.Is(err, wire.ErrKey) {
		t.Errorf("with keys of ours: %v", err)
	}
	// With its serial under a key of ours it is refused by its seal and by nothing else.
	all := keys(t)
	for i := range all {
		if all[i].Serial == gatewaySigns {
			all[i].Serial = "4000094892"
		}
	}
	c, err := epcc.New(epcc.Options{}, seal.NewRing(seal.Bank, all))
	must(t, err)
	if _, err := c.Decode(wire.Frame{Body: body}); !errors.Is(err, wire.ErrSeal) {
		t.Errorf("with its serial: %v", err)
	}

	frame, err := codec(t, seal.Gateway, epcc.Options{}).Encode(signMessage())
	must(t, err)
	theirs, ours := shape(string(body)), shape(string(frame.Body))
	if theirs != ours {
		t.Errorf("its elements:\n%s\nours:\n%s", theirs, ours)
	}
}

var content = regexp.MustCompile(`>[^<]*<`)

// shape is the elements in their order, without what stands in them.
func shape(body string) string {
	root := body[strings.Index(body, "<root"):strings.Index(body, "{S:")]
	root = strings.NewReplacer("<InstgAcct />", "<InstgAcct></InstgAcct>").Replace(root)
	return strings.TrimSpace(content.ReplaceAllString(root, "><"))
}
