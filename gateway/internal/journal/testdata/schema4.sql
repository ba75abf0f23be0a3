-- Times are nanoseconds since 1970 UTC; 0 is no time.

CREATE TABLE bindings (
    id            TEXT PRIMARY KEY,
    version       INTEGER NOT NULL,
    caller        TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    platform      TEXT NOT NULL,
    bank          TEXT NOT NULL,
    tier          TEXT NOT NULL,
    channel       TEXT NOT NULL,
    member        TEXT NOT NULL,
    state         TEXT NOT NULL,
    live          INTEGER NOT NULL CHECK (live IN (0, 1)),
    reason        TEXT NOT NULL,
    raw_code      TEXT NOT NULL,
    card_hash     BLOB,
    card_last4    TEXT NOT NULL,
    card_type     TEXT NOT NULL,
    card_scheme   TEXT NOT NULL,
    challenge_kind          TEXT NOT NULL,
    challenge_to            TEXT NOT NULL, -- masked
    challenge_expires_at    INTEGER NOT NULL,
    challenge_resend_at     INTEGER NOT NULL,
    challenge_attempts_left INTEGER NOT NULL,
    number        TEXT NOT NULL,
    begun         INTEGER NOT NULL,
    agreement     TEXT NOT NULL,
    class         TEXT NOT NULL,
    password_free           INTEGER NOT NULL CHECK (password_free IN (0, 1)),
    password_free_limit_fen INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One live binding of a card for each user of a caller.
CREATE UNIQUE INDEX bindings_live ON bindings (caller, user_id, card_hash) WHERE live = 1;
-- Pages, newest first: ids begin with the time.
CREATE INDEX bindings_caller ON bindings (caller, id);
CREATE INDEX bindings_user ON bindings (caller, user_id, id);
-- Sessions whose time is over.
CREATE INDEX bindings_expiry ON bindings (state, expires_at);
-- What a bank says unasked names the agreement.
CREATE INDEX bindings_agreement ON bindings (channel, agreement) WHERE agreement <> '';

CREATE TABLE attempts (
    id          TEXT PRIMARY KEY,
    binding     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    bank        TEXT NOT NULL,
    number      TEXT NOT NULL,
    borrowed    INTEGER NOT NULL CHECK (borrowed IN (0, 1)),
    of          TEXT NOT NULL,
    settled     INTEGER NOT NULL CHECK (settled IN (0, 1)),
    outcome     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    raw_code    TEXT NOT NULL,
    intended_at INTEGER NOT NULL,
    deadline    INTEGER NOT NULL,
    settled_at  INTEGER NOT NULL,
    exchange_ns INTEGER NOT NULL,
    ask_at      INTEGER NOT NULL,
    asked       INTEGER NOT NULL,
    not_found   INTEGER NOT NULL,
    due_at      INTEGER -- when somebody must look after it; NULL: never
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_binding ON attempts (binding, id);
CREATE INDEX attempts_due ON attempts (due_at, channel, bank) WHERE due_at IS NOT NULL;
-- A number on the wire begins one thing only. A confirm may carry the number of
-- the code that it brings, as often as it is tried; a query may have none.
CREATE UNIQUE INDEX attempts_number ON attempts (channel, number) WHERE number <> '' AND borrowed = 0;

-- What callers are told.
CREATE TABLE events (
    id      TEXT PRIMARY KEY,
    caller  TEXT NOT NULL,
    subject TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    type    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    body    BLOB NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    tries   INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    note    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What waits, in the order of each subject.
CREATE INDEX events_waiting ON events (subject, seq, id) WHERE state = 'waiting';
CREATE INDEX events_due ON events (next_at, id) WHERE state = 'waiting';
CREATE INDEX events_caller ON events (caller, id);

-- Who looks after what is due, so that no two do.
CREATE TABLE leases (
    id    TEXT PRIMARY KEY, -- of an attempt, or of an event
    due   INTEGER NOT NULL, -- when it was due: if it has become due anew, the lease is void
    owner TEXT NOT NULL,
    at    INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Those from later than now: the clock has been set back. And those that are over.
CREATE INDEX leases_at ON leases (at);
CREATE INDEX leases_until ON leases (until);

CREATE TABLE keys (
    caller      TEXT NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB,
    binding     TEXT NOT NULL,
    status      INTEGER NOT NULL, -- 0: the answer is not known
    body        BLOB,
    at          INTEGER NOT NULL,
    PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;

-- Ciphertext. A row that is deleted is overwritten with zeros.
CREATE TABLE sealed (
    binding TEXT PRIMARY KEY,
    data    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL -- the first number that was never reserved
) STRICT, WITHOUT ROWID;
