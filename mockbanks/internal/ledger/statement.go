package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statement is prepared once and lives as long as its connection.
type statement struct{ sql *sql.Stmt }

// preparer is a database, a connection or a transaction.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// keeper closes what was prepared through it. A connection by itself leaves its
// statements open, and SQLite then keeps the file open behind our back, with the log beside it.
type keeper struct {
	preparer
	kept []*sql.Stmt
}

func (k *keeper) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := k.preparer.PrepareContext(ctx, query)
	if err == nil {
		k.kept = append(k.kept, s)
	}
	return s, err
}

func (k *keeper) close() error {
	var errs []error
	for _, s := range k.kept {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func prepareAll(p preparer, queries map[*statement]string) error {
	for at, query := range queries {
		s, err := p.PrepareContext(background(), query)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
		at.sql = s
	}
	return nil
}

func (s statement) exec(args ...any) error {
	_, err := s.sql.ExecContext(background(), args...)
	return err
}

// insert returns the id of the row.
func (s statement) insert(args ...any) (id int64, err error) {
	r, err := s.sql.ExecContext(background(), args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

func (s statement) row(args ...any) *sql.Row { return s.sql.QueryRowContext(background(), args...) }

func (s statement) rows(ctx context.Context, args ...any) (*sql.Rows, error) {
	return s.sql.QueryContext(ctx, args...)
}

// background is for short calls into the driver: with a context that can end,
// it starts a goroutine for each of them.
func background() context.Context { return context.Background() }
