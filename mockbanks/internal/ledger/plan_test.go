package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// explained notes what is prepared.
type explained struct {
	*sql.DB
	queries []string
}

func (e *explained) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	e.queries = append(e.queries, query)
	return e.DB.PrepareContext(ctx, query)
}

// TestEveryStatementFindsItsRows lets SQLite explain its plans: with years of
// answers in the file, walking through a table would cost each call more than
// the one before.
func TestEveryStatementFindsItsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc.db")
	l := openAlone(t, path, 1)
	db, err := connect(path, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	seen := &explained{DB: db}
	if _, err := newTransaction(seen, l, Config{Messages: 1000}); err != nil {
		t.Fatal(err)
	}
	if _, err := newReader(seen); err != nil {
		t.Fatal(err)
	}
	// Of one row, of a sequence for each table, and of the page that has been cut already.
	harmless := map[string]bool{"SCAN CONSTANT ROW": true, "SCAN sqlite_sequence": true, "SCAN c": true,
		// These indexes hold nothing but what is asked for.
		"SCAN z USING INDEX cases_turning": true, "SCAN z USING INDEX cases_untold": true,
	}
	indexes := map[string]string{
		"address = +?3": "messages_by_address", "card = +?3": "agreements_by_card", "kind = +?6": "customers_by_kind",
		"AND state = 'fresh'": "codes_fresh", "state = 'signed'": "agreements_", "AND refusal = ''": "answers_that_signed", "max(made_at)": "codes_by_mobile",
		"d.made_at > ?5": "codes_by_mobile", "max(opened_at)": "cases_by_mobile", "z.opened_at > ?5": "cases_by_mobile",
		"SET state = 'superseded', decided_at": "cases_open", "z.number = +?": "sqlite_autoindex_cases",
	}
	for _, query := range seen.queries {
		steps := plan(t, db, query)
		for _, step := range steps {
			if strings.HasPrefix(step, "SCAN ") && !harmless[step] {
				t.Errorf("%s in %s", step, query)
			}
		}
		for part, index := range indexes {
			if all := strings.Join(steps, "\n"); strings.Contains(query, part) && !strings.Contains(all, index) {
				t.Errorf("no use of %s in %s:\n%s", index, query, all)
			}
		}
	}
	if len(seen.queries) < 20 {
		t.Errorf("only %d statements", len(seen.queries))
	}
}

func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, parameters(query))
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
	}()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

// parameters counts them: ?1 to ?9 by the highest, bare ones one by one.
func parameters(query string) int {
	for n := 9; n > 0; n-- {
		if strings.Contains(query, "?"+string(rune('0'+n))) {
			return n
		}
	}
	return strings.Count(query, "?")
}
