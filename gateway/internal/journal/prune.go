package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// maxPrune is the largest page of what is looked at to be forgotten: it bounds how long the writer is held.
const maxPrune = 500

// What is old is asked for page by page, in the order of the tables, so that it needs no index that every write would pay for.
const (
	// A key stays while its binding has something to be found out. One of the gateway's own (a word of a bank that
	// came before what it is about) belongs to no binding: it stays while anything older than it is open.
	oldKeysSQL = `SELECT caller, route, key, at < ? AND NOT EXISTS (
			SELECT 1 FROM attempts AS a WHERE k.binding <> '' AND a.binding = k.binding AND a.due_at IS NOT NULL
		) AND (k.binding <> '' OR NOT EXISTS (
			SELECT 1 FROM attempts AS a WHERE a.due_at IS NOT NULL AND a.due_at > 0 AND a.intended_at <= k.at))
		FROM keys AS k WHERE (caller, route, key) > (?, ?, ?) ORDER BY caller, route, key LIMIT ?`
	pruneKeySQL  = `DELETE FROM keys WHERE caller = ? AND route = ? AND key = ?`
	oldEventsSQL = `SELECT id, at < ? AND state = 'delivered' FROM events WHERE id > ? ORDER BY id LIMIT ?`
	// It may have been replayed meanwhile.
	pruneEventSQL = `DELETE FROM events WHERE id = ? AND state = 'delivered'`
)

// old is a row that was looked at: where it stands, and whether it may be forgotten.
type old struct {
	place []string
	over  bool
}

func scanOldKey(row scanner) (o old, err error) {
	o.place = make([]string, 3)
	err = row.Scan(&o.place[0], &o.place[1], &o.place[2], &o.over)
	return o, err
}

func scanOldEvent(row scanner) (o old, err error) {
	o.place = make([]string, 1)
	err = row.Scan(&o.place[0], &o.over)
	return o, err
}

// PruneKeys implements Pruning.
func (s *SQLite) PruneKeys(ctx context.Context, before time.Time, after string, limit int) (removed int, next string, err error) {
	from, err := cursor(after, 3)
	if err != nil {
		return 0, "", err
	}
	return s.prune(ctx, limit, func() ([]old, error) {
		return all(ctx, s.read.oldKeys, scanOldKey, nanos(before), from[0], from[1], from[2], limit)
	}, func(w *writeStatements) *statement { return w.pruneKey })
}

// PruneEvents implements Pruning.
func (s *SQLite) PruneEvents(ctx context.Context, before time.Time, after string, limit int) (removed int, next string, err error) {
	from, err := cursor(after, 1)
	if err != nil {
		return 0, "", err
	}
	return s.prune(ctx, limit, func() ([]old, error) {
		return all(ctx, s.read.oldEvents, scanOldEvent, nanos(before), from[0], limit)
	}, func(w *writeStatements) *statement { return w.pruneEvent })
}

// cursor reads what prune has given as next: the key of the last row of a page.
func cursor(after string, columns int) ([]string, error) {
	from := make([]string, columns)
	if after == "" {
		return from, nil
	}
	if err := json.Unmarshal([]byte(after), &from); err != nil || len(from) != columns {
		return nil, fmt.Errorf("journal: prune: cursor of %d bytes: not one of this table", len(after))
	}
	return from, nil
}

// prune looks at a page and removes what is over in one commit; where nothing is, it writes nothing.
func (s *SQLite) prune(ctx context.Context, limit int, page func() ([]old, error), by func(*writeStatements) *statement) (removed int, next string, err error) {
	if limit < 1 || limit > maxPrune {
		return 0, "", fmt.Errorf("journal: prune: limit %d: must be 1 to %d", limit, maxPrune)
	}
	rows, err := page()
	if err != nil {
		return 0, "", err
	}
	if len(rows) == limit {
		next = list(rows[limit-1].place)
	}
	var over [][]driver.Value
	for _, o := range rows {
		if o.over {
			place := make([]driver.Value, len(o.place))
			for i, p := range o.place {
				place[i] = p
			}
			over = append(over, place)
		}
	}
	if len(over) == 0 {
		return 0, next, nil
	}
	err = s.submit(ctx, func(w *writeStatements) error {
		removed = 0 // a group may be run twice
		for _, place := range over {
			n, err := by(w).exec(place...)
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, "", fmt.Errorf("journal: prune: %w", err)
	}
	return removed, next, nil
}
