package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"kaqiao/mockbanks/internal/ledger"
)

const crowd = 64 // callers at once

// BenchmarkFill makes a ledger with ten thousand customers.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		l, err := ledger.Open(ledger.Config{Path: filepath.Join(b.TempDir(), "abc.db"), Terms: terms(), People: people(10_000)})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply is 64 callers applying for a code each, one after the other.
func BenchmarkApply(b *testing.B) {
	rules := terms()
	rules.ResendAfter, rules.SignsPerDay = 0, 1000
	l := open(b, ledger.Config{Terms: rules, People: people(10_000)})
	ids := make([]ledger.Identity, 10_000)
	for i := range ids {
		ids[i] = identity(numbered(i))
	}
	inParallel(b, func(i int) error {
		a, err := l.Apply(context.Background(), ledger.Apply{Request: request(fmt.Sprint("n", i)), Identity: ids[i%len(ids)]})
		if err == nil && a.Refusal != "" {
			err = fmt.Errorf("refused: %s", a.Refusal)
		}
		return err
	})
}

// BenchmarkRawRows is Apply's floor: the same rows written to the same tables
// by one goroutine, 64 to a commit, without a look at what stands there.
func BenchmarkRawRows(b *testing.B) {
	path := filepath.Join(b.TempDir(), "abc.db")
	l := open(b, ledger.Config{Path: path, People: people(10_000)})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_foreign_keys=1")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	conn, err := db.Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := conn.Close(); err != nil {
			b.Error(err)
		}
	})
	statement := func(query string) *sql.Stmt {
		s, err := conn.PrepareContext(context.Background(), query)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	execute := func(s *sql.Stmt, args ...any) {
		if _, err := s.Exec(args...); err != nil {
			b.Fatal(err)
		}
	}
	begin, commit := statement(`BEGIN IMMEDIATE`), statement(`COMMIT`)
	supersede := statement(`UPDATE codes SET state = 'superseded' WHERE card = ? AND institution = ? AND state = 'fresh'`)
	code := statement(`INSERT INTO codes (channel, number, institution, card, name, document_type, document, mobile, code, made_at, expires_at)
		VALUES ('nucc', ?, 'Z2000000000001', ?, '张三', 'resident_id', '11010519491231002X', ?, '123456', 1, 2)`)
	count := statement(`UPDATE cards SET codes = codes + 1, signs = signs + 1, sign_day = '20261123' WHERE number = ?`)
	message := statement(`INSERT INTO messages (kind, address, code, text, at) VALUES ('sms', ?, '123456', ?, 1)`)
	answer := statement(`INSERT INTO answers (channel, operation, number, fingerprint, refusal, agreement, class, card_type, at)
		VALUES ('nucc', 'apply', ?, x'00112233445566778899aabbccddeeff', '', '', 'I', 'debit', 1)`)
	text := "【中国农业银行】验证码123456，您正在为尾号0001的银行卡办理快捷支付签约，5分钟内有效。请勿告诉他人。"
	i := 0
	for b.Loop() {
		if i%crowd == 0 {
			execute(begin)
		}
		c := numbered(i % 10_000)
		n := fmt.Sprint("n", i)
		execute(supersede, c.Cards[0].Number, "Z2000000000001")
		execute(code, n, c.Cards[0].Number, c.Mobile)
		execute(count, c.Cards[0].Number)
		execute(message, c.Mobile, text)
		execute(answer, n)
		if i++; i%crowd == 0 {
			execute(commit)
		}
	}
	if i%crowd != 0 {
		execute(commit)
	}
}

// BenchmarkRecall is 64 callers asking for an answer.
func BenchmarkRecall(b *testing.B) {
	l := open(b, ledger.Config{People: only(one())})
	apply(b, l, "n1", identity(one()))
	inParallel(b, func(int) error {
		_, ok, err := l.Recall(context.Background(), "nucc", "apply", "n1")
		if err == nil && !ok {
			err = ledger.ErrNotFound
		}
		return err
	})
}

func inParallel(b *testing.B, do func(i int) error) {
	b.ResetTimer()
	var next atomic.Int64
	var group sync.WaitGroup
	for range crowd {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
