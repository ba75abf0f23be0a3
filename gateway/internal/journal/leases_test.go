package journal

import (
	"fmt"
	"testing"
	"time"
)

// Whoever looks every second at what is its own pays no commit for it; a page is taken in one.
func TestLeaseIsOneWrite(t *testing.T) {
	s := openInside(t, 0)
	now := time.Unix(1_770_000_000, 0)
	const many = 1000
	for first := 0; first < many; first += maxAttempts {
		var c Change
		for k := first; k < min(many, first+maxAttempts); k++ {
			c.Attempts = append(c.Attempts, Attempt{ID: fmt.Sprint("att_", k), Channel: "nucc", Bank: fmt.Sprint(k % 16), Settled: true, AskAt: now})
		}
		if err := s.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	commits := 0
	s.stmts.conn.RegisterCommitHook(func() int { commits++; return 0 }) // the writer rests
	lease := Lease{Owner: "one", Now: now, For: time.Minute}
	for _, c := range []struct {
		after  time.Duration
		writes int
	}{{0, 1}, {time.Second, 0}, {30 * time.Second, 0}, {31 * time.Second, 1}, {32 * time.Second, 0}} {
		before := commits
		lease.Now = now.Add(c.after)
		if got, err := s.LeaseDue(t.Context(), lease, many); err != nil || len(got) != many {
			t.Fatalf("after %v: %d, %v", c.after, len(got), err)
		}
		if wrote := commits - before; wrote != c.writes {
			t.Errorf("after %v: %d commits, want %d", c.after, wrote, c.writes)
		}
	}
}

// BenchmarkLease measures a look at a pile of 10,000, of which 1,024 are taken.
func BenchmarkLease(b *testing.B) {
	s := openInside(b, 0)
	now := time.Unix(1_770_000_000, 0)
	for first := 0; first < 10_000; first += maxAttempts {
		var c Change
		for k := first; k < first+maxAttempts; k++ {
			c.Attempts = append(c.Attempts, Attempt{ID: fmt.Sprintf("att_%05d", k), Channel: "nucc", Bank: fmt.Sprint(k % 16), Settled: true, AskAt: now})
		}
		if err := s.Apply(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	lease := Lease{Owner: "one", Now: now, For: time.Minute}
	for b.Loop() {
		lease.Now = lease.Now.Add(31 * time.Second)
		if got, err := s.LeaseDue(b.Context(), lease, 1024); err != nil || len(got) != 1024 {
			b.Fatalf("%d, %v", len(got), err)
		}
	}
}
