package profiles_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/iso8583"
)

// A channel written in its bank's file is a channel of the set like any other.
func TestDirectRoute(t *testing.T) {
	set, err := profiles.Load(withTemplates(t), profiles.LoadOptions{Env: []string{
		"KAQIAO_CHANNELS_MYBANK_ENDPOINT_URL=tcp://10.0.0.1:9999",
		"KAQIAO_CHANNELS_MYBANK_ENDPOINT_TLS_CA=env:BANK_CA", "KAQIAO_CHANNELS_MYBANK_ENDPOINT_TLS_CLIENT_CERT=env:CERT",
		"KAQIAO_CHANNELS_MYBANK_ENDPOINT_TLS_CLIENT_KEY=env:KEY",
		"KAQIAO_CHANNELS_MYBANK_OPTIONS_MAC=x919",
		"KAQIAO_CHANNELS_MYBANK_LIMITS_PER_SECOND=7",
		"KAQIAO_BANKS_MYBANK_LIMITS_PER_SECOND=8",
	}})
	must(t, err)
	bank, c := set.Bank("mybank"), set.Channel("mybank")
	if c == nil || c != (*profiles.Channel)(bank.Routes[1].Direct) || bank.Routes[1].Channel != "mybank" {
		t.Fatalf("channel %+v, routes %+v", c, bank.Routes)
	}
	if c.ID != "mybank" || c.Name != bank.Name || c.Protocol != "iso8583" {
		t.Errorf("%+v", c)
	}
	if e := c.Endpoint; !e.TCP() || e.URL != "tcp://10.0.0.1:9999" || e.Lines != 2 || e.MaxConns != 0 || e.TLS == nil || e.TLS.ServerName != "10.0.0.1" {
		t.Errorf("endpoint %+v", e)
	}
	if o, ok := c.Options.(*iso8583.Options); !ok || o.MAC != "x919" {
		t.Errorf("options %+v", c.Options)
	}
	if c.Limits.PerSecond != 7 || bank.Limits.PerSecond != 8 || c.Limits.InFlight != 64 || c.Timeouts.Connect.Std() != 2*time.Second || len(c.Resolve.After) != 9 || c.Resolve.HumanAfter.Std() != 24*time.Hour {
		t.Errorf("defaults: %+v", c)
	}
	if !slices.Contains(set.Channels, c) || !slices.IsSortedFunc(set.Channels, func(a, b *profiles.Channel) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("the list of channels: %v", set.Channels)
	}
	if set.Channel("nucc").Endpoint.Lines != 0 {
		t.Error("lines on an HTTP channel")
	}
}

func TestDirectRouteRules(t *testing.T) {
	const direct = `    direct:
      protocol: iso8583
`
	const url = "        url: tcp://127.0.0.1:9198"
	try(t, "banks/mybank.yaml", []broken{
		{direct, direct + "      protocl: epcc\n", `routes[1].direct: unknown key "protocl" (did you mean protocol?)`}, //nolint:misspell // it is what is tried
		{direct, direct + "      id: mybank\n", `routes[1].direct: unknown key "id"`},
		{direct, direct + "      name: {zh: x, en: x}\n", `routes[1].direct: unknown key "name"`},
		{"protocol: iso8583", "protocol: iso858", `routes[1].direct.protocol: "iso858" is not one of`},
		{direct, "    channel: nuccx\n" + direct, "routes[1].channel: never used: the channel is written in place"},
		{direct, direct + "      options: {version_: 1}\n", `routes[1].direct.options: unknown key "version_" (did you mean version?)`},
		{direct, direct + "      options: {mac: gcm}\n", "routes[1].direct.options.mac: must be"},
		{direct, direct + "      keys: [{serial: \"1\", owner: bank, use: sign, algorithm: sm2}]\n", "routes[1].direct.keys[0].public: required"},
		{direct, direct + "      limits: {per_second: 0}\n", "routes[1].direct.limits.per_second: 0 is not within"},
		{direct, direct + "      timeouts: {connect: 1ms}\n", "routes[1].direct.timeouts.connect: 1ms is not within"},
		{direct, direct + "      resolve: {not_found_times: 0}\n", "routes[1].direct.resolve.not_found_times: 0 is not within"},
		{direct, direct + "      mock: {max_conns: 0}\n", "routes[1].direct.mock.max_conns: 0 is not within"},
		{url, url + "/path", "routes[1].direct.endpoint.url: want tcp, host and port, without a path"},
		{url, "        url: tcp://127.0.0.1", "routes[1].direct.endpoint.url: want tcp, host and port"},
		{"lines: 2 ", "lines: 0 ", "routes[1].direct.endpoint.lines: 0 is not within 1 to 64"},
		{"lines: 2 ", "lines: 65 ", "routes[1].direct.endpoint.lines: 65 is not within 1 to 64"},
		{"lines: 2 ", "max_conns: 2 ", "routes[1].direct.endpoint.max_conns: never used: the url is tcp"},
		{url, url + "\n        tls: {ca: \"file:a\", client_cert: \"file:b\"}", "routes[1].direct.endpoint.tls.client_key: required"},
		{"  - member: \"09990000\"", "  - member: X1", "routes[1].member: want 8 to 11 digits"},
		{"  - member: \"09990000\" ", "  - {member: \"09990001\", direct: {protocol: iso8583, endpoint: {url: \"tcp://127.0.0.1:9197\"}}}\n  - member: \"09990000\" ",
			"routes[2]: the same as entry 2"},
	})
}

