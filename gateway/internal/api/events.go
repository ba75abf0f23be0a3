package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Events knows what callers were told, and tells it again. *notify.Deliverer is one.
type Events interface {
	Events(ctx context.Context, f journal.EventFilter) ([]journal.Event, error)
	// Replay has a page of events delivered once more; next is where the following page begins, if there is one.
	Replay(ctx context.Context, f journal.EventFilter) (n int, next string, err error)
	// ReplayOne has one event of a caller delivered once more, or journal.ErrNotFound.
	ReplayOne(ctx context.Context, caller, id string) error
}

// event is the body of what a caller is told: the binding as GET shows it, as it was then.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Event renders what a caller is told. It is kept with the change that it tells
// of, and posted as it is, so that its signature and all its repeats are of the same bytes.
func (s *Server) Event(name string, at time.Time, b flow.Binding) []byte {
	body, err := json.Marshal(event{Type: name, Timestamp: beijing(at), Data: s.binding(b)})
	if err != nil { // nothing in a binding can fail to be written
		s.Log.Error("an event could not be rendered", "type", name, "binding", b.ID, "error", err)
		return nil
	}
	return body
}

// ListEvents shows one page of events.
func (s *Server) ListEvents(ctx context.Context, r gen.ListEventsRequestObject) (gen.ListEventsResponseObject, error) {
	whose, err := s.whose(ctx, r.Params.Caller)
	if err != nil {
		return nil, err
	}
	f := journal.EventFilter{Caller: whose, State: journal.EventState(r.Params.State), After: r.Params.Cursor, Since: r.Params.Since, Limit: r.Params.Limit}
	if f.Limit == 0 {
		f.Limit = defaultPage
	}
	page, err := s.Events.Events(ctx, f)
	if err != nil {
		return nil, err
	}
	out := gen.EventPage{Events: make([]gen.EventRecord, len(page))}
	for i, e := range page {
		one := gen.EventRecord{
			ID: e.ID, Subject: e.Subject, State: gen.EventState(e.State), Tries: e.Tries, NextAt: beijing(e.NextAt), Note: e.Note,
		}
		if err := json.Unmarshal(e.Body, &one.Event); err != nil {
			return nil, fmt.Errorf("event %s in the journal: %w", e.ID, err)
		}
		out.Events[i] = one
	}
	if len(page) == f.Limit {
		out.NextCursor = page[len(page)-1].ID
	}
	return s.ok(ctx, out)
}

// ReplayEvents has events delivered once more.
func (s *Server) ReplayEvents(ctx context.Context, r gen.ReplayEventsRequestObject) (gen.ReplayEventsResponseObject, error) {
	in := r.Body
	whose, err := s.whose(ctx, in.Caller)
	if err != nil {
		return nil, err
	}
	if len(in.Ids) == 0 && in.State == "" && in.Since.IsZero() {
		return nil, unselected("say which: at least one of ids, state and since")
	}
	if len(in.Ids) > 0 {
		if in.State != "" || !in.Since.IsZero() || in.Cursor != "" {
			return nil, unselected("ids stand alone: state, since and cursor select pages")
		}
		for _, id := range in.Ids {
			if err := s.Events.ReplayOne(ctx, whose, id); errors.Is(err, journal.ErrNotFound) {
				return nil, notFound()
			} else if err != nil {
				return nil, err
			}
		}
		return s.ok(ctx, gen.Replay{Replayed: len(in.Ids)})
	}
	n, next, err := s.Events.Replay(ctx, journal.EventFilter{Caller: whose, State: journal.EventState(in.State), Since: in.Since, After: in.Cursor})
	if err != nil {
		return nil, err
	}
	s.Log.Info("events are replayed", "caller", whose, "by", callOf(ctx).caller, "events", n)
	return s.ok(ctx, gen.Replay{Replayed: n, NextCursor: next})
}

// whose are the events that a request is about: the caller's own, or for an operator anybody's.
func (s *Server) whose(ctx context.Context, named string) (string, error) {
	self := callOf(ctx).caller
	if named == "" || named == self {
		return self, nil
	}
	if s.Operator == nil || !s.Operator(self) {
		return "", &op.Problem{Reason: op.Forbidden, Outcome: op.NotSent, Detail: "another caller's events are for operators: make one with `gateway keys caller --operator`"}
	}
	return named, nil
}

func unselected(what string) *op.Problem {
	return &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Detail: what, Fields: []op.Field{{Pointer: "/ids", Message: what}}}
}
