package journaltest

import (
	"testing"

	"kaqiao/gateway/internal/journal"
)

// ReadOnly has SQLite refuse every write of a journal until mend is called, as
// it does on a disk that may not be written. What is there can be read.
func ReadOnly(t testing.TB, s *journal.SQLite) (mend func()) {
	t.Helper()
	set := func(text string) {
		if err := s.Setting(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	set("query_only = 1")
	return func() { set("query_only = 0") }
}