// A direct route is a channel of its bank's id, so no other may have it, and it is no way to another bank.
func TestDirectRouteClashes(t *testing.T) {
	m := withTemplates(t)
	m["channels/mybank.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(m["channels/myhub.yaml"].Data), "id: myhub", "id: mybank", 1))}
	list := faultsOf(t, m)
	if len(list) != 1 || list[0].File != "banks/mybank.yaml" || list[0].Line == 0 ||
		!strings.HasPrefix(list[0].Message, "routes[1].direct: channels/mybank.yaml has the id mybank already") {
		t.Errorf("%v", list)
	}
	m = withTemplates(t)
	m["banks/abc.yaml"].Data = []byte(strings.Replace(string(m["banks/abc.yaml"].Data), "channel: nucc", "channel: mybank", 1))
	list = faultsOf(t, m)
	if len(list) != 1 || !strings.HasPrefix(list[0].Message, `routes[0].channel: no channel "mybank"`) {
		t.Errorf("%v", list)
	}
	for _, env := range []string{"KAQIAO_CHANNELS_MYBANK_NAME_EN=x", "KAQIAO_CHANNELS_ABC_ENDPOINT_URL=x"} {
		if list := faultsOf(t, withTemplates(t), env); len(list) != 1 || !strings.HasPrefix(list[0].String(), "environment "+strings.TrimSuffix(env, "=x")) {
			t.Errorf("%v", list)
		}
	}
	list = faultsOf(t, withTemplates(t), "KAQIAO_CHANNELS_MYBANK_ENDPOINT_LINES=65")
	if want := "environment KAQIAO_CHANNELS_MYBANK_ENDPOINT_LINES: routes[1].direct.endpoint.lines: 65 is not within 1 to 64"; len(list) != 1 || list[0].String() != want {
		t.Errorf("%v, want %s", list, want)
	}
}

// A protocol says itself what it speaks over.
func TestProtocolNeedsItsTransport(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	m["banks/mybank.yaml"].Data = []byte(strings.Replace(text, "protocol: iso8583", "protocol: jws", 1))
	line := strings.Count(text[:strings.Index(text, "url: tcp:")], "\n") + 1
	if list := faultsOf(t, m); !hasFault(list, fmt.Sprintf("banks/mybank.yaml:%d:14: ", line)+"routes[1].direct.endpoint.url: jws speaks over HTTP: https://host:port/path") {
		t.Errorf("%v", list)
	}
	list := faultsOf(t, withTemplates(t), "KAQIAO_CHANNELS_MYHUB_PROTOCOL=iso8583")
	if len(list) == 0 || !strings.Contains(list[0].Message, "endpoint.url: iso8583 speaks over long TCP connections: tcp://host:port") {
		t.Errorf("%v", list)
	}
}

// A bank needs some way.
func TestRoutesRequired(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	from, to := strings.Index(text, "routes:\n"), strings.Index(text, "# How the bank makes sure")
	m["banks/mybank.yaml"].Data = []byte(text[:from] + "routes: []\n" + text[to:])
	if list := faultsOf(t, m); len(list) != 1 || !strings.HasPrefix(list[0].Message, "routes: required: at least one") {
		t.Errorf("%v", list)
	}
}

func TestDirectRouteInSchema(t *testing.T) {
	text, err := profiles.Schema("banks")
	must(t, err)
	var schema map[string]any
	must(t, json.Unmarshal(text, &schema))
	for bad := range strings.SplitSeq("routes: [{direct: {id: x}}]|routes: [{direct: {endpoint: {lines: two}}}]", "|") {
		var value any
		must(t, yaml.Unmarshal([]byte(bad), &value))
		if fits(schema, value, "") == nil {
			t.Errorf("%s fits", bad)
		}
	}
	if !strings.Contains(string(text), "Lines is the number of long tcp connections kept") {
		t.Error("the manual of a direct route's keys is not in the schema")
	}
}
