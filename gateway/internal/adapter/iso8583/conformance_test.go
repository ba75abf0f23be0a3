package iso8583_test

import (
	"testing"

	"kaqiao/gateway/internal/adapter/adaptertest"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Subject{Bank: "bob", Gaps: []adaptertest.Gap{
		{Row: adaptertest.Approval, Why: "a code is the only way in which people are asked"},
		{Row: adaptertest.Cancel, Why: "no message gives up a signing: a code lapses by itself"},
		{Row: adaptertest.Query, Why: "there is no query: what is in doubt is undone, or said again"},
		{Row: adaptertest.Approved, Why: "nobody approves"},
		{Kind: "http_5xx", Why: "there is no HTTP"},
		{Kind: "not_found_for_a_while", Why: "there is no query that would not find it"},
		{Row: adaptertest.Ended, Why: "no message tells that the bank has ended an agreement"},
	}})
}
