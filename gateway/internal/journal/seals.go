package journal

import (
	"context"
	"errors"
	"fmt"
)

// maxSeals is the longest page of sealed data.
const maxSeals = 1000

// errBusy: somebody was reading, so the log is as long as it was.
var errBusy = errors.New("the log is being read")

// SealedAfter implements Seals.
func (s *SQLite) SealedAfter(ctx context.Context, after string, limit int) ([]Sealed, error) {
	if limit < 1 || limit > maxSeals {
		return nil, fmt.Errorf("journal: sealed data: limit %d: must be 1 to %d", limit, maxSeals)
	}
	return all(ctx, s.read.seals, scanSealed, after, limit)
}

func scanSealed(row scanner) (x Sealed, err error) {
	err = row.Scan(&x.Binding, &x.Data)
	return x, err
}

// Truncate implements Seals: the write-ahead log is brought into the tables
// and cut to nothing. Whoever writes meanwhile waits.
func (s *SQLite) Truncate(ctx context.Context) error {
	var busy, inLog, moved int
	err := s.readDB.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &inLog, &moved)
	if err == nil && busy != 0 {
		err = errBusy
	}
	if err != nil {
		return fmt.Errorf("journal: truncate: %w", s.health.judge(err))
	}
	return nil
}
