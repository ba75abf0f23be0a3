package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
)

const eventID = "evt_01JB2N5Q0W8R7C5ZK3M4P6T9VX"

// fakeEvents holds one event and remembers what it was asked.
type fakeEvents struct {
	body  []byte
	asked journal.EventFilter
	ids   []string
}

func (f *fakeEvents) Events(_ context.Context, filter journal.EventFilter) ([]journal.Event, error) {
	f.asked = filter
	return []journal.Event{{ID: eventID, Caller: filter.Caller, Subject: bindingID, Type: "binding.active", At: noon,
		Body: f.body, State: journal.EventWaiting, Tries: 2, NextAt: noon.Add(time.Minute), Note: "answered 500"}}, nil
}

func (f *fakeEvents) Replay(_ context.Context, filter journal.EventFilter) (int, string, error) {
	f.asked = filter
	return 1000, eventID, nil
}

func (f *fakeEvents) ReplayOne(_ context.Context, caller, id string) error {
	f.ids = append(f.ids, caller+" "+id)
	if !strings.HasSuffix(id, "X") {
		return journal.ErrNotFound
	}
	return nil
}

// What is posted is what GET shows, and as the contract says.
func TestAnEventIsTheBinding(t *testing.T) {
	r := serve(t)
	r.flow.state = flow.Active
	g := r.do("GET", "/v1/bindings/"+bindingID, "")
	b, err := r.flow.Get(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	body := r.server.Event("binding.active", noon, b)
	var got struct {
		Type      string
		Timestamp time.Time
		Data      json.RawMessage
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Type != "binding.active" || !got.Timestamp.Equal(noon) {
		t.Errorf("%s, %v", body, err)
	}
	if string(got.Data) != strings.TrimSpace(g.body) {
		t.Errorf("told %s\nshown %s", got.Data, g.body)
	}
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	_ = json.Unmarshal(body, &v)
	if err := doc.Components.Schemas["Event"].Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	events := &fakeEvents{}
	operator := false
	r := serve(t, func(c *Config) { c.Events, c.Operator = events, func(string) bool { return operator } })
	r.flow.state = flow.Active
	b, err := r.flow.Get(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	events.body = r.server.Event("binding.active", noon, b)

	path := "/v1/events?limit=1&state=waiting&since=2026-11-23T12:00:00%2B08:00&cursor=" + eventID
	g := r.do("GET", path, "")
	checkAnswer(t, r, "GET", "/v1/events", g)
	var page gen.EventPage
	if err := json.Unmarshal([]byte(g.body), &page); err != nil || len(page.Events) != 1 || page.NextCursor != eventID ||
		page.Events[0].Event.Data.ID != bindingID || page.Events[0].Note != "answered 500" {
		t.Errorf("%s, %v", g.body, err)
	}
	if f := events.asked; f.Caller != "wallet" || f.State != journal.EventWaiting || f.After != eventID || !f.Since.Equal(noon) || f.Limit != 1 {
		t.Errorf("%+v", f)
	}
	replay := func(body string, status int, says string) {
		t.Helper()
		g := r.do("POST", "/v1/events/replay", body)
		checkAnswer(t, r, "POST", "/v1/events/replay", g)
		if g.StatusCode != status || !strings.Contains(g.body, says) {
			t.Errorf("%s: %d %s", body, g.StatusCode, g.body)
		}
	}
	for _, bad := range []string{`{}`, `{"caller":"wallet"}`, `{"ids":[]}`, `{"ids":["evt_1"]}`, `{"state":"lost"}`, `{"since":"yesterday"}`,
		fmt.Sprintf(`{"ids":[%q],"state":"dead"}`, eventID)} {
		replay(bad, 422, "validation")
	}
	replay(`{"state":"dead"}`, 200, `"next_cursor":"`+eventID)
	replay(fmt.Sprintf(`{"ids":[%q]}`, eventID), 200, `"replayed":1`)
	replay(`{"ids":["evt_01JB2N5Q0W8R7C5ZK3M4P6T9VY"]}`, 404, "not_found")

	for i, want := range []int{403, 200} { // another's are for operators
		operator = i == 1
		if g := r.do("GET", "/v1/events?caller=another", ""); g.StatusCode != want {
			t.Errorf("operator %v: %d", operator, g.StatusCode)
		}
		replay(`{"caller":"another","since":"2026-11-23T00:00:00Z"}`, want, "")
	}
	if events.asked.Caller != "another" {
		t.Errorf("%+v", events.asked)
	}
}
