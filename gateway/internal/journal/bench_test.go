package journal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/internal/op"
)

// benchmarkCallers is how many wait for a commit at once.
const benchmarkCallers = 64

// BenchmarkApply measures durable changes a second of 64 callers and, in the
// same run, of its floor: one loop that writes the same rows with the same
// statements, 64 changes a transaction, without callers, queue or savepoints.
// The metric floor-ratio is the first over the second.
func BenchmarkApply(b *testing.B) {
	s, floor := openInside(b, 0), openInside(b, 0)
	var applied, raw time.Duration
	var next, floorNext int
	for b.Loop() {
		const rounds = 16 // signings of each caller, four changes each
		b.StopTimer()
		began := time.Now()
		rawSignings(b, floor, floorNext, rounds*benchmarkCallers)
		raw += time.Since(began)
		floorNext += rounds * benchmarkCallers
		b.StartTimer()
		began = time.Now()
		applySignings(b, s, next, rounds)
		applied += time.Since(began)
		next += rounds * benchmarkCallers
	}
	changes := float64(4 * next)
	b.ReportMetric(changes/applied.Seconds(), "changes/s")
	b.ReportMetric(changes/raw.Seconds(), "floor-changes/s")
	b.ReportMetric(raw.Seconds()/applied.Seconds(), "floor-ratio")
}

func applySignings(b *testing.B, s *SQLite, from, rounds int) {
	var next atomic.Int64
	next.Store(int64(from))
	var all sync.WaitGroup
	for range benchmarkCallers {
		all.Go(func() {
			for range rounds {
				for _, c := range signing(int(next.Add(1))) {
					if err := s.Apply(context.Background(), c); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// rawSignings has the writer's goroutine of the floor's journal write alone.
func rawSignings(b *testing.B, s *SQLite, from, signings int) {
	err := s.submit(context.Background(), func(w *writeStatements) error {
		// Out of the transaction that submit has begun, into our own.
		if err := run(w.commit); err != nil {
			return err
		}
		var group [benchmarkCallers][4]Change
		for first := 1; first <= signings; first += benchmarkCallers {
			for n := range group {
				group[n] = signing(from + first + n)
			}
			for step := range 4 {
				if err := run(w.begin); err != nil {
					return err
				}
				for n := range group {
					if err := w.apply(&group[n][step]); err != nil {
						return err
					}
				}
				if err := run(w.commit); err != nil {
					return err
				}
			}
		}
		return run(w.begin)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// signing is what one signing writes: apply and confirm, each meant before it
// is sent and settled after.
func signing(n int) [4]Change {
	at := time.Unix(1_770_000_000, int64(n))
	id := fmt.Sprintf("bnd_01HQ%022d", n)
	binding := func(version int64, state string) *Binding {
		return &Binding{
			ID: id, Version: version, Caller: "wallet-one", UserID: "user-" + id, Platform: "wechat", Bank: "abc", Tier: "state",
			Channel: "nucc", Member: "C1010311000014", State: state, Live: true, CardHash: []byte(id + "......"),
			CardLast4: "0007", CardType: "debit", CardScheme: "unionpay", Number: "2026030200" + id, Begun: at,
			Challenge: Challenge{Kind: "sms", To: "138****0007", ExpiresAt: at, ResendAt: at, AttemptsLeft: 3},
			CreatedAt: at, UpdatedAt: at, ExpiresAt: at,
		}
	}
	attempt := func(k int, kind op.Kind, settled bool) []Attempt {
		a := Attempt{
			ID: fmt.Sprintf("att_%d%s", k, id), Binding: id, Kind: kind, Channel: "nucc", Bank: "abc",
			Number: fmt.Sprintf("%d-2026030200%s", k, id), IntendedAt: at, Deadline: at.Add(10 * time.Second),
		}
		if settled {
			a.Settled, a.Outcome, a.SettledAt, a.Exchange = true, op.Accepted, at, time.Second
		}
		return []Attempt{a}
	}
	key := Key{Caller: "wallet-one", Route: "POST /v1/bindings", Key: id, Fingerprint: []byte(id), Binding: id, At: at}
	answered := key
	answered.Status, answered.Body = 201, make([]byte, 600)
	return [4]Change{
		{Binding: binding(1, "applying"), Attempts: attempt(1, op.Apply, false), NewKey: &key, Sealed: &Sealed{Binding: id, Data: make([]byte, 400)}},
		{Binding: binding(2, "awaiting_code"), Attempts: attempt(1, op.Apply, true), AnsweredKey: &answered},
		{Binding: binding(3, "confirming"), Attempts: attempt(2, op.Confirm, false)},
		{Binding: binding(4, "active"), Attempts: attempt(2, op.Confirm, true)},
	}
}

// BenchmarkRead measures one row by its key, as every request reads its
// idempotency key, under a context that a caller may cancel.
func BenchmarkRead(b *testing.B) {
	s := openInside(b, 0)
	for _, c := range signing(1) {
		if err := s.Apply(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	id := signing(1)[0].Binding.ID
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Key(ctx, "wallet-one", "POST /v1/bindings", id); err != nil {
			b.Fatal(err)
		}
	}
}
