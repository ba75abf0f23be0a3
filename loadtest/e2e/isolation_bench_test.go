package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"kaqiao/loadtest/load"
)

// The load on banks that hang, beside that of BenchmarkCall on a healthy one.
const (
	hungBanks = 2
	hungRate  = 120.0            // applies a second over them
	hungFill  = 10 * time.Second // their time-out: from then on as many wait as ever will, 1,200
)

// BenchmarkIsolation says what a healthy bank feels of others behind the same
// hub that never answer: p50 and p99 of a sign apply beside them, divided by
// those beside the same two, asked as often, while they answer; in turn A B B A
// A B, medians. What the hung ones hold is more than a thousand connections,
// and each that times out costs a new one.
func BenchmarkIsolation(b *testing.B) {
	hub, rate, results := startHub(b), 0.0, map[bool][]leg{}
	for b.Loop() {
		for _, hanging := range []bool{false, true, true, false, false, true} {
			p := startWith(b, "gateway", hub, inventBanks(hungBanks))
			others := p.banks
			p.banks = nil // the healthy one is abc
			throughput := p.warm(b)
			if rate == 0 {
				rate = throughput / 4
			}
			stop := p.beside(b, others, hanging)
			results[hanging] = append(results[hanging], p.measure(b, rate))
			stop()
			p.kill()
		}
	}
	b.Logf("open load of %.0f applies/s on a healthy bank, %.0f on %d that hang", rate, hungRate, hungBanks)
	for _, hanging := range []bool{false, true} {
		for _, l := range results[hanging] {
			b.Logf("hanging %t: %d of %d applies failed, p50 %v, p99 %v, cpu of the gateway %v", hanging, l.failed, l.added.Count(), l.added.At(50), l.added.At(99), l.cpu*time.Duration(l.added.Count()))
		}
	}
	for _, at := range []float64{50, 99} {
		figure := func(l leg) time.Duration { return l.added.At(at) }
		with, without := median(results[true], figure), median(results[false], figure)
		b.Logf("p%.0f with hanging banks %v, without %v: %.2f times", at, with, without, float64(with)/float64(without))
	}
}

// beside asks these banks until stop is called, and lets them hang where told to.
func (p *underTest) beside(b *testing.B, banks []invented, hanging bool) (stop func()) {
	b.Helper()
	hung := map[string]bool{}
	for _, bank := range banks {
		hung[bank.member] = hanging
	}
	p.hub.hung.Store(&hung)
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	all.Go(func() {
		load.Attack{Pace: load.Constant(hungRate, time.Hour), Grace: time.Millisecond}.Run(ctx, func(ctx context.Context, i int, _ time.Time) {
			_, _ = p.bind(ctx, 1_000_000+int64(i), banks[i%len(banks)].card) // it times out, or the gate refuses it
		})
	})
	full := time.NewTimer(hungFill)
	defer full.Stop()
	<-full.C
	return func() {
		cancel()
		all.Wait()
		p.hub.hung.Store(nil)
	}
}
