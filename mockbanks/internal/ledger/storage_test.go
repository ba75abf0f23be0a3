package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/secret"
)

func set(t testing.TB, l *ledger.Ledger, pragma string) {
	t.Helper()
	if err := l.Setting(pragma); err != nil {
		t.Fatalf("%s: %v", pragma, err)
	}
}

// A bank whose disk does not take what it does has not done it: it never says
// yes to what is not in its book, and does it once when it can.
func TestDiskThatDoesNotTakeIt(t *testing.T) {
	for name, c := range map[string]struct{ breaks, mends string }{
		"full":      {"max_page_count = 1", "max_page_count = 1000000"}, // 1 stands for as many as there are
		"read-only": {"query_only = 1", "query_only = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			const many = 400
			l := open(t, ledger.Config{People: people(many)})
			codes := make([]string, many)
			for i := range many / 2 {
				refusal(t, "apply", apply(t, l, fmt.Sprint("n", i), identity(numbered(i))), "")
				codes[i] = latestCode(t, l, numbered(i))
			}
			set(t, l, c.breaks)
			given, failed := map[int]string{}, 0
			var mu sync.Mutex
			var all sync.WaitGroup
			for i := range many { // half of them confirm, half apply, side by side
				all.Go(func() {
					who, number := numbered(i), fmt.Sprint("n", i)
					var a ledger.Answer
					var err error
					if i < many/2 {
						a, err = l.Confirm(context.Background(), ledger.Confirm{Request: request(number), Identity: identity(who), Code: secret.NewCode(codes[i]), Account: "u_1001"})
					} else {
						a, err = l.Apply(context.Background(), ledger.Apply{Request: request(number), Identity: identity(who)})
					}
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && a.Refusal == "":
						given[i] = a.Agreement
					case errors.Is(err, ledger.ErrStorage):
						failed++
					default:
						t.Errorf("%d: %+v, %v", i, a, err)
					}
				})
			}
			all.Wait()
			if failed == 0 || failed+len(given) != many {
				t.Fatalf("%d failed, %d went well", failed, len(given))
			}
			set(t, l, c.mends)
			for i := range many {
				who, number, operation := numbered(i), fmt.Sprint("n", i), "apply"
				agreement, said := given[i]
				if i < many/2 {
					operation = "confirm"
				}
				a, found, err := l.Recall(t.Context(), "nucc", operation, number)
				if err != nil || found != said || a.Agreement != agreement {
					t.Errorf("%d said yes: %v; its book says %v, %+v, %v", i, said, found, a, err)
				}
				if i >= many/2 {
					continue
				}
				if again := confirm(t, l, number, identity(who), codes[i]); again.Repeated != said || said && again.Agreement != agreement || again.Agreement == "" {
					t.Errorf("%d again: %+v", i, again)
				}
				if held := agreements(t, l, who.Cards[0].Number); len(held) != 1 {
					t.Errorf("%d holds %d agreements", i, len(held))
				}
			}
		})
	}
}

// A file that is damaged under a running bank: an answer is right or there is none; and the next start says what to do.
func TestDamagedFile(t *testing.T) {
	const many = 600
	path := filepath.Join(t.TempDir(), "abc.db")
	l := open(t, ledger.Config{Path: path, People: people(many)})
	given := map[string]string{}
	for i := range many {
		number := fmt.Sprint("n", i)
		refusal(t, "apply", apply(t, l, number, identity(numbered(i))), "")
		given[number] = confirm(t, l, number, identity(numbered(i)), latestCode(t, l, numbered(i))).Agreement
	}
	set(t, l, "wal_checkpoint(TRUNCATE)")
	whole, err := os.ReadFile(path) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	copy(damaged[len(damaged)/4:len(damaged)*3/4], bytes.Repeat([]byte{0xA5, 0x5A, 3}, len(damaged)))
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	met := 0
	for number, agreement := range given {
		a, found, err := l.Recall(t.Context(), "nucc", "confirm", number)
		switch {
		case errors.Is(err, ledger.ErrDamaged) && errors.Is(err, ledger.ErrStorage):
			met++
		case err != nil || !found || a.Agreement != agreement:
			t.Errorf("%s: %v, %+v, %v", number, found, a, err)
		}
	}
	if met == 0 {
		t.Fatal("nobody met the damage: the test proves nothing")
	}
	if err := l.Close(); err != nil && !errors.Is(err, ledger.ErrStorage) {
		t.Logf("close: %v", err)
	}
	for range 2 {
		if _, err := ledger.Open(ledger.Config{Path: path, Terms: terms()}); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("opened: %v", err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found, err := open(t, ledger.Config{Path: path}).Recall(t.Context(), "nucc", "confirm", "n0"); err != nil || !found {
		t.Errorf("a copy that was put back: %v, %v", found, err)
	}
}
