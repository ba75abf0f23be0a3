package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// The writer speaks to the driver without database/sql between them: it owns
// one connection and one goroutine, so a pool has nothing to do there, and a
// change costs a third less.

// statement is a prepared statement of the writer, with room for its
// arguments that is used again and again.
type statement struct {
	stmt  driver.Stmt
	args  []driver.NamedValue
	wrote *bool // set when it has run
}

func prepare(conn *sqlite3.SQLiteConn, query string, wrote *bool) (*statement, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.40q: %w", query, err)
	}
	return &statement{stmt: stmt, args: make([]driver.NamedValue, stmt.NumInput()), wrote: wrote}, nil
}

// exec runs the statement and says how many rows it changed. The values are
// int64, string, []byte or nil.
func (s *statement) exec(values ...driver.Value) (int64, error) {
	result, err := s.stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(values))
	if err != nil {
		return 0, err
	}
	*s.wrote = true
	return result.RowsAffected()
}

// number runs a statement that gives one row with one integer.
func (s *statement) number(values ...driver.Value) (_ int64, err error) {
	rows, err := s.stmt.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(values))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var row [1]driver.Value
	if err := rows.Next(row[:]); err != nil {
		return 0, err
	}
	*s.wrote = true
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("column is a %T, not an integer", row[0])
	}
	return n, nil
}

func (s *statement) bind(values []driver.Value) []driver.NamedValue {
	for i, v := range values {
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return s.args[:len(values)]
}

// is reports whether SQLite refused a row for this constraint.
func is(err error, constraint sqlite3.ErrNoExtended) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.ExtendedCode == constraint
}
