package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/journal/journaltest"
)

func TestTold(t *testing.T) {
	h := newHouse(t)
	got, key, url := h.receiver("wallet", nil)
	h.happen("wallet", "a", 1, 2, 3)
	h.happen("stranger", "b", 1) // who has no endpoint
	h.run()
	for i := 1; i <= 3; i++ {
		x := next(t, got)
		if x.id != eventID("a", i) || x.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d: %s, %v", i, x.id, x.header)
		}
		if err := verify(x, h.clock(), key); err != nil {
			t.Error(err)
		}
		x.body[10]++
		if verify(x, h.clock(), key) == nil {
			t.Error("another body passes")
		}
	}
	h.marks(4)
	if s := h.states("wallet") + "; " + h.states("stranger"); s != "a-001 delivered, a-002 delivered, a-003 delivered; b-001 dead" {
		t.Error(s)
	}
	for _, never := range []string{key.Reveal(), `"n"`, url} {
		if strings.Contains(h.log.String(), never) {
			t.Errorf("the log holds %s", never)
		}
	}
}

// What is refused holds up its own subject, in order, and nobody else.
func TestPoisonWaitsAlone(t *testing.T) {
	h := newHouse(t)
	var healthy atomic.Bool
	got, _, _ := h.receiver("wallet", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Webhook-Id") == eventID("bad", 1) && !healthy.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	h.happen("wallet", "bad", 1, 2)
	h.happen("wallet", "good", 1, 2)
	h.run()
	h.marks(3)
	if s := h.states("wallet"); s != "bad-001 waiting, bad-002 waiting, good-001 delivered, good-002 delivered" {
		t.Fatal(s)
	}
	healthy.Store(true)
	h.pass(10 * time.Second)
	h.marks(2)
	var order []string
	for len(got) > 0 {
		if x := <-got; strings.Contains(x.id, "bad") {
			order = append(order, x.id)
		}
	}
	if s := strings.Join(order, " "); s != "evt_bad-001 evt_bad-001 evt_bad-002" {
		t.Error(s)
	}
}

// After about three days an event is given up, and the next of its subject has its turn. A replay goes in order.
func TestGivenUpAndReplayed(t *testing.T) {
	h := newHouse(t)
	var healthy atomic.Bool
	got, _, _ := h.receiver("wallet", func(w http.ResponseWriter, r *http.Request) {
		if !healthy.Load() && r.Header.Get("Webhook-Id") != eventID("a", 3) {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	h.happen("wallet", "a", 1, 2, 3)
	h.run()
	for want := range 2 {
		begun := h.clock()
		for try := 1; try <= maxTries; try++ {
			e := h.marks(1)[0]
			if e.ID != eventID("a", want+1) || e.Tries != try || e.Note != "answered 418" {
				t.Fatalf("%+v", e)
			}
			if try < maxTries {
				h.pass(e.NextAt.Sub(h.clock()))
			} else if e.State != journal.EventDead {
				t.Errorf("%+v", e)
			}
		}
		if took := h.clock().Sub(begun); took < 60*time.Hour || took > 90*time.Hour {
			t.Errorf("given up after %v", took)
		}
	}
	h.marks(1)
	if s := h.states("wallet"); s != "a-001 dead, a-002 dead, a-003 delivered" {
		t.Fatal(s)
	}
	for len(got) > 0 {
		<-got
	}
	healthy.Store(true)
	if err := h.ReplayOne(t.Context(), "wallet", eventID("a", 3)); err != nil {
		t.Fatal(err)
	}
	h.marks(2)
	n, more, err := h.Replay(t.Context(), journal.EventFilter{Caller: "wallet", State: journal.EventDead})
	if n != 2 || more != "" || err != nil {
		t.Fatalf("%d, %q, %v", n, more, err)
	}
	h.marks(4)
	var order []string
	for range 3 {
		order = append(order, next(t, got).id)
	}
	if s := strings.Join(order, " "); s != "evt_a-003 evt_a-001 evt_a-002" {
		t.Error(s)
	}
	if err := h.ReplayOne(t.Context(), "another", eventID("a", 3)); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("another's event: %v", err)
	}
}

func TestGone(t *testing.T) {
	h := newHouse(t)
	var gone atomic.Bool
	gone.Store(true)
	got, key, url := h.receiver("wallet", func(w http.ResponseWriter, _ *http.Request) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	h.happen("wallet", "a", 1)
	stop := h.run()
	h.marks(1)
	h.happen("wallet", "a", 2)
	h.marks(1)
	stop()
	h.open() // a restart does not forget it
	h.happen("wallet", "a", 3)
	stop = h.run()
	h.marks(1)
	if s := h.states("wallet"); s != "a-001 dead, a-002 dead, a-003 dead" || len(got) != 1 {
		t.Fatalf("%s, posted %d times", s, len(got))
	}
	<-got
	if list, err := List(h.file); err != nil || len(list) != 1 || !list[0].Gone {
		t.Errorf("%+v, %v", list, err)
	}
	gone.Store(false)
	if k := h.add("wallet", url); k.Reveal() != "" {
		t.Error("another secret was made")
	}
	h.happen("wallet", "a", 4)
	if x := next(t, got); x.id != eventID("a", 4) || verify(x, h.clock(), key) != nil {
		t.Error(x.id)
	}
	if n, _, err := h.Replay(t.Context(), journal.EventFilter{Caller: "wallet", State: journal.EventDead}); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for i := 1; i <= 3; i++ {
		if x := next(t, got); x.id != eventID("a", i) {
			t.Error(x.id)
		}
	}
	stop()
}

func TestRetryAfter(t *testing.T) {
	h := newHouse(t)
	_, _, _ = h.receiver("wallet", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	h.happen("wallet", "a", 1)
	h.run()
	if e := h.marks(1)[0]; !e.NextAt.Equal(monday.Add(time.Hour)) {
		t.Errorf("%+v", e)
	}
	for said, want := range map[string]time.Duration{
		"": 0, "-1": 0, "soon": 0, "90": 90 * time.Second, "99999999": longest, "9999999999999": 0,
		monday.Add(time.Minute).Format(http.TimeFormat): time.Minute, monday.Add(-time.Minute).Format(http.TimeFormat): 0,
		monday.AddDate(1, 0, 0).Format(http.TimeFormat): longest,
	} {
		if got := retryAfter(http.Header{"Retry-After": {said}}, monday); got != want {
			t.Errorf("%q: %v, want %v", said, got, want)
		}
	}
}

// A caller that never answers, with more events than a page holds, holds nobody up.
func TestASilentCallerHoldsNobodyUp(t *testing.T) {
	h := newHouse(t)
	quiet := make(chan struct{})
	_, _, _ = h.receiver("silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-quiet:
		case <-r.Context().Done():
		}
	})
	got, _, _ := h.receiver("wallet", nil)
	defer close(quiet)
	for i := range 3 * pageSize {
		h.happen("silent", "s-"+strconv.Itoa(i), 1)
	}
	h.pass(time.Second)
	h.happen("wallet", "a", 1)
	stop := h.run()
	if x := next(t, got); x.id != eventID("a", 1) {
		t.Error(x.id)
	}
	go stop() // those under way are left as they are
}

// More silent callers than there is room for at first leave room once they are known.
func TestManySilentCallers(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Workers, c.CallerWorkers, c.Timeout = 8, 4, 100*time.Millisecond })
	for _, who := range []string{"s1", "s2", "s3", "s4"} {
		_, _, _ = h.receiver(who, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for i := range 200 {
			h.happen(who, who+"-"+strconv.Itoa(i), 1)
		}
	}
	h.run()
	failed := map[string]bool{}
	for len(failed) < 4 {
		if e := h.marks(1)[0]; e.Tries == 1 { // others were only put off
			failed[e.Caller] = true
		}
	}
	got, _, _ := h.receiver("wallet", nil)
	h.happen("wallet", "a", 1)
	if x := next(t, got); x.id != eventID("a", 1) {
		t.Error(x.id)
	}
}

// A caller whose last try has failed has one place until one goes well.
func TestAFailingCallerHasOnePlace(t *testing.T) {
	h := newHouse(t)
	take := func(subject string, want taken) {
		t.Helper()
		if got := h.take(&journal.Event{Caller: "wallet", Subject: subject}, h.clock()); got != want {
			t.Errorf("%s: %d, want %d", subject, got, want)
		}
	}
	h.fared("wallet", false)
	take("a", started)
	take("a", already)
	take("b", callerBusy)
	h.fared("wallet", true)
	take("b", started)
	for i := range h.cfg.CallerWorkers - 2 {
		take("c"+strconv.Itoa(i), started)
	}
	take("d", callerBusy)
}

// A process that ends between post and mark posts again, under the same id.
func TestKilledBetweenPostAndMark(t *testing.T) {
	h := newHouse(t)
	got, _, _ := h.receiver("wallet", nil)
	h.happen("wallet", "a", 1, 2)
	h.store.breakDown(errors.New("the process is dead"))
	stop := h.run()
	first := next(t, got)
	stop()
	if s := h.states("wallet"); s != "a-001 waiting, a-002 waiting" || len(got) != 0 {
		t.Fatalf("%s, posted %d times more", s, len(got))
	}
	h.store.breakDown(nil)
	h.open()
	h.run()
	if again := next(t, got); again.id != first.id || string(again.body) != string(first.body) {
		t.Errorf("%s after %s", again.id, first.id)
	}
	if x := next(t, got); x.id != eventID("a", 2) {
		t.Error(x.id)
	}
	h.marks(2)
	if s := h.states("wallet"); s != "a-001 delivered, a-002 delivered" || len(got) != 0 {
		t.Error(s)
	}
}

// A journal that can't be written any more does not have a caller told the same thing
// over and over; what it was told is marked once the disk takes it.
func TestFullDiskTellsOnce(t *testing.T) {
	h := newHouse(t)
	var once sync.Once
	var mend func()
	got, _, _ := h.receiver("wallet", func(http.ResponseWriter, *http.Request) {
		once.Do(func() { mend = journaltest.ReadOnly(t, h.store.SQLite) })
	})
	h.happen("wallet", "a", 1, 2)
	h.run()
	first := next(t, got)
	for tries := uint64(1); tries <= 3; tries++ { // of the mark
		for deadline := time.Now().Add(20 * time.Second); h.store.Failures() < tries; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the mark was tried %d times", h.store.Failures())
			}
		}
		h.pass(markAgain + time.Second)
	}
	if len(got) != 0 || h.states("wallet") != "a-001 waiting, a-002 waiting" {
		t.Errorf("told %d times more, %s", len(got), h.states("wallet"))
	}
	mend()
	h.pass(markAgain + time.Second)
	h.marks(2)
	if second := next(t, got); first.id != eventID("a", 1) || second.id != eventID("a", 2) || len(got) != 0 {
		t.Errorf("told %s, %s and %d more", first.id, second.id, len(got))
	}
	if s := h.states("wallet"); s != "a-001 delivered, a-002 delivered" {
		t.Error(s)
	}
}

