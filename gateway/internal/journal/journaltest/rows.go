package journaltest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// noon is the moment that the suite counts from.
var noon = time.Date(2026, 3, 2, 4, 0, 0, 123456789, time.UTC)

// binding is a new binding with every field set, its own by the number n.
func binding(n int) journal.Binding {
	return journal.Binding{
		ID: fmt.Sprintf("bnd_01HQ%08d", n), Version: 1,
		Caller: "wallet", UserID: fmt.Sprintf("user-%d", n), Platform: "wechat",
		Bank: "abc", Tier: "state", Channel: "nucc", Member: "C1010311000014",
		State: "applying", Live: true, Reason: op.BankBusy, RawCode: "PB511099",
		CardHash: []byte{byte(n), byte(n >> 8), 7}, CardLast4: "0007", CardType: "debit", CardScheme: "unionpay",
		Challenge: journal.Challenge{
			Kind: "sms", To: "138****0007", ExpiresAt: noon.Add(5 * time.Minute), ResendAt: noon.Add(time.Minute), AttemptsLeft: 3,
		},
		Number: fmt.Sprintf("2026030200%08d", n), Begun: noon,
		Agreement: fmt.Sprintf("AG%08d", n), Class: "I",
		PasswordFree: journal.PasswordFree{Enabled: true, LimitFen: 100_000},
		CreatedAt:    noon, UpdatedAt: noon.Add(time.Second), ExpiresAt: noon.Add(15 * time.Minute),
	}
}

// attempt is the k-th attempt of the n-th binding with every field set.
func attempt(n, k int) journal.Attempt {
	return journal.Attempt{
		ID: fmt.Sprintf("att_01HQ%08d%03d", n, k), Binding: binding(n).ID, Kind: op.Apply,
		Channel: "nucc", Bank: "abc", Number: fmt.Sprintf("2026030200%08d%03d", n, k), Of: "att_0",
		Settled: true, Outcome: op.Refused, Reason: op.NameMismatch, RawCode: "PB511017",
		IntendedAt: noon, Deadline: noon.Add(10 * time.Second), SettledAt: noon.Add(time.Second), Exchange: 123456 * time.Microsecond,
		AskAt: noon.Add(2 * time.Second), Asked: 2, NotFound: 1,
	}
}

func key(n int) journal.Key {
	return journal.Key{
		Caller: "wallet", Route: "POST /v1/bindings", Key: fmt.Sprintf("key-%d", n),
		Fingerprint: []byte{1, 2, byte(n)}, Binding: binding(n).ID, At: noon,
	}
}

// apply writes a change that must be taken.
func apply(t testing.TB, s journal.Store, c journal.Change) {
	t.Helper()
	if err := s.Apply(t.Context(), c); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

// refuse writes a change that must be refused as want.
func refuse(t testing.TB, s journal.Store, c journal.Change, want error) {
	t.Helper()
	if err := s.Apply(t.Context(), c); !errors.Is(err, want) {
		t.Fatalf("apply: got %v, want %v", err, want)
	}
}

// must returns what a read gave.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		return v
	}
}

// gone checks that a read finds nothing.
func gone[T any](t testing.TB, what string) func(T, error) {
	return func(_ T, err error) {
		t.Helper()
		if !errors.Is(err, journal.ErrNotFound) {
			t.Fatalf("%s: got %v, want %v", what, err, journal.ErrNotFound)
		}
	}
}
