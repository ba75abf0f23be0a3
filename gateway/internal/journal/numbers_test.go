package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/iso8583"
)

func TestNumbersAreUnique(t *testing.T) {
	folder := t.TempDir()
	seen := map[string][]uint64{}
	for range 2 { // the second time, after a restart
		s := open(t, folder)
		numbers := &journal.Numbers{Store: s}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 3000 {
					sequence := fmt.Sprintf("nucc/2026030%d", i%2)
					n, err := numbers.Next(t.Context(), sequence)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[sequence] = append(seen[sequence], n)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for sequence, numbers := range seen {
		slices.Sort(numbers)
		if len(numbers) != 24_000 || len(slices.Compact(numbers)) != 24_000 {
			t.Errorf("%s: %d numbers, %d of them different", sequence, len(numbers), len(slices.Compact(numbers)))
		}
		if numbers[0] != 1 {
			t.Errorf("%s begins with %d, want 1", sequence, numbers[0])
		}
	}
}

type reserver func() (uint64, error)

func (r reserver) Reserve(context.Context, string, uint64) (uint64, error) { return r() }

func TestNumbersWithoutStore(t *testing.T) {
	broken, calls := errors.New("broken"), 0
	numbers := &journal.Numbers{Store: reserver(func() (uint64, error) {
		if calls++; calls == 1 {
			return 0, broken
		}
		return 70_001, nil
	})}
	if _, err := numbers.Next(t.Context(), "a"); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	for want := uint64(70_001); want < 70_004; want++ {
		if n, err := numbers.Next(t.Context(), "a"); n != want || err != nil {
			t.Errorf("got %d, %v; want %d", n, err, want)
		}
	}
	if calls != 2 {
		t.Errorf("the store was asked %d times, want 2", calls)
	}
}

// A channel whose numbers hold a second and four digits of the serial has no
// number twice, although its gateway dies and starts five times within that second.
func TestNumbersDifferAcrossStartsWithinASecond(t *testing.T) {
	s := open(t, t.TempDir())
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, profiles.Beijing)
	seen := map[string]bool{}
	for start := range 5 {
		numbers := &journal.Numbers{Store: s}
		for range 1000 {
			n, err := numbers.Next(t.Context(), "bob/20260302")
			if err != nil {
				t.Fatal(err)
			}
			number, err := iso8583.Number(at, n)
			if err != nil || seen[number] {
				t.Fatalf("start %d: number %s was there before, %v", start, number, err)
			}
			seen[number] = true
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
