package journal_test

import (
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
