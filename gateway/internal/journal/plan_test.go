package journal

import (
	"strings"
	"testing"
)

// No read walks through a whole table, however large the journal has grown.
func TestReadsUseIndexes(t *testing.T) {
	s := openInside(t, 0)
	for _, q := range new(readStatements).queries() {
		steps := plan(t, s, q.text)
		if len(steps) == 0 {
			t.Errorf("%s: no plan", q.text)
		}
		for _, step := range steps {
			if strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN json_each") && !strings.HasPrefix(step, "SCAN (subquery-") {
				t.Errorf("%s\n%s", q.text, step)
			}
		}
	}
}

func plan(t *testing.T, s *SQLite, query string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	rows, err := s.readDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
