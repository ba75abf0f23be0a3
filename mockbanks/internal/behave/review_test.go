package behave_test

import (
	"math"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/profiles"
)

func TestReviewKeepsItsShares(t *testing.T) {
	share := func(s profiles.Share) *profiles.Share { return &s }
	minute := profiles.Duration(time.Minute)
	r := &profiles.Review{
		After: &profiles.Dist{Fixed: &minute}, Approve: share(0.6),
		Reject: []profiles.Rejection{{Reason: "declined", Share: share(0.2)}, {Reason: "unreachable", Share: share(0.1)}},
	}
	one, err := behave.New(behave.Config{Seed: 7, Subject: "bank/hsbc", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	two, err := behave.New(behave.Config{Seed: 7, Subject: "bank/hsbc", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	seen := map[string]int{}
	for i := range uint32(n) {
		key := behave.Key{Card: uint64(i) * 7919, Ordinal: i % 3}
		after, reason, ok := one.Review(r, key)
		if again, why, decided := two.Review(r, key); again != after || why != reason || decided != ok {
			t.Fatalf("the same seed gives %v %q %v and %v %q %v", after, reason, ok, again, why, decided)
		}
		switch {
		case !ok:
			seen["never"]++
		case after != time.Minute:
			t.Fatalf("after %v", after)
		default:
			seen[reason]++
		}
	}
	for what, want := range map[string]float64{"": 0.6, "declined": 0.2, "unreachable": 0.1, "never": 0.1} {
		if got := float64(seen[what]) / n; math.Abs(got-want) > 0.015 {
			t.Errorf("%q: %.3f, want %.3f", what, got, want)
		}
	}
	if _, _, ok := one.Review(nil, behave.Key{}); ok {
		t.Error("somebody decides where nobody is said to")
	}
}
