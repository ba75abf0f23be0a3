package journaltest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

func transcripts(t testing.TB, s journal.Store) journal.Transcripts {
	t.Helper()
	told, ok := s.(journal.Transcripts)
	if !ok {
		t.Fatal("the store keeps nothing of what was said")
	}
	return told
}

// saidOnce: what was said of an attempt is written with its outcome and stays.
func saidOnce(t testing.TB, open Open) {
	s := fresh(t, open)
	told := transcripts(t, s)
	b, first, silent := binding(1), attempt(1, 1), attempt(1, 2)
	first.Said, first.Heard = "ask a=1", "answer b=2"
	other := attempt(2, 1)
	other.Said = "another binding's"
	apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{first, silent, other}})
	want := []journal.Exchange{{Attempt: first.ID, Said: "ask a=1", Heard: "answer b=2"}}
	same(t, must[[]journal.Exchange](t)(told.Exchanges(t.Context(), b.ID)), want)

	read := must[journal.Attempt](t)(s.Attempt(t.Context(), first.ID))
	if read.Said != "" || read.Heard != "" {
		t.Errorf("an attempt brings what was said along: %+v", read)
	}
	read.Asked++
	apply(t, s, journal.Change{Attempts: []journal.Attempt{read}}) // looked after again: nothing was said
	read.Said, read.Heard = "something else", ""
	apply(t, s, journal.Change{Attempts: []journal.Attempt{read}})
	same(t, must[[]journal.Exchange](t)(told.Exchanges(t.Context(), b.ID)), want)

	long := attempt(1, 3)
	long.Heard = strings.Repeat("x", 2561)
	refuse(t, s, journal.Change{Attempts: []journal.Attempt{long}}, journal.ErrTooLarge)
	gone[journal.Attempt](t, "what is too long")(s.Attempt(t.Context(), long.ID))
}

// noticesOnce: what a bank says unasked is kept once, and found by what it is about.
func noticesOnce(t testing.TB, open Open) {
	s := fresh(t, open)
	told := transcripts(t, s)
	b, a := binding(1), attempt(1, 1)
	apply(t, s, journal.Change{Binding: &b, Attempts: []journal.Attempt{a}})
	notice := func(id string, after time.Duration) journal.Notice {
		return journal.Notice{Channel: b.Channel, ID: id, At: noon.Add(after), Member: b.Member, Heard: "heard " + id}
	}
	ended, about := notice("n2", 2*time.Second), notice("n1", time.Second)
	ended.Agreement, about.Of = b.Agreement, a.Number
	elsewhere, member, nothing := notice("n3", 3*time.Second), notice("n4", 4*time.Second), notice("n5", 5*time.Second)
	elsewhere.Channel, elsewhere.Agreement = "other", b.Agreement
	member.Member, member.Agreement = "C1", b.Agreement
	apply(t, s, journal.Change{Notices: []journal.Notice{ended, about, elsewhere, member, nothing}})
	again := ended
	again.Heard, again.At = "said again", noon.Add(time.Hour)
	apply(t, s, journal.Change{Notices: []journal.Notice{again}})
	got := must[[]journal.Notice](t)(told.Notices(t.Context(), b.ID))
	same(t, got, []journal.Notice{about, ended})

	refuse(t, s, journal.Change{Notices: slices.Repeat([]journal.Notice{nothing}, 65)}, journal.ErrTooLarge)
	nothing.Heard = strings.Repeat("x", 2561)
	refuse(t, s, journal.Change{Notices: []journal.Notice{nothing}}, journal.ErrTooLarge)
}
