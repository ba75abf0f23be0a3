package ledger

import (
	"errors"
	"testing"
)

func TestBell(t *testing.T) {
	b := newBell(3)
	all, leaveAll, err1 := b.listen("")
	mine, leaveMine, err2 := b.listen("mine")
	again, leaveAgain, err3 := b.listen("mine")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	rung := func() (n [3]int) { return [3]int{len(all), len(mine), len(again)} }

	b.ring(nil)
	if rung() != [3]int{} {
		t.Error("rung for nobody")
	}
	b.ring([]string{"other"})
	if rung() != [3]int{1, 0, 0} {
		t.Errorf("rung for another: %v", rung())
	}
	b.ring([]string{"other", "mine", "mine"})
	if rung() != [3]int{1, 1, 1} {
		t.Errorf("rung for two, with one signal left already: %v", rung())
	}

	if _, _, err := b.listen("x"); !errors.Is(err, ErrBusy) {
		t.Errorf("the fourth of three: %v", err)
	}
	leaveAgain()
	leaveMine()
	if len(b.waiting) != 1 {
		t.Errorf("%d addresses are kept for one that waits", len(b.waiting))
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	<-all // the signal that was left
	if _, open := <-all; open {
		t.Error("a stopped bell still rings")
	}
	leaveAll()
	if _, _, err := b.listen("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
