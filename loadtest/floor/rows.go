package main

import (
	"crypto/cipher"
	"crypto/rand"
	"database/sql/driver"
	"os"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm4"
	"github.com/mattn/go-sqlite3"
)

// rows are the gateway's own tables, written by one goroutine that commits
// together what waits.
type rows struct {
	conn  *sqlite3.SQLiteConn
	queue chan *write
	begin, end, key, binding, replace,
	attempt, attempted, sealed, answered *sqlite3.SQLiteStmt
}

type write struct {
	do   func(*rows)
	done chan struct{}
}

// groupMost is how many are committed together at most.
const groupMost = 512

func openRows(path, schema string) *rows {
	c, err := (&sqlite3.SQLiteDriver{}).Open("file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_secure_delete=1")
	must(err)
	r := &rows{conn: c.(*sqlite3.SQLiteConn), queue: make(chan *write, 4096)}
	tables, err := os.ReadFile(schema) //nolint:gosec // the benchmark names it
	must(err)
	_, err = r.conn.Exec(string(tables), nil)
	must(err)
	prepare := func(text string) *sqlite3.SQLiteStmt {
		s, err := r.conn.Prepare(text)
		must(err)
		return s.(*sqlite3.SQLiteStmt)
	}
	into := func(table string, columns int) *sqlite3.SQLiteStmt {
		return prepare("INSERT INTO " + table + " VALUES (?" + strings.Repeat(",?", columns-1) + ")")
	}
	r.begin, r.end = prepare("BEGIN IMMEDIATE"), prepare("COMMIT")
	r.key, r.binding, r.attempt, r.sealed = into("keys", 8), into("bindings", 31), into("attempts", 20), into("sealed", 2)
	r.replace = prepare(`UPDATE bindings SET version = ?, state = ?, challenge_kind = ?, challenge_expires_at = ?, challenge_resend_at = ?,
		challenge_attempts_left = ?, updated_at = ? WHERE id = ?`)
	r.attempted = prepare(`UPDATE attempts SET settled = 1, outcome = ?, raw_code = ?, settled_at = ?, exchange_ns = ?, due_at = NULL WHERE id = ?`)
	r.answered = prepare(`UPDATE keys SET status = ?, body = ? WHERE caller = ? AND route = ? AND key = ?`)
	go r.run()
	return r
}

// commit returns when what do writes is on the disk.
func (r *rows) commit(do func(*rows)) {
	w := &write{do, make(chan struct{})}
	r.queue <- w
	<-w.done
}

func (r *rows) run() {
	group := make([]*write, 0, groupMost)
	for first := range r.queue {
		group = append(group[:0], first)
		for len(group) < groupMost && len(r.queue) > 0 {
			group = append(group, <-r.queue)
		}
		exec(r.begin)
		for _, w := range group {
			w.do(r)
		}
		exec(r.end)
		for _, w := range group {
			close(w.done)
		}
	}
}

func exec(s *sqlite3.SQLiteStmt, values ...driver.Value) {
	_, err := s.Exec(values)
	must(err)
}

// meant is one binding.
type meant struct {
	id, attempt, user, number, key, last4 string
	fingerprint, card, sealed, answer     []byte
	at                                    time.Time
}

const route = "POST /v1/bindings"

func (m *meant) intend(r *rows) {
	at := m.at.UnixNano()
	later := at + int64(15*time.Minute)
	exec(r.key, "dev", route, m.key, m.fingerprint, m.id, int64(0), nil, at)
	exec(r.binding, m.id, int64(1), "dev", m.user, "wechat", "abc", "state", "nucc", "C1010311000014", "applying", int64(1), "", "",
		m.card, m.last4, "debit", "unionpay", "", "138****0007", int64(0), int64(0), int64(0), m.number, at, "", "", int64(0), int64(0), at, at, later)
	exec(r.attempt, m.attempt, m.id, "apply", "nucc", "abc", m.number, int64(0), "", int64(0), "unknown", "", "", at, later, int64(0), int64(0),
		int64(0), int64(0), int64(0), later)
	exec(r.sealed, m.id, m.sealed)
}

func (m *meant) settle(r *rows) {
	at := m.at.UnixNano()
	exec(r.replace, int64(2), "awaiting_code", "sms", at, at, int64(3), at, m.id)
	exec(r.attempted, "accepted", "00000000", at, int64(time.Millisecond), m.attempt)
	exec(r.answered, int64(201), m.answer, "dev", route, m.key)
}

// sealPerson encrypts under a fresh key, and that key under the day's.
func sealPerson(plain []byte) []byte {
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	return append(lock(dayKey(), key), lock(gcm(key), plain)...)
}

var dayKey = func() func() cipher.AEAD { k := gcm(make([]byte, 16)); return func() cipher.AEAD { return k } }()

func gcm(key []byte) cipher.AEAD {
	block, err := sm4.NewCipher(key)
	must(err)
	aead, err := cipher.NewGCM(block)
	must(err)
	return aead
}

func lock(key cipher.AEAD, plain []byte) []byte {
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return key.Seal(nonce, nonce, plain, nil)
}
