package behave

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/profiles"
)

func newBehaviour(t *testing.T, seed uint64, own Layer) *Behaviour {
	t.Helper()
	b, err := New(Config{Seed: seed, Subject: "bank/abc", Own: own, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func share(v float64) *profiles.Share {
	s := profiles.Share(v)
	return &s
}

func TestSeedIsWired(t *testing.T) {
	own := Layer{
		Latency: profiles.Latency{Apply: &profiles.Dist{Lognormal: &profiles.Lognormal{P50: d("1s"), P99: d("3s")}}},
		Faults:  []profiles.Fault{{Kind: "busy", Share: share(0.5)}},
	}
	fate := func(seed uint64, subject string) (delays []time.Duration, faults string) {
		b, err := New(Config{Seed: seed, Subject: subject, Own: own, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 {
			delays = append(delays, b.Delay("apply", Key{Card: uint64(i)}))
			faults += "," + b.Fault("epcc", "apply", Key{Card: uint64(i)}).Kind
		}
		return delays, faults
	}
	d1, f1 := fate(1, "bank/abc")
	for _, c := range []struct {
		seed    uint64
		subject string
		same    bool
	}{{1, "bank/abc", true}, {2, "bank/abc", false}, {1, "bank/icbc", false}} {
		d2, f2 := fate(c.seed, c.subject)
		if (d1[0] == d2[0]) != c.same || (d1[63] == d2[63]) != c.same {
			t.Errorf("seed %d, %s: delays the same: %v, want %v", c.seed, c.subject, !c.same, c.same)
		}
		if (f1 == f2) != c.same {
			t.Errorf("seed %d, %s: faults the same: %v, want %v", c.seed, c.subject, !c.same, c.same)
		}
	}
}

// Each part of the key changes the fate.
func TestEveryPartOfTheKeyCounts(t *testing.T) {
	one := chance(1, "bank/abc", "apply", Key{Card: 7, Ordinal: 2}, "delay", 3)
	for name, other := range map[string]float64{
		"seed":      chance(2, "bank/abc", "apply", Key{Card: 7, Ordinal: 2}, "delay", 3),
		"subject":   chance(1, "bank/abd", "apply", Key{Card: 7, Ordinal: 2}, "delay", 3),
		"operation": chance(1, "bank/abc", "query", Key{Card: 7, Ordinal: 2}, "delay", 3),
		"card":      chance(1, "bank/abc", "apply", Key{Card: 8, Ordinal: 2}, "delay", 3),
		"ordinal":   chance(1, "bank/abc", "apply", Key{Card: 7, Ordinal: 3}, "delay", 3),
		"purpose":   chance(1, "bank/abc", "apply", Key{Card: 7, Ordinal: 2}, "busy", 3),
		"index":     chance(1, "bank/abc", "apply", Key{Card: 7, Ordinal: 2}, "delay", 4),
		"borders":   chance(1, "bank/ab", "capply", Key{Card: 7, Ordinal: 2}, "delay", 3),
	} {
		if one == other {
			t.Errorf("%s changes nothing", name)
		}
	}
	if one != chance(1, "bank/abc", "apply", Key{Card: 7, Ordinal: 2}, "delay", 3) {
		t.Error("the same arguments give another chance")
	}
}

func TestShareIsHonoured(t *testing.T) {
	const n = 50_000
	for _, p := range []float64{0, 0.001, 0.1, 0.5, 1} {
		b := newBehaviour(t, 3, Layer{Faults: []profiles.Fault{{Kind: "garbage", Share: share(p)}}})
		struck := 0.0
		for i := range n {
			if b.Fault("epcc", "confirm", Key{Card: uint64(i)}).Kind == "garbage" {
				struck++
			}
		}
		if slack := 4 * math.Sqrt(n*p*(1-p)); math.Abs(struck-n*p) > slack {
			t.Errorf("share %g: struck %.0f of %d, want %.0f ± %.0f", p, struck, n, n*p, slack)
		}
		if float64(b.Struck()["garbage"]) != struck {
			t.Errorf("share %g: counted %d, struck %.0f", p, b.Struck()["garbage"], struck)
		}
	}
	if b := newBehaviour(t, 3, Layer{Faults: []profiles.Fault{{Kind: "busy"}}}); b.Fault("epcc", "apply", Key{}).Kind != "busy" {
		t.Error("a fault without a share does not strike every call")
	}
}

func TestCountIsExactUnderConcurrency(t *testing.T) {
	b := newBehaviour(t, 1, Layer{Faults: []profiles.Fault{{Kind: "busy", Count: 1000}, {Kind: "garbage", Count: 1}}})
	var wait sync.WaitGroup
	for g := range 16 {
		wait.Go(func() {
			for i := range 500 {
				b.Fault("epcc", "apply", Key{Card: uint64(g), Ordinal: uint32(i)})
			}
		})
	}
	wait.Wait()
	if got := b.Struck(); got["busy"] != 1000 || got["garbage"] != 1 {
		t.Errorf("struck %v, want busy 1000 and garbage 1", got)
	}
	now := b.Now()
	if f := now.Faults[0]; *f.Left != 0 || !f.Over || f.Struck != 1000 {
		t.Errorf("the used up fault shows left %d, over %v, struck %d", *f.Left, f.Over, f.Struck)
	}
}

func TestForSEnds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b, err := New(Config{Subject: "bank/abc", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Put(Layer{Faults: []profiles.Fault{{Kind: "busy", ForS: 60}}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(60*time.Second - 1)
	if got := b.Fault("epcc", "apply", Key{}).Kind; got != "busy" || b.Now().Faults[0].Over {
		t.Errorf("inside the time: %q", got)
	}
	now = now.Add(1)
	if got := b.Fault("epcc", "apply", Key{}).Kind; got != "" || !b.Now().Faults[0].Over {
		t.Errorf("after the time: %q", got)
	}
}

func TestOperationLimitsAFault(t *testing.T) {
	b := newBehaviour(t, 1, Layer{Faults: []profiles.Fault{{Kind: "busy", Operation: "confirm"}, {Kind: "garbage"}}})
	if got := b.Fault("epcc", "confirm", Key{}).Kind; got != "busy" {
		t.Errorf("confirm: %q, want the first fault that matches", got)
	}
	if got := b.Fault("epcc", "apply", Key{}).Kind; got != "garbage" {
		t.Errorf("apply: %q", got)
	}
}

func TestLayers(t *testing.T) {
	own := Layer{
		Latency: profiles.Latency{Default: fixed("1s"), Apply: fixed("2s"), Query: fixed("3s")},
		Faults:  []profiles.Fault{{Kind: "busy", Count: 2}},
	}
	b := newBehaviour(t, 1, own)
	delays := func() [3]time.Duration {
		return [3]time.Duration{b.Delay("apply", Key{}), b.Delay("query", Key{}), b.Delay("unsign", Key{})}
	}
	expect := func(when string, want [3]time.Duration, fault string) {
		t.Helper()
		if got := delays(); got != want {
			t.Errorf("%s: delays %v, want %v", when, got, want)
		}
		if got := b.Fault("epcc", "apply", Key{}).Kind; got != fault {
			t.Errorf("%s: fault %q, want %q", when, got, fault)
		}
	}
	put := func(l Layer) {
		t.Helper()
		if err := b.Put(l); err != nil {
			t.Fatal(err)
		}
	}
	s := time.Second
	expect("own", [3]time.Duration{2 * s, 3 * s, s}, "busy")
	put(Layer{Latency: profiles.Latency{Apply: fixed("5s")}})
	expect("latency only", [3]time.Duration{5 * s, 3 * s, s}, "busy") // the own fault's second and last strike
	put(Layer{Latency: profiles.Latency{Default: fixed("9s")}, Faults: []profiles.Fault{{Kind: "garbage"}}})
	expect("another layer", [3]time.Duration{2 * s, 3 * s, 9 * s}, "garbage")
	put(Layer{Faults: []profiles.Fault{}})
	expect("no faults", [3]time.Duration{2 * s, 3 * s, s}, "")
	b.Remove()
	expect("removed", [3]time.Duration{2 * s, 3 * s, s}, "") // its count is used up, not begun again
	if b.Now().Layered {
		t.Error("a removed layer still shows")
	}
}

func TestLayersAreChecked(t *testing.T) {
	both := fixed("1s")
	both.Uniform = &profiles.Uniform{}
	for name, c := range map[string]struct {
		layer Layer
		says  []string
	}{
		"kind":      {Layer{Faults: []profiles.Fault{{Kind: "gremlin"}}}, []string{"faults[0].kind", "no_reply_after_commit", "busy"}},
		"operation": {Layer{Faults: []profiles.Fault{{Kind: "busy", Operation: "sing"}}}, []string{"faults[0].operation", "confirm"}},
		"share":     {Layer{Faults: []profiles.Fault{{Kind: "busy", Share: share(math.NaN())}}}, []string{"faults[0].share"}},
		"count":     {Layer{Faults: []profiles.Fault{{Kind: "busy", Count: -1}}}, []string{"faults[0].count"}},
		"delay":     {Layer{Faults: []profiles.Fault{{Kind: "late_reply", Delay: d("11m")}}}, []string{"faults[0].delay", "10m"}},
		"no delay":  {Layer{Faults: []profiles.Fault{{Kind: "busy", Delay: d("1s")}}}, []string{"faults[0].delay", "late_reply"}},
		"protocol":  {Layer{Faults: []profiles.Fault{{Kind: "http_5xx"}}}, []string{"faults[0].kind", "iso8583", "only over epcc and jws"}},
		"can't":     {Layer{Faults: []profiles.Fault{{Kind: "not_found_for_a_while"}}}, []string{"faults[0].kind", "iso8583", "only over epcc and jws"}},
		"for":       {Layer{Faults: []profiles.Fault{{Kind: "busy", For: d("1s")}}}, []string{"faults[0].for", "not_found_for_a_while"}},
		"after":     {Layer{Faults: []profiles.Fault{{Kind: "busy", AfterCommit: true}}}, []string{"faults[0].after_commit", "http_5xx"}},
		"for_s":     {Layer{Faults: []profiles.Fault{{Kind: "busy", ForS: maxForS + 1}}}, []string{"faults[0].for_s"}},
		"many":      {Layer{Faults: make([]profiles.Fault, 65)}, []string{"at most 64"}},
		"two dists": {Layer{Latency: profiles.Latency{Apply: both}}, []string{"latency.apply", "exactly one"}},
		"no dist":   {Layer{Latency: profiles.Latency{Apply: &profiles.Dist{}}}, []string{"latency.apply", "exactly one"}},
		"too long":  {Layer{Latency: profiles.Latency{Query: fixed("25h")}}, []string{"latency.query", "24h"}},
		"uniform":   {Layer{Latency: profiles.Latency{Query: &profiles.Dist{Uniform: &profiles.Uniform{Min: d("2s"), Max: d("1s")}}}}, []string{"min <= max"}},
		"p99":       {Layer{Latency: profiles.Latency{Query: &profiles.Dist{Lognormal: &profiles.Lognormal{P50: d("2s"), P99: d("2s")}}}}, []string{"p50 < p99"}},
		"cap":       {Layer{Latency: profiles.Latency{Query: &profiles.Dist{Lognormal: &profiles.Lognormal{P50: d("1s"), P99: d("2s"), Cap: d("25h")}}}}, []string{"cap"}},
		"all of it": {Layer{Latency: profiles.Latency{Query: fixed("25h"), Apply: fixed("26h")}, Faults: []profiles.Fault{{Kind: "x", Count: -1}}}, []string{"latency.query", "latency.apply", "faults[0].kind", "faults[0].count"}},
	} {
		b := newBehaviour(t, 1, Layer{Latency: profiles.Latency{Apply: fixed("1s")}})
		b.cfg.Protocols = []string{"iso8583"}
		err := b.Put(c.layer)
		var wrong *LayerError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v, want a LayerError", name, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
		if b.Delay("apply", Key{}) != time.Second {
			t.Errorf("%s: the refused layer is in force", name)
		}
	}
}

func TestOrdinalsCountEachPair(t *testing.T) {
	o := NewOrdinals(DefaultRemembered)
	for want := range uint32(3) {
		if got := o.Next("apply", 7); got != want {
			t.Errorf("apply: %d, want %d", got, want)
		}
	}
	if o.Next("confirm", 7) != 0 || o.Next("apply", 8) != 0 {
		t.Error("another operation or card does not begin at 0")
	}
	if o.Next("apply", 7) != 3 {
		t.Error("other pairs disturbed the count")
	}
}

func TestOrdinalsAreBounded(t *testing.T) {
	const limit = 1024
	o := NewOrdinals(limit)
	for i := range 50 * limit {
		o.Next("apply", Fold(string(rune(i))))
	}
	held := 0
	for i := range o.shards {
		held += len(o.shards[i].young) + len(o.shards[i].old)
	}
	if held > limit {
		t.Errorf("%d pairs are remembered, at most %d allowed", held, limit)
	}
	// A pair in constant use is never forgotten.
	o = NewOrdinals(limit)
	for i := range uint32(10_000) {
		if got := o.Next("apply", 1); got != i {
			t.Fatalf("after %d other pairs: %d", i, got)
		}
		o.Next("apply", uint64(i+1)*shards+1) // of the same shard or another, as it falls
	}
}

func TestCardsRemember(t *testing.T) {
	c := NewCards(DefaultRemembered)
	c.Remember("20260102", 42)
	if c.Of("20260102") != 42 {
		t.Error("forgotten")
	}
	if c.Of("other") != Fold("other") {
		t.Error("an unknown number does not stand for itself")
	}
}

func BenchmarkPlan(b *testing.B) {
	subject, err := New(Config{Subject: "bank/abc", Now: time.Now, Own: Layer{
		Latency: profiles.Latency{Apply: &profiles.Dist{Lognormal: &profiles.Lognormal{P50: d("600ms"), P99: d("2s"), Cap: d("2s")}}},
		Faults:  []profiles.Fault{{Kind: "busy", Share: share(0.001)}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	ordinals := NewOrdinals(DefaultRemembered)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint64(0); pb.Next(); i++ {
			key := Key{Card: i % 1000, Ordinal: ordinals.Next("apply", i%1000)}
			subject.Delay("apply", key)
			subject.Fault("epcc", "apply", key)
		}
	})
}
