package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/internal/api/gen"
)

func TestABankInTroubleSaysWhy(t *testing.T) {
	r := serve(t)
	g := r.do("GET", "/v1/banks/boc", "")
	checkAnswer(t, r, "GET", "/v1/banks/{id}", g)
	var bank gen.Bank
	if err := json.Unmarshal([]byte(g.body), &bank); err != nil {
		t.Fatal(err)
	}
	if bank.Health.State != gen.HealthStateDegraded || len(bank.Health.Operations) != 4 || len(bank.ChannelHealth) != len(bank.Channels) {
		t.Fatalf("%+v", bank.Health)
	}
	until := noon.Add(time.Minute)
	want := gen.OperationHealth{
		Operation: "confirm", State: "open", Since: noon, NextProbeAt: &until, InFlightLimit: 64,
		OpenedBy: &gen.OpenedBy{Rule: "failure_rate", InARow: 9, Counts: gen.OutcomeCounts{Accepted: 11, Unknown: 9, Slow: 1}},
		Latency:  &gen.LatencySeen{P50Ms: 1.5, P99Ms: 2000, Exchanges: 20},
	}
	if diff := cmp.Diff(want, bank.Health.Operations[2]); diff != "" {
		t.Error(diff)
	}
	if h := bank.ChannelHealth[0].Health; bank.ChannelHealth[0].ID != "nucc" || h.State != gen.HealthStateHealthy || h.Operations[0].Operation != "new" {
		t.Errorf("%+v", bank.ChannelHealth)
	}
	if strings.Contains(r.do("GET", "/v1/banks", "").body, "operations") {
		t.Error("the list holds what only one bank's page should")
	}
}

// A bank that is not asked because of its channel says so itself.
func TestABankSaysWhichGateIsShut(t *testing.T) {
	r := serve(t)
	because := func(id string) []gen.HealthReason {
		t.Helper()
		g := r.do("GET", "/v1/banks/"+id, "")
		checkAnswer(t, r, "GET", "/v1/banks/{id}", g)
		var bank gen.Bank
		if err := json.Unmarshal([]byte(g.body), &bank); err != nil {
			t.Fatal(err)
		}
		if (bank.Health.State == gen.HealthStateHealthy) != (len(bank.Health.Because) == 0) {
			t.Errorf("%s is %s because of %v", id, bank.Health.State, bank.Health.Because)
		}
		return bank.Health.Because
	}
	if why := because("icbc"); len(why) != 0 {
		t.Errorf("%+v", why)
	}
	if why := because("boc"); len(why) != 1 || why[0].Gate != gen.HealthReasonGateBank || why[0].ID != "boc" ||
		why[0].Operation == nil || why[0].Operation.Operation != "confirm" || why[0].Operation.OpenedBy.Rule != "failure_rate" {
		t.Errorf("%+v", why)
	}
	r.do("PUT", "/v1/channels/nucc/breaker", `{"state":"open","for_s":60,"reason":"maintenance"}`)
	why := because("boc")
	if len(why) != 2 || why[1].Gate != gen.HealthReasonGateChannel || why[1].ID != "nucc" || why[1].Forced == nil || why[1].Forced.Reason != "maintenance" {
		t.Errorf("%+v", why)
	}
	if strings.Contains(r.do("GET", "/v1/banks", "").body, "because") {
		t.Error("the list holds what only one bank's page should")
	}
}

func TestForce(t *testing.T) {
	r := serve(t)
	put := func(path, body string, status int, state gen.HealthState) gen.BankHealth {
		t.Helper()
		g := r.do("PUT", path, body)
		var h gen.BankHealth
		if err := json.Unmarshal([]byte(g.body), &h); err != nil || g.StatusCode != status || status == 200 && h.State != state {
			t.Errorf("%s %s: %d %s", path, body, g.StatusCode, g.body)
		}
		checkAnswer(t, r, "PUT", strings.Replace(strings.Replace(path, "abc", "{id}", 1), "nucc", "{id}", 1), g)
		return h
	}
	h := put("/v1/banks/abc/breaker", `{"state":"open","for_s":60,"reason":"maintenance"}`, 200, gen.HealthStateForcedOpen)
	want := gen.ForcedState{State: "open", Since: noon, Until: noon.Add(time.Minute), Reason: "maintenance", By: "wallet"}
	if h.Forced == nil || !cmp.Equal(*h.Forced, want) {
		t.Errorf("%+v", h.Forced)
	}
	if g := r.do("GET", "/v1/banks/abc", ""); !strings.Contains(g.body, `"reason":"maintenance"`) {
		t.Error("what is forced does not show")
	}
	h = put("/v1/channels/nucc/breaker", `{"state":"closed","reason":"tested by hand"}`, 200, gen.HealthStateHealthy)
	if h.Forced == nil || !h.Forced.Until.Equal(noon.Add(10*time.Minute)) {
		t.Errorf("%+v", h.Forced)
	}
	if h = put("/v1/channels/nucc/breaker", `{"state":"auto","reason":"over"}`, 200, gen.HealthStateHealthy); h.Forced != nil {
		t.Errorf("%+v", h.Forced)
	}
	for path, body := range map[string]string{
		"/v1/channels/abc/breaker": `{"state":"open","reason":"no such channel"}`, "/v1/banks/nobody/breaker": `{"state":"open","reason":"no such bank"}`,
	} {
		if g := r.do("PUT", path, body); g.StatusCode != 404 {
			t.Errorf("%s: %d", path, g.StatusCode)
		}
	}
	for _, body := range []string{`{}`, `{"state":"open"}`, `{"state":"ajar","reason":"x"}`, `{"state":"open","reason":""}`, `{"state":"open","reason":"x","for_s":86401}`} {
		if g := r.do("PUT", "/v1/banks/abc/breaker", body); g.StatusCode != 422 {
			t.Errorf("%s: %d", body, g.StatusCode)
		}
	}
	ordinary := serve(t, func(c *Config) { c.Operator = nil })
	if g := ordinary.do("PUT", "/v1/banks/abc/breaker", `{"state":"open","reason":"x"}`); g.StatusCode != 403 || g.problem(t).Code != "forbidden" {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
}
