package route_test

import (
	"reflect"
	"testing"

	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/route"
	"kaqiao/profiles"
)

var ways = &profiles.Bank{ID: "abc", Routes: []profiles.Route{
	{Channel: "direct", Member: "1"}, {Channel: "nucc", Member: "C2"}, {Channel: "unionpay", Member: "3"},
}}

// channels are those that are there; nucc alone can't verify.
type channels []string

func (c channels) Connected(id string) bool {
	for _, one := range c {
		if one == id {
			return true
		}
	}
	return false
}

func (channels) Does(id string, kind op.Kind) bool { return id != "nucc" || kind != op.Verify }

func TestChoose(t *testing.T) {
	direct, nucc, unionpay := route.Route{Channel: "direct", Member: "1"}, route.Route{Channel: "nucc", Member: "C2"}, route.Route{Channel: "unionpay", Member: "3"}
	all := channels{"direct", "nucc", "unionpay"}
	for name, c := range map[string]struct {
		kind      op.Kind
		connected channels
		want      route.Choice
	}{
		"the first": {op.Apply, all,
			route.Choice{Route: direct, Found: true, Skipped: []route.Skipped{{Route: nucc, Why: route.LessWanted}, {Route: unionpay, Why: route.LessWanted}}}},
		"the first that is there": {op.Apply, all[1:],
			route.Choice{Route: nucc, Found: true, Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: unionpay, Why: route.LessWanted}}}},
		"none": {op.Apply, nil,
			route.Choice{Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: nucc, Why: route.NotConnected}, {Route: unionpay, Why: route.NotConnected}}}},
		"the first that can": {op.Verify, all[1:],
			route.Choice{Route: unionpay, Found: true, Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: nucc, Why: route.NotSpoken}}}},
		"none that can": {op.Verify, all[1:2],
			route.Choice{Skipped: []route.Skipped{{Route: direct, Why: route.NotConnected}, {Route: nucc, Why: route.NotSpoken}, {Route: unionpay, Why: route.NotConnected}}}},
	} {
		if got := route.New(c.connected).Choose(ways, c.kind); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
