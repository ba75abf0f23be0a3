package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/mockbanks/internal/ledger"

	"go.uber.org/goleak"
)

func TestWait(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: people(3), Now: clock.Now})
	leaks := goleak.IgnoreCurrent()
	mine, other := numbered(1), numbered(2)

	type heard struct {
		messages []ledger.Message
		err      error
	}
	wait := func(ctx context.Context, to, after string) <-chan heard {
		c := make(chan heard, 1)
		go func() {
			m, err := l.Wait(ctx, to, after, 0)
			c <- heard{m, err}
		}()
		return c
	}
	soon, stop := context.WithTimeout(t.Context(), 10*time.Second) // a message that never comes shall not hold the tests up
	defer stop()
	any, first := wait(soon, "", ""), wait(soon, mine.Mobile, "")
	refusal(t, "another's", apply(t, l, "n1", identity(other)), "")
	if got := <-any; got.err != nil || len(got.messages) != 1 || got.messages[0].To != other.Mobile {
		t.Fatalf("waiting for any: %+v", got)
	}
	select {
	case got := <-first:
		t.Fatalf("woken by another's message: %+v", got)
	default:
	}
	refusal(t, "mine", apply(t, l, "n2", identity(mine)), "")
	got := <-first
	if got.err != nil || len(got.messages) != 1 || got.messages[0].To != mine.Mobile {
		t.Fatalf("waiting: %+v", got)
	}
	// What is there already is given at once.
	if again := <-wait(soon, mine.Mobile, ""); again.err != nil || len(again.messages) != 1 {
		t.Fatalf("there already: %+v", again)
	}
	next := wait(soon, mine.Mobile, got.messages[0].ID)
	clock.forward(time.Minute)
	refusal(t, "mine again", apply(t, l, "n3", identity(mine)), "")
	if later := <-next; later.err != nil || len(later.messages) != 1 || later.messages[0].ID == got.messages[0].ID {
		t.Fatalf("after the first: %+v", later)
	}
	if m, err := l.Messages(t.Context(), mine.Mobile, 0); err != nil || len(m) != 2 || !m[0].At.After(m[1].At) {
		t.Errorf("messages: %v, %v: want 2, newest first", m, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	given := wait(ctx, "+8613999999999", "")
	cancel()
	if got := <-given; !errors.Is(got.err, context.Canceled) {
		t.Errorf("cancelled: %+v", got)
	}
	if got := <-wait(t.Context(), "", "x"); !errors.Is(got.err, ledger.ErrInvalid) {
		t.Errorf("an id that is none: %+v", got)
	}
	goleak.VerifyNone(t, leaks)
}

func TestTooManyWait(t *testing.T) {
	l := open(t, ledger.Config{Queue: 1})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := l.Wait(ctx, "a", "", 0)
			ended <- err
		}()
		synctest.Wait()
		if _, err := l.Wait(ctx, "b", "", 0); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("the second: %v", err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
	})
}

func TestOldMessagesGo(t *testing.T) {
	clock, rules := newClock(), terms()
	rules.ResendAfter, rules.SignsPerDay = 0, 1000
	l := open(t, ledger.Config{Terms: rules, People: people(2), Now: clock.Now, Messages: 1000})
	for i := range 1700 {
		clock.forward(time.Minute)
		n := "n" + strconv.Itoa(i)
		refusal(t, n, apply(t, l, n, identity(numbered(i%2))), "")
	}
	found, err := l.Messages(t.Context(), "", 1000)
	if err != nil || len(found) != 1000 || found[0].ID != "1700" {
		t.Fatalf("%d messages, %v", len(found), err)
	}
	kept := 0
	for i := range 2 {
		mine, err := l.Messages(t.Context(), numbered(i).Mobile, 1000)
		if err != nil {
			t.Fatal(err)
		}
		kept += len(mine)
	}
	if kept < 1000 || kept >= 1500 {
		t.Errorf("%d messages are kept, want 1,000 and less than one batch of 500 more", kept)
	}
	if a, ok, err := l.Recall(t.Context(), "nucc", "apply", "n0"); err != nil || !ok || a.Refusal != "" {
		t.Errorf("an old answer is forgotten: %+v, %v, %v", a, ok, err)
	}
}

func TestManyWaitAndManySend(t *testing.T) {
	l := open(t, ledger.Config{People: people(40), Now: newClock().Now})
	soon, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			m, err := l.Wait(soon, numbered(i).Mobile, "", 0)
			if err != nil || len(m) != 1 || m[0].To != numbered(i).Mobile {
				t.Errorf("%d: %v, %v", i, m, err)
			}
		})
		group.Go(func() {
			a, err := l.Apply(t.Context(), ledger.Apply{Request: request(fmt.Sprint("n", i)), Identity: identity(numbered(i))})
			if err != nil || a.Refusal != "" {
				t.Errorf("%d: %+v, %v", i, a, err)
			}
		})
	}
	group.Wait()
}
