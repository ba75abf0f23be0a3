package ledger

import (
	"database/sql"
	_ "embed" // for schema
	"errors"
	"fmt"
	"strconv"
)

//go:embed schema.sql
var schema string

// version is that of schema. A file of another one is refused: it is never changed silently.
const version = "2"

// prepare makes and fills a new file, or checks an old one, and returns the file's seed.
//
// Tables, people and the notes in meta are one transaction: a file is either
// empty or whole.
func prepare(db *sql.DB, cfg Config) (seed uint64, err error) {
	tx, err := db.BeginTx(background(), nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rollback(tx)) }()
	var tables, meta int
	const count = `SELECT count(*), count(*) FILTER (WHERE name = 'meta') FROM sqlite_schema WHERE type = 'table'`
	if err := tx.QueryRowContext(background(), count).Scan(&tables, &meta); err != nil {
		return 0, err
	}
	switch {
	case tables == 0:
		if err := fill(tx, cfg); err != nil {
			return 0, fmt.Errorf("fill: %w", err)
		}
		return cfg.Seed, tx.Commit()
	case meta == 0:
		return 0, fmt.Errorf("%w: it holds other tables", ErrForeign)
	}
	if seed, err = check(tx, cfg); err != nil {
		return 0, err
	}
	return seed, whole(tx)
}

// fill makes the tables and puts the people in.
func fill(tx *sql.Tx, cfg Config) error {
	if _, err := tx.ExecContext(background(), schema); err != nil {
		return err
	}
	add, err := newAdder(tx)
	if err != nil {
		return err
	}
	if cfg.People != nil {
		for c := range cfg.People {
			c, err := c.checked()
			if err != nil {
				return err
			}
			if err := add.customer(c); err != nil {
				return err
			}
		}
	}
	notes := [][2]string{{"version", version}, {"bank", cfg.Terms.Bank}, {"seed", strconv.FormatUint(cfg.Seed, 10)}}
	for _, note := range notes {
		if _, err := tx.ExecContext(background(), `INSERT INTO meta (key, value) VALUES (?, ?)`, note[0], note[1]); err != nil {
			return err
		}
	}
	return nil
}

func check(tx *sql.Tx, cfg Config) (seed uint64, err error) {
	note := func(key string) (value string) {
		if err == nil {
			err = tx.QueryRowContext(background(), `SELECT value FROM meta WHERE key = ?`, key).Scan(&value)
		}
		return value
	}
	found, bank, text := note("version"), note("bank"), note("seed")
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: its notes cannot be read: %w", ErrForeign, err)
	case found != version:
		return 0, fmt.Errorf("%w: the file has version %s, this program %s: move the file away, or use the program that made it", ErrSchema, found, version)
	case bank != cfg.Terms.Bank:
		return 0, fmt.Errorf("%w: it is that of %s", ErrForeign, bank)
	}
	return strconv.ParseUint(text, 10, 64)
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}
