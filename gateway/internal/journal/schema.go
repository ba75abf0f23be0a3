package journal

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
)

//go:embed schema.sql
var schemaSQL string

const (
	// schemaVersion is this program's; a file carries its own in PRAGMA user_version.
	schemaVersion = 5
	// applicationID marks the file as a journal of this product: "KQJ1" in PRAGMA application_id.
	applicationID = 0x4B514A31
)

// What can be wrong with a file.
var (
	// ErrNewer: a newer program has written the file.
	ErrNewer = errors.New("journal was written by a newer version of the gateway")
	// ErrForeign: the file is a database of something else.
	ErrForeign = errors.New("file is not a journal of the gateway")
)

// upgrades bring a file up to date: the n-th makes schema n+2 of schema n+1.
func upgrades() []string {
	return []string{
		// A confirm carried the number of its apply in schema 1.
		`ALTER TABLE attempts ADD COLUMN borrowed INTEGER NOT NULL DEFAULT 0 CHECK (borrowed IN (0, 1));
		UPDATE attempts SET borrowed = 1 WHERE kind IN ('confirm', 'cancel', 'query');
		DROP INDEX attempts_number;
		CREATE UNIQUE INDEX attempts_number ON attempts (channel, number) WHERE number <> '' AND borrowed = 0;`,
		// Schema 2 told nobody anything.
		`CREATE TABLE events (
			id TEXT PRIMARY KEY, caller TEXT NOT NULL, subject TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL,
			at INTEGER NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
			tries INTEGER NOT NULL, next_at INTEGER NOT NULL, note TEXT NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE INDEX events_waiting ON events (subject, seq, id) WHERE state = 'waiting';
		CREATE INDEX events_due ON events (next_at, id) WHERE state = 'waiting';
		CREATE INDEX events_caller ON events (caller, id);`,
		// Of schema 3 one process alone could look after what is due.
		`CREATE TABLE leases (
			id TEXT PRIMARY KEY, due INTEGER NOT NULL, owner TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE INDEX leases_at ON leases (at);
		CREATE INDEX leases_until ON leases (until);`,
		// Up to schema 4 nothing was kept of what was said.
		`CREATE TABLE exchanges (attempt TEXT PRIMARY KEY, said TEXT NOT NULL, heard TEXT NOT NULL) STRICT, WITHOUT ROWID;
		CREATE TABLE notices (
			channel TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, member TEXT NOT NULL, agreement TEXT NOT NULL,
			of TEXT NOT NULL, heard TEXT NOT NULL, PRIMARY KEY (channel, id)
		) STRICT, WITHOUT ROWID;
		CREATE INDEX notices_agreement ON notices (channel, agreement) WHERE agreement <> '';
		CREATE INDEX notices_of ON notices (channel, of) WHERE of <> '';`,
	}
}

// migrate makes the tables of a new file, brings an older file up to date and
// refuses a file that this program does not understand.
func migrate(db *sql.DB) error {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var version, application, tables int
	for query, into := range map[string]*int{
		"PRAGMA user_version":                &version,
		"PRAGMA application_id":              &application,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case tables > 0 && application != applicationID:
		return ErrForeign
	case version > schemaVersion:
		return fmt.Errorf("%w: the file has schema %d, this program knows up to %d: start the newer program",
			ErrNewer, version, schemaVersion)
	}
	if err := whole(ctx, tx); err != nil {
		return err
	}
	switch {
	case tables > 0 && version == schemaVersion:
		return nil
	case tables > 0:
		for i, text := range upgrades()[max(1, version)-1:] {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("bring schema %d up to date: %w", version+i, err)
			}
		}
	default:
		if _, err := tx.ExecContext(ctx, schemaSQL); err != nil {
			return err
		}
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, marks); err != nil {
		return err
	}
	return tx.Commit()
}

// whole looks for damage in the whole file. What is sound in form and wrong in
// content it can't find.
func whole(ctx context.Context, tx *sql.Tx) error {
	var found string
	if err := tx.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, found)
	}
	return nil
}
