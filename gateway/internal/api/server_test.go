package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/profiles/secret"
)

func TestOurOwnTrouble(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"journal full": {journal.ErrFull, 503, "overloaded"},
		"broken":       {errors.New("disk /var/secret-place is gone"), 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t)
			r.flow.err = tc.err
			g := r.do("GET", "/v1/bindings/"+bindingID, "")
			if p := g.problem(t); g.StatusCode != tc.status || string(p.Code) != tc.code || strings.Contains(g.body, "secret-place") {
				t.Errorf("%d %s", g.StatusCode, g.body)
			}
		})
	}
}

func TestPanicIsAProblem(t *testing.T) {
	r := serve(t)
	r.flow.resolve = func(c []flow.Candidate) (flow.Resolution, secret.Card, error) { panic(c[0].Number.Reveal()) }
	g := r.do("POST", "/v1/cards/resolve", `{"number":"6228480402564890018"}`)
	if p := g.problem(t); g.StatusCode != 500 || p.Code != "internal" || p.Outcome != "unknown" {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	if strings.Contains(g.body+r.log.String(), "6228480402564890018") || !strings.Contains(r.log.String(), "panic while answering") {
		t.Errorf("log %s", r.log)
	}
}

func TestList(t *testing.T) {
	r := serve(t)
	g := r.do("GET", "/v1/bindings?user_id=u_1001&status=active&status=processing&limit=7&cursor="+bindingID, "")
	want := journal.Filter{Caller: "wallet", UserID: "u_1001", States: []string{"active", "processing"}, Before: bindingID, Limit: 7}
	if diff := cmp.Diff(want, r.flow.filter); g.StatusCode != 200 || diff != "" {
		t.Errorf("%d %s\n%s", g.StatusCode, g.body, diff)
	}
	if !strings.Contains(g.body, `"next_cursor":"`+bindingID) {
		t.Error(g.body)
	}
	checkAnswer(t, r, "GET", "/v1/bindings", g)
	r.do("GET", "/v1/bindings", "")
	if r.flow.filter.Limit != 50 {
		t.Errorf("default limit %d", r.flow.filter.Limit)
	}
}

func TestRecogniser(t *testing.T) {
	r := serve(t)
	g := r.do("POST", "/v1/cards/resolve", `{"candidates":[{"number":"622848040256489001","confidence":0.9},{"number":"6228480402564890018","confidence":0.6}]}`)
	if !strings.Contains(g.body, `"candidate":1`) || strings.Contains(g.body, "6228480402564890018") {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	r.flow.resolve = func([]flow.Candidate) (flow.Resolution, secret.Card, error) {
		return flow.Resolution{}, secret.Card{}, nil
	}
	g = r.do("POST", "/v1/cards/resolve", `{"candidates":[{"number":"622848040256489001","confidence":0.2}]}`)
	if g.StatusCode != 200 || g.body != `{"result":"manual_entry_required"}` {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
}

func TestBanksAreAllThere(t *testing.T) {
	r := serve(t)
	g := r.do("GET", "/v1/banks", "")
	var page struct {
		Banks []struct{ ID string } `json:"banks"`
	}
	if err := json.Unmarshal([]byte(g.body), &page); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, b := range page.Banks {
		ids = append(ids, b.ID)
	}
	for _, id := range []string{"icbc", "abc", "boc", "ccb", "bocom", "psbc"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is not among %v", id, ids)
		}
	}
	checkAnswer(t, r, "GET", "/v1/banks", g)
}

func TestOperations(t *testing.T) {
	broken := errors.New("no space")
	var ready error
	r := serve(t, func(c *Config) { c.Ready = func() error { return ready } })
	status := func(path string) int { return r.do("GET", path, "", "Authorization", "").StatusCode }
	if status("/healthz") != 200 || status("/readyz") != 200 {
		t.Error("a fresh gateway is well and ready")
	}
	if g := r.do("GET", "/openapi.yaml", "", "Authorization", ""); !strings.Contains(g.body, "openapi: 3.0.3") {
		t.Error("the document is not served")
	}
	ready = broken
	if status("/healthz") != 200 || status("/readyz") != 503 {
		t.Error("a gateway without a journal is well and not ready")
	}
	ready = nil
	r.server.Stop()
	if status("/readyz") != 503 {
		t.Error("a stopping gateway is not ready")
	}
	if g := r.do("POST", "/v1/bindings", goodRequest); g.StatusCode != 503 || g.problem(t).Code != "shutting_down" || g.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
}

func TestInFlightLimit(t *testing.T) {
	r := serve(t, func(c *Config) { c.InFlight = 1 })
	held, release := make(chan struct{}), make(chan struct{})
	r.flow.resolve = func([]flow.Candidate) (flow.Resolution, secret.Card, error) {
		close(held)
		<-release
		return flow.Resolution{}, secret.Card{}, nil
	}
	first := make(chan got)
	go func() { first <- r.do("POST", "/v1/cards/resolve", `{"number":"6228480402564890018"}`) }()
	<-held
	g := r.do("GET", "/v1/banks", "")
	if p := g.problem(t); g.StatusCode != 503 || p.Code != "overloaded" || p.Outcome != "not_sent" || g.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	if r.do("GET", "/healthz", "").StatusCode != 200 {
		t.Error("health must pass")
	}
	close(release)
	if g := <-first; g.StatusCode != 200 {
		t.Errorf("the first: %d", g.StatusCode)
	}
	if r.do("GET", "/v1/banks", "").StatusCode != 200 || r.server.InFlightNow() != 0 {
		t.Error("the place was not given back")
	}
}

func TestMetered(t *testing.T) {
	r := serve(t)
	r.do("GET", "/v1/bindings/"+bindingID, "")
	r.do("GET", "/6228480402564890018", "")
	want := []string{"GET /v1/bindings/:id OK", "GET  Not Found"}
	if !slices.Equal(r.meter.seen, want) {
		t.Errorf("%q, want %q", r.meter.seen, want)
	}
	if strings.Contains(r.log.String(), "6228480402564890018") {
		t.Error("the log quotes a path")
	}
}
