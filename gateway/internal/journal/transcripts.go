package journal

import (
	"context"
	"database/sql/driver"
)

const (
	// What was said of an attempt is written once: a later word is another attempt's.
	putExchangeSQL = `INSERT INTO exchanges (attempt, said, heard) VALUES (?, ?, ?) ON CONFLICT (attempt) DO NOTHING`
	putNoticeSQL   = `INSERT INTO notices (` + noticeColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel, id) DO NOTHING`
	noticeColumns  = `channel, id, at, member, agreement, of, heard`

	exchangesSQL = `SELECT attempt, said, heard FROM exchanges WHERE attempt IN (SELECT id FROM attempts WHERE binding = ?) LIMIT ?`
	// A notice names an agreement, or our number of an operation.
	noticesSQL = `SELECT n.channel, n.id, n.at, n.member, n.agreement, n.of, n.heard FROM bindings AS b CROSS JOIN notices AS n
			WHERE b.id = +? AND b.agreement <> '' AND n.channel = b.channel AND n.agreement = b.agreement AND n.agreement <> '' AND n.member = b.member
		UNION SELECT n.channel, n.id, n.at, n.member, n.agreement, n.of, n.heard FROM attempts AS a CROSS JOIN notices AS n
			WHERE a.binding = +? AND a.number <> '' AND n.channel = a.channel AND n.of = a.number AND n.of <> ''
		ORDER BY 3, 2 LIMIT ?`
)

// maxNotices is how many notices of one binding are read.
const maxNotices = 1000

func (w *writeStatements) putTranscripts(c *Change) error {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Said != "" || a.Heard != "" {
			if _, err := w.putExchange.exec(a.ID, a.Said, a.Heard); err != nil {
				return err
			}
		}
	}
	for i := range c.Notices {
		if _, err := w.putNotice.exec(noticeValues(&c.Notices[i])...); err != nil {
			return err
		}
	}
	return nil
}

func noticeValues(n *Notice) []driver.Value {
	return []driver.Value{n.Channel, n.ID, nanos(n.At), n.Member, n.Agreement, n.Of, n.Heard}
}

func scanNotice(row scanner) (n Notice, err error) {
	var at int64
	err = row.Scan(&n.Channel, &n.ID, &at, &n.Member, &n.Agreement, &n.Of, &n.Heard)
	n.At = moment(at)
	return n, err
}

func scanExchange(row scanner) (e Exchange, err error) {
	err = row.Scan(&e.Attempt, &e.Said, &e.Heard)
	return e, err
}

// Exchanges implements Transcripts.
func (s *SQLite) Exchanges(ctx context.Context, binding string) ([]Exchange, error) {
	return all(ctx, s.read.exchanges, scanExchange, binding, maxAttempt)
}

// Notices implements Transcripts.
func (s *SQLite) Notices(ctx context.Context, binding string) ([]Notice, error) {
	return all(ctx, s.read.notices, scanNotice, binding, binding, maxNotices)
}
