package prune_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/prune"
	"kaqiao/profiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

// A gateway that runs for months: keys and events go when their days are over, a little at a time.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db")})
		if err != nil {
			t.Fatal(err)
		}
		const many = 450 // more than two pages
		for i := range many {
			k := journal.Key{Caller: "wallet", Route: "POST /v1/bindings", Key: fmt.Sprintf("k%03d", i), Binding: "bnd_1", Status: 201, At: time.Now()}
			e := journal.Event{
				ID: fmt.Sprintf("evt_%03d", i), Caller: "wallet", Subject: "bnd_1", Seq: int64(i), Type: "binding.active", At: time.Now(),
				State: journal.EventDelivered,
			}
			if i == 7 {
				e.State, e.NextAt = journal.EventWaiting, time.Now()
			}
			if err := s.Apply(t.Context(), journal.Change{NewKey: &k, Events: []journal.Event{e}}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := prune.New(prune.Config{Store: s, KeyDays: 90, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		left := func(after time.Duration, keys, events int) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			page, err := s.Events(t.Context(), journal.EventFilter{Caller: "wallet", Limit: 1000})
			if err != nil || len(page) != events {
				t.Errorf("%d events, want %d: %v", len(page), events, err)
			}
			n := 0
			for i := range many {
				_, err := s.Key(t.Context(), "wallet", "POST /v1/bindings", fmt.Sprintf("k%03d", i))
				if err == nil {
					n++
				} else if !errors.Is(err, journal.ErrNotFound) {
					t.Fatal(err)
				}
			}
			if n != keys {
				t.Errorf("%d keys, want %d", n, keys)
			}
		}
		left(30*day-time.Minute, many, many)
		left(time.Hour+2*time.Minute, many, 1) // what was never delivered stays
		left(59*day, many, 1)
		left(day+time.Hour, 0, 1)
		stop()
		<-ended
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// slow counts what it is asked, and has pages without end.
type slow struct{ asked []time.Time }

func (*slow) NewestIDs(context.Context) ([]string, error) { return nil, nil }

func (s *slow) PruneKeys(context.Context, time.Time, string, int) (int, string, error) {
	s.asked = append(s.asked, time.Now())
	return 200, "more", nil
}

func (s *slow) PruneEvents(context.Context, time.Time, string, int) (int, string, error) {
	return 0, "", errors.New("never reached")
}

// However much there is to forget, others have the journal most of the time, and a stop is heard at once.
func TestItIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		p, err := prune.New(prune.Config{Store: s, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		begun := time.Now()
		p.Run(ctx)
		if len(s.asked) < 600 || len(s.asked) > 601 || time.Since(begun) != time.Minute {
			t.Errorf("%d pages in %v", len(s.asked), time.Since(begun))
		}
	})
}

func TestHorizon(t *testing.T) {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	days, channel := prune.Horizon(set)
	if days < 3 || days > prune.DefaultKeyDays || set.Channel(channel) == nil {
		t.Errorf("%d days, because of %q", days, channel)
	}
	set.Channel("nucc").Resolve.HumanAfter = profiles.Duration(720 * time.Hour)
	if days, channel = prune.Horizon(set); days != 32 || channel != "nucc" {
		t.Errorf("%d days, because of %q; want 30 days until people are asked, and 39 hours of pauses", days, channel)
	}
}

func TestRefusals(t *testing.T) {
	for name, cfg := range map[string]prune.Config{
		"no store":   {Now: time.Now},
		"no clock":   {Store: &slow{}},
		"no days":    {Store: &slow{}, Now: time.Now, KeyDays: -1},
		"ten years":  {Store: &slow{}, Now: time.Now, KeyDays: prune.MaxDays + 1},
		"for events": {Store: &slow{}, Now: time.Now, EventDays: prune.MaxDays + 1},
	} {
		if _, err := prune.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "prune: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A machine may start with a clock that is months ahead, before it has asked for the time. That forgets nothing: it is
// believed once something was written under it.
func TestAClockThatIsAheadAtTheStart(t *testing.T) {
	s, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	right := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	ahead := right.Add(200 * day)
	write := func(at time.Time) {
		t.Helper()
		e := journal.Event{ID: "evt_" + ulid.MustNew(ulid.Timestamp(at), rand.Reader).String(), Caller: "wallet", Subject: "bnd_1", At: at, State: journal.EventDelivered}
		k := journal.Key{Caller: "wallet", Route: "POST /v1/bindings", Key: at.String(), Binding: "bnd_1", Status: 201, At: at}
		if err := s.Apply(t.Context(), journal.Change{NewKey: &k, Events: []journal.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := prune.New(prune.Config{Store: s, Now: func() time.Time { return ahead }})
	if err != nil {
		t.Fatal(err)
	}
	for n, at := range []time.Time{right, ahead} {
		write(at)
		if err := p.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := s.Events(t.Context(), journal.EventFilter{Caller: "wallet", Limit: 10})
		_, missing := s.Key(t.Context(), "wallet", "POST /v1/bindings", right.String())
		if gone := n == 1; err != nil || len(page) != 1 || errors.Is(missing, journal.ErrNotFound) != gone {
			t.Errorf("pass %d: %d events, %v; the key: %v", n, len(page), err, missing)
		}
	}
}
