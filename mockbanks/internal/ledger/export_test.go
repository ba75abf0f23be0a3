package ledger

import "context"

// Setting changes a setting of the connection that writes.
func (l *Ledger) Setting(pragma string) error {
	rows, err := l.writer.conn.QueryContext(context.Background(), "PRAGMA "+pragma)
	if err != nil {
		return err
	}
	for rows.Next() { // a pragma does its work as it is read
	}
	defer func() { _ = rows.Close() }()
	return rows.Err()
}
