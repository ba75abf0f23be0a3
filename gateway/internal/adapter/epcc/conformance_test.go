package epcc_test

import (
	"testing"

	"kaqiao/gateway/internal/adapter/adaptertest"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Subject{Bank: "abc", Gaps: []adaptertest.Gap{
		{Row: adaptertest.Verify, Why: "an identity is checked only with a signing"},
		{Row: adaptertest.Cancel, Why: "no message gives up a signing: a code lapses by itself"},
		{Row: adaptertest.Reverse, Why: "the hub can be asked by our number, so nothing is undone"},
		{Row: adaptertest.Approved, Why: "no message tells what a customer has said in the bank's APP: it is asked for"},
	}})
}
