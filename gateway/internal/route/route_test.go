package route_test

import (
	"reflect"
	"testing"

	"kaqiao/gateway/internal/route"
	"kaqiao/profiles"
)

var ways = &profiles.Bank{ID: "abc", Routes: []profiles.Route{
	{Channel: "direct", Member: "1"}, {Channel: "nucc", Member: "C2"}, {Channel: "unionpay", Member: "3"},
}}

func TestChoose(t *testing.T) {
	direct, nucc, unionpay := route.Route{Channel: "direct", Member: "1"}, route.Route{Channel: "nucc", Member: "C2"}, route.Route{Channel: "unionpay", Member: "3"}
	for name, c := range map[string]struct {
		connected map[string]bool
		want      route.Choice
	}{
		"the first": {map[string]bool{"direct": true, "nucc": true, "unionpay": true},
			route.Choice{Route: direct, Found: true, Skipped: []route.Skipped{{Route: nucc, Why: route.LessWanted}, {Route: unionpay, Why: route.LessWanted}}}},
		"the first that is there": {map[string]bool{"nucc": true, "unionpay": true},
			route.Choice{Route: nucc, Found: true, Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: unionpay, Why: route.LessWanted}}}},
		"none": {nil,
			route.Choice{Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: nucc, Why: route.NotConnected}, {Route: unionpay, Why: route.NotConnected}}}},
	} {
		got := route.New(func(id string) bool { return c.connected[id] }).Choose(ways)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
