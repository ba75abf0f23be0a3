package journal_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, folder string) *journal.SQLite {
	t.Helper()
	s, err := journal.Open(journal.Config{Path: filepath.Join(folder, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	journaltest.Run(t, func(t testing.TB, folder string) journal.Store { return open(t, folder) })
}

// Nobody reads for a caller who has gone.
func TestReadForNobody(t *testing.T) {
	s := open(t, t.TempDir())
	t.Cleanup(func() { _ = s.Close() })
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, binding := s.Binding(ctx, "bnd_1")
	_, attempt := s.Attempt(ctx, "att_1")
	_, key := s.Key(ctx, "wallet", "POST /v1/bindings", "k")
	_, sealed := s.Sealed(ctx, "bnd_1")
	for what, err := range map[string]error{"binding": binding, "attempt": attempt, "key": key, "sealed": sealed} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", what, err, context.Canceled)
		}
	}
}
