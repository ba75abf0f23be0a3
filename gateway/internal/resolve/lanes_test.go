package resolve_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// addAt is add for a bank of its own.
func (w *world) addAt(bank, id string) {
	w.add(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.open[id]
	a.Channel, a.Bank = "nucc", bank
	w.open[id] = a
}

// After an outage thousands are due at a bank that is still silent. What the
// other banks can tell is found out as if it were not there.
func TestSilentBankHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.inTurn = true
		for i := range 2000 {
			id := fmt.Sprintf("dead_%04d", i)
			w.addAt("dead", id)
			w.takes[id] = 5 * time.Second
		}
		for i := range 300 {
			id := fmt.Sprintf("well_%03d", i)
			w.addAt("well", id)
			w.tells[id], w.takes[id] = 1, 50*time.Millisecond
		}
		run(t, w.resolver(0), 30*time.Second)
		for i := range 300 {
			if at := w.settled[fmt.Sprintf("well_%03d", i)]; at == 0 || at > 5*time.Second {
				t.Fatalf("%d: found out after %v", i, at)
			}
		}
		// Eight before the first silence, one at a time from then on.
		asked := 0
		for i := range 2000 {
			asked += len(w.asked[fmt.Sprintf("dead_%04d", i)])
		}
		if asked < 8 || asked > 8+6 {
			t.Errorf("the silent bank was asked %d times in 28 s of 5 s each", asked)
		}
	})
}

// A bank that speaks again is asked about everything without waiting for the next look.
func TestPileIsDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.inTurn = true
		for i := range 3000 {
			id := fmt.Sprintf("att_%04d", i)
			w.addAt("back", id)
			w.tells[id], w.takes[id] = 1, 20*time.Millisecond
		}
		run(t, w.resolver(0), 15*time.Second)
		if len(w.open) > 0 {
			t.Errorf("%d of 3,000 are still open after 13 s of 8 at once and 20 ms each", len(w.open))
		}
		if w.most > 8 {
			t.Errorf("%d at one bank at once, 8 allowed", w.most)
		}
	})
}

// A gate that refuses is not knocked at again for each attempt that waits.
func TestShutGateIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.inTurn = true
		for i := range 2000 {
			w.addAt("shut", fmt.Sprintf("att_%04d", i))
		}
		w.refuses = 1 << 30
		run(t, w.resolver(0), 12*time.Second)
		if knocked := 1<<30 - w.refuses; knocked < 5 || knocked > 100 {
			t.Errorf("knocked %d times in 10 s", knocked)
		}
	})
}

// An attempt that can't be asked about does not stand in the way of its neighbours.
func TestNoQuestionIsOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.addAt("bank", "broken")
		w.unaskable = "broken"
		<-time.After(time.Second)
		for i := range 100 {
			id := fmt.Sprintf("att_%03d", i)
			w.addAt("bank", id)
			w.tells[id] = 1
		}
		run(t, w.resolver(0), 4*time.Second)
		if len(w.open) != 1 {
			t.Errorf("%d are open, one can't be asked about", len(w.open))
		}
	})
}

// What waits when the resolver stops is asked about by the next.
func TestStopLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 30 {
			id := fmt.Sprintf("att_%02d", i)
			w.addAt("slow", id)
			w.takes[id] = 3 * time.Second
		}
		r := w.resolver(0)
		run(t, r, 3*time.Second)
		if len(w.asked) != 8 {
			t.Errorf("%d were asked about, 8 at once are allowed", len(w.asked))
		}
		for id := range w.open {
			w.tells[id] = 1
		}
		run(t, r, 5*time.Minute)
		if len(w.open) > 0 {
			t.Errorf("%d are open", len(w.open))
		}
	})
}