// What happened under a clock that ran ahead is told once that is set right, and
// what was put off no later than it may be.
func TestClockSetBack(t *testing.T) {
	h := newHouse(t)
	got, _, _ := h.receiver("wallet", nil)
	h.pass(365 * 24 * time.Hour)
	h.happen("wallet", "a", 1)
	h.pass(-365 * 24 * time.Hour)
	h.happen("wallet", "b", 1)
	later, err := h.store.Events(t.Context(), journal.EventFilter{Caller: "wallet", Subject: "b", Limit: 1})
	if err != nil || len(later) != 1 {
		t.Fatal(err)
	}
	later[0].Tries, later[0].NextAt = 3, h.clock().Add(time.Minute) // as it should be
	if err := h.store.SQLite.Apply(t.Context(), journal.Change{Events: later}); err != nil {
		t.Fatal(err)
	}
	h.run()
	if err := h.SetBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x := next(t, got); x.id != eventID("a", 1) {
		t.Error(x.id)
	}
	h.marks(2) // by SetBack, and when it was told
	if s := h.states("wallet"); s != "a-001 delivered, b-001 waiting" || len(got) != 0 {
		t.Error(s)
	}
}

// What is being delivered while the clock is set back, and is over before that is looked after, is not delivered again.
func TestClockSetBackUnderADelivery(t *testing.T) {
	h := newHouse(t)
	got, _, _ := h.receiver("wallet", nil)
	h.pass(time.Hour)
	h.happen("wallet", "a", 1)
	page, err := h.store.Events(t.Context(), journal.EventFilter{Caller: "wallet", Limit: 1})
	if err != nil || len(page) != 1 || h.take(&page[0], h.clock()) != started {
		t.Fatal(page, err)
	}
	h.pass(-time.Hour)
	h.cfg.Store = readsThen{h.store, func() { h.tell(t.Context(), page[0]) }}
	defer h.forget()
	if err := h.SetBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.states("wallet"); s != "a-001 delivered" || len(got) != 1 {
		t.Errorf("%s, told %d times", s, len(got))
	}
}

