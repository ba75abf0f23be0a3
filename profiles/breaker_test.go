package profiles_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/profiles"
)

// A reserve is one share for all, or one for each; a bank that says nothing of its breaker has one.
func TestReserveAndBreaker(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	load := func(from, to string) *profiles.Bank {
		t.Helper()
		m["banks/mybank.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(text, from, to, 1))}
		set, err := profiles.Load(m, profiles.LoadOptions{})
		must(t, err)
		return set.Bank("mybank")
	}
	if r := *load("", "").Limits.Reserve; r.Query != 0.05 || r.Confirm != 0.05 || r.Unsign != 0.02 || r.All() < 0.1199 || r.All() > 0.1201 {
		t.Errorf("by operation: %+v", r)
	}
	three := "reserve:\n    query: 5%       # for queries and reversals\n    confirm: 5%     # for confirm and cancel; queries may use it too\n    unsign: 2% "
	if r := *load(three, "reserve: 25% ").Limits.Reserve; r != profiles.Together(0.25) {
		t.Errorf("together: %+v", r)
	}
	abc, nucc := shipped(t).Bank("abc"), shipped(t).Channel("nucc")
	if r := *abc.Limits.Reserve; r != profiles.Together(0.1) || abc.Limits.Queue != 512 || abc.Limits.Wait.Std() != 500*time.Millisecond {
		t.Errorf("abc's limits: %+v", abc.Limits)
	}
	want := profiles.Breaker{
		Window: seconds(10), MinCalls: 20, FailureRate: 0.5, SlowRate: 0.8, SlowAfter: abc.Answers.To, Consecutive: 20,
		OpenFor: profiles.Range{Min: seconds(5), Max: seconds(60)}, Probes: 3,
	}
	if abc.Breaker != want {
		t.Errorf("abc's breaker: %+v", abc.Breaker)
	}
	want.SlowRate, want.SlowAfter = 0, 0
	if got := nucc.Breaker.Breaker(); got != want {
		t.Errorf("nucc's breaker: %+v", got)
	}
	if b := load("open_for: 5s..60s", "open_for: 7s").Breaker; b.OpenFor != (profiles.Range{Min: seconds(7), Max: seconds(7)}) {
		t.Errorf("one time for both: %+v", b.OpenFor)
	}
	if text, err := abc.Breaker.OpenFor.MarshalText(); err != nil || string(text) != "5s..1m0s" {
		t.Errorf("written as %s, %v", text, err)
	}
}

func seconds(n int) profiles.Duration { return profiles.Duration(time.Duration(n) * time.Second) }
