package journaltest

import (
	"fmt"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

// event is the k-th event of the n-th binding, waiting.
func event(n, k int) journal.Event {
	return journal.Event{
		ID: fmt.Sprintf("evt_01HQ%08d%03d", n, k), Caller: "wallet", Subject: binding(n).ID, Seq: int64(k), Type: "binding.active",
		At: noon, Body: []byte(`{"type":"binding.active"}`), State: journal.EventWaiting, Tries: 0, NextAt: noon,
	}
}

func outbox(t testing.TB, s journal.Store) journal.Outbox {
	t.Helper()
	o, ok := s.(journal.Outbox)
	if !ok {
		t.Fatal("the store has no outbox")
	}
	return o
}

func dueEvents(t testing.TB, open Open) {
	s := fresh(t, open)
	o := outbox(t, s)
	due := func(at time.Time, limit int, want ...journal.Event) {
		t.Helper()
		same(t, must[[]journal.Event](t)(o.DueEvents(t.Context(), at, limit)), append([]journal.Event(nil), want...))
	}
	due(noon, 10)
	first, second, other := event(1, 1), event(1, 2), event(2, 1)
	// Made later, and in its order before: ids are no order.
	first.ID = "evt_01HQ99999999999"
	other.NextAt = noon.Add(time.Second)
	apply(t, s, journal.Change{Events: []journal.Event{second}})
	apply(t, s, journal.Change{Events: []journal.Event{first, other}})
	due(noon.Add(-time.Nanosecond), 10)
	due(noon, 10, first)
	due(noon.Add(time.Second), 10, first, other)
	due(noon.Add(time.Second), 1, first)

	// One that must wait holds back those of its own subject, and no others.
	first.Tries, first.NextAt, first.Note = 1, noon.Add(time.Hour), "status 500"
	apply(t, s, journal.Change{Events: []journal.Event{first}})
	due(noon.Add(time.Minute), 10, other)
	due(noon.Add(time.Hour), 10, other, first)
	// Delivered or given up, it makes way.
	first.State, first.NextAt = journal.EventDead, time.Time{}
	other.State, other.NextAt = journal.EventDelivered, time.Time{}
	apply(t, s, journal.Change{Events: []journal.Event{first, other}})
	due(noon.Add(time.Hour), 10, second)
}

func eventsStay(t testing.TB, open Open) {
	s := fresh(t, open)
	o := outbox(t, s)
	b, e, theirs := binding(1), event(1, 1), event(2, 1)
	theirs.Caller = "other"
	apply(t, s, journal.Change{Binding: &b, Events: []journal.Event{e, theirs}})
	stale := binding(1)
	stale.Version = 7
	refuse(t, s, journal.Change{Binding: &stale, Events: []journal.Event{event(1, 2)}}, journal.ErrConflict)

	changed := e
	changed.Caller, changed.Subject, changed.Seq, changed.Type, changed.Body, changed.At = "thief", "thief", 9, "other", []byte("{}"), noon.Add(time.Hour)
	changed.State, changed.Tries, changed.NextAt, changed.Note = journal.EventDead, 3, time.Time{}, "status 410"
	apply(t, s, journal.Change{Events: []journal.Event{changed}})
	e.State, e.Tries, e.NextAt, e.Note = changed.State, changed.Tries, changed.NextAt, changed.Note
	page := func(f journal.EventFilter, want ...journal.Event) {
		t.Helper()
		f.Caller = "wallet"
		if f.Limit == 0 {
			f.Limit = 10
		}
		same(t, must[[]journal.Event](t)(o.Events(t.Context(), f)), append([]journal.Event(nil), want...))
	}
	later := event(3, 1)
	later.At = noon.Add(time.Minute)
	apply(t, s, journal.Change{Events: []journal.Event{later}})
	page(journal.EventFilter{}, e, later)
	page(journal.EventFilter{Limit: 1}, e)
	page(journal.EventFilter{After: e.ID}, later)
	page(journal.EventFilter{Since: noon.Add(time.Second)}, later)
	page(journal.EventFilter{State: journal.EventDead}, e)
	page(journal.EventFilter{Subject: later.Subject}, later)
}
