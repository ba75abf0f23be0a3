package notify

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
)

// two are two processes that deliver from one outbox.
func (h *house) two() (one, two *Deliverer) {
	h.t.Helper()
	h.open(func(c *Config) { c.Owner = "one" })
	one = h.Deliverer
	h.open(func(c *Config) { c.Owner = "two" })
	return one, h.Deliverer
}

// start runs a deliverer of a house that has two.
func start(t *testing.T, d *Deliverer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestTwoProcessesTellOnce(t *testing.T) {
	h := newHouse(t)
	got, _, _ := h.receiver("wallet", nil)
	const subjects, each = 30, 4
	for i := range subjects {
		h.happen("wallet", fmt.Sprintf("s%02d", i), 1, 2, 3, 4)
	}
	one, two := h.two()
	stopOne, stopTwo := start(t, one), start(t, two)
	h.marks(subjects * each)
	stopOne()
	stopTwo()
	if len(got) != subjects*each {
		t.Errorf("%d were posted, want %d", len(got), subjects*each)
	}
	last := map[string]string{}
	for len(got) > 0 {
		x := <-got
		subject := x.id[:len(x.id)-4]
		if x.id <= last[subject] {
			t.Errorf("%s came after %s", x.id, last[subject])
		}
		last[subject] = x.id
	}
}

// What a process is posting stays its own when it stops; what it had only taken is another's at once.
func TestStopGivesBack(t *testing.T) {
	h := newHouse(t)
	hold, reached := make(chan struct{}), make(chan struct{}, 10)
	_, _, _ = h.receiver("wallet", func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-hold
	})
	h.happen("wallet", "a", 1)
	h.happen("wallet", "b", 1)
	h.open(func(c *Config) { c.Owner, c.Workers, c.CallerWorkers = "one", 1, 1 })
	stop := start(t, h.Deliverer)
	<-reached
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	free := func() (ids []string) {
		t.Helper()
		due, err := h.store.LeaseEvents(t.Context(), journal.Lease{Owner: "two", Now: h.clock(), For: time.Minute}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range due {
			ids = append(ids, e.Subject)
		}
		return ids
	}
	var ids []string
	for until := time.Now().Add(20 * time.Second); len(ids) == 0; ids = free() {
		if time.Now().After(until) {
			t.Fatal("nothing was given back")
		}
	}
	if len(ids) != 1 {
		t.Errorf("another has %v while one of them is posted", ids)
	}
	close(hold)
	<-stopped
	h.marks(1)
	if again := free(); len(again) != 1 || again[0] != ids[0] {
		t.Errorf("another has %v, want %v", again, ids)
	}
}
