package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

var (
	// ErrStorage: the disk is full, may not be written or fails. Of a change nothing was done.
	ErrStorage = errors.New("ledger: the disk fails")
	// ErrDamaged: the file is not what was written. It comes with ErrStorage.
	ErrDamaged = errors.New("ledger: the file is damaged: put a copy back, or move it away and a new one is made")
)

// storage names what SQLite says of the disk, and leaves other errors as they are.
func storage(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return fmt.Errorf("%w: %w: %w", ErrStorage, ErrDamaged, err)
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm,
		sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol, sqlite3.ErrNomem:
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return err
}

// whole looks for damage in the whole of a file.
func whole(tx *sql.Tx) error {
	var found string
	if err := tx.QueryRowContext(context.Background(), "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %w: %s", ErrStorage, ErrDamaged, found)
	}
	return nil
}