// readsThen does something between a look at the outbox and what is made of it.
type readsThen struct {
	*store
	then func()
}

func (s readsThen) DueEvents(ctx context.Context, now time.Time, limit int) ([]journal.Event, error) {
	due, err := s.store.DueEvents(ctx, now, limit)
	s.then()
	return due, err
}

// A stop leaves what it cuts off as it was.
func TestStopLeavesWhatIsUnderWay(t *testing.T) {
	h := newHouse(t)
	_, _, _ = h.receiver("wallet", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h.happen("wallet", "a", 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e := journal.Event{ID: eventID("a", 1), Caller: "wallet", Subject: "a", State: journal.EventWaiting}
	if h.take(&e, h.clock()) != started {
		t.Fatal("no room")
	}
	cancel()
	h.tell(ctx, e)
	if len(h.store.marked) != 0 || h.states("wallet") != "a-001 waiting" {
		t.Error(h.states("wallet"))
	}
	h.forget()
}

func TestTimeout(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	_, _, _ = h.receiver("wallet", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h.happen("wallet", "a", 1)
	h.run()
	if e := h.marks(1)[0]; e.Note != "timed out" || e.Tries != 1 {
		t.Errorf("%+v", e)
	}
}

// While a secret rotates, both sign; then the new one alone.
func TestRotation(t *testing.T) {
	h := newHouse(t)
	got, old, _ := h.receiver("wallet", nil)
	h.run()
	fresh, err := Rotate(h.file, "wallet", time.Hour, h.clock())
	if err != nil {
		t.Fatal(err)
	}
	h.happen("wallet", "a", 1)
	x := next(t, got)
	if n := len(strings.Fields(x.header.Get("Webhook-Signature"))); n != 2 || verify(x, h.clock(), old) != nil || verify(x, h.clock(), fresh) != nil {
		t.Errorf("%d signatures", n)
	}
	h.marks(1)
	h.pass(time.Hour)
	h.happen("wallet", "a", 2)
	x = next(t, got)
	if verify(x, h.clock(), old) == nil || verify(x, h.clock(), fresh) != nil {
		t.Error("after the overlap")
	}
	h.marks(1)
	list, err := List(h.file)
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	newest := list[0].Secrets[0].ID
	if err := Revoke(h.file, "wallet", newest); err != nil { // the old one is past its time, but there
		t.Fatal(err)
	}
	h.happen("wallet", "a", 3)
	if e := h.marks(1)[0]; e.Note != "the endpoint has no secret that signs" {
		t.Errorf("%+v", e)
	}
}

// Who is woken does not wait for the next regular look.
func TestWakeBringsTheNextLookForward(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Every = time.Second })
	h.store.looked = make(chan struct{}, 1000)
	got, _, _ := h.receiver("wallet", nil)
	stop := start(t, h.Deliverer)
	defer stop()
	<-h.store.looked // the first
	const rounds = 5
	begun := time.Now()
	for i := range rounds {
		h.happen("wallet", fmt.Sprint("s", i), 1)
		h.Wake()
		<-got
		<-h.store.looked // the one that found it
		h.marks(1)
		<-h.store.looked // the one after the try: from here on nothing but a wake brings another within a second
	}
	if took := time.Since(begun); took > rounds*time.Second*3/5 {
		t.Errorf("%d events took %v: each waited for the regular look", rounds, took)
	}
}
