package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

const attemptID = "att_01JB2N5Q0W8R7C5ZK3M4P6T9VX"

// fakePeople have one case, a confirm of yesterday.
type fakePeople struct{ said flow.Decision }

func (f *fakePeople) Undecided(context.Context) ([]flow.Undecided, bool, error) {
	return []flow.Undecided{{
		Attempt: journal.Attempt{ID: attemptID, Kind: op.Confirm, Bank: "abc", Channel: "nucc", Number: "2026112200000001", Asked: 7, AskAt: noon.Add(time.Hour)},
		Binding: journal.Binding{ID: bindingID, Caller: "wallet", CardLast4: "0018"}, State: flow.Processing, Since: noon.Add(-25 * time.Hour), Signs: true,
	}}, false, nil
}

func (f *fakePeople) Case(_ context.Context, attempt string) (flow.Case, error) {
	list, _, err := f.Undecided(context.Background())
	c := flow.Case{Undecided: list[0], History: []journal.Attempt{
		list[0].Attempt, {ID: "att_2", Kind: op.Decide, Of: attempt, Settled: true, Outcome: op.Accepted, RawCode: "accepted by eve: their letter", IntendedAt: noon, SettledAt: noon},
	}, Notices: []journal.Notice{{ID: "N-1", At: noon, Heard: "it is signed"}}}
	c.History[0].Said, c.History[0].Heard = "please sign", "not understood"
	if f.said.Attempt != "" {
		c.Closed = &op.Problem{Reason: op.InvalidState, Detail: "it is decided"}
	}
	return c, err
}

func (f *fakePeople) Decide(_ context.Context, d flow.Decision) (flow.Binding, journal.Attempt, error) {
	f.said = d
	return flow.Binding{Binding: journal.Binding{ID: bindingID}, State: flow.Active}, journal.Attempt{ID: d.Attempt, Outcome: op.Accepted}, nil
}

func TestPeopleSeeAndDecide(t *testing.T) {
	people := &fakePeople{}
	r := serve(t, func(c *Config) { c.People = people })
	g := r.do("GET", "/v1/undecided", "")
	checkAnswer(t, r, "GET", "/v1/undecided", g)
	for _, want := range []string{attemptID, `"state":"processing"`, `"since":"2026-11-22T11:00:00+08:00"`, `"needs_agreement":true`, `"more":false`} {
		if g.StatusCode != http.StatusOK || !strings.Contains(g.body, want) {
			t.Errorf("%d: no %s in %s", g.StatusCode, want, g.body)
		}
	}
	g = r.do("GET", "/v1/undecided/"+attemptID, "")
	checkAnswer(t, r, "GET", "/v1/undecided/{attempt}", g)
	for _, want := range []string{`"decidable":true`, `"outcome":"unknown"`, `"note":"accepted by eve: their letter"`, `"said":"please sign"`, `"heard":"not understood"`, `"heard":"it is signed"`} {
		if g.StatusCode != http.StatusOK || !strings.Contains(g.body, want) {
			t.Errorf("%d: no %s in %s", g.StatusCode, want, g.body)
		}
	}
	path := "/v1/undecided/" + attemptID + "/decide"
	g = r.do("POST", path, `{"decision":"accepted","agreement":"AG1","reason":"their letter"}`)
	checkAnswer(t, r, "POST", "/v1/undecided/{attempt}/decide", g)
	want := flow.Decision{Attempt: attemptID, Decision: flow.DecideAccepted, Agreement: "AG1", Reason: "their letter", By: "wallet"}
	if g.StatusCode != http.StatusOK || people.said != want || !strings.Contains(g.body, `"state":"active"`) {
		t.Errorf("%d %s, and was told %+v", g.StatusCode, g.body, people.said)
	}
	if g = r.do("GET", "/v1/undecided/"+attemptID, ""); !strings.Contains(g.body, `"decidable":false`) || !strings.Contains(g.body, `"why":"it is decided"`) {
		t.Errorf("after it: %s", g.body)
	}
	g = r.do("POST", path, `{"decision":"perhaps","agreement":"","reason":""}`)
	if p := g.problem(t); g.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 3 {
		t.Errorf("%d %s: want three faults", g.StatusCode, g.body)
	}
	if g = r.do("POST", "/v1/undecided/att_1/decide", `{"decision":"refused","reason":"x"}`); g.StatusCode < 400 || g.StatusCode > 499 {
		t.Errorf("no attempt's id: %d", g.StatusCode)
	}
}

func TestOnlyOperatorsDecide(t *testing.T) {
	people := &fakePeople{}
	r := serve(t, func(c *Config) { c.People, c.Operator = people, nil })
	for _, g := range []got{r.do("GET", "/v1/undecided", ""), r.do("GET", "/v1/undecided/"+attemptID, ""), r.do("POST", "/v1/undecided/"+attemptID+"/decide", `{"decision":"refused","reason":"x"}`)} {
		if g.StatusCode != http.StatusForbidden || g.problem(t).Code != "forbidden" {
			t.Errorf("%d %s", g.StatusCode, g.body)
		}
	}
	if people.said.Attempt != "" {
		t.Error("it was decided all the same")
	}
}
