-- One bank's truth. Times are milliseconds since 1970, money is fen.
-- The file is the bank's own: card numbers and codes stand in the clear.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE customers (
    id            INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL,
    name          TEXT NOT NULL,
    document_type TEXT NOT NULL,
    document      TEXT NOT NULL,
    mobile        TEXT NOT NULL, -- empty: none reserved
    email         TEXT NOT NULL
);
CREATE INDEX customers_by_kind ON customers (kind, id);

CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY,
    customer    INTEGER NOT NULL REFERENCES customers (id),
    class       TEXT    NOT NULL,                                               -- I, II, III; empty for credit
    state       TEXT    NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
    balance_fen INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX accounts_by_customer ON accounts (customer);

CREATE TABLE cards (
    number         TEXT    PRIMARY KEY,
    account        INTEGER NOT NULL REFERENCES accounts (id),
    type           TEXT    NOT NULL,
    cvv            TEXT    NOT NULL,
    expiry         TEXT    NOT NULL,                                             -- YYYY-MM, empty for debit
    online_payment INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('open', 'locked', 'lost')),
    codes          INTEGER NOT NULL DEFAULT 0,                                   -- made so far: the ordinal of the last
    sign_day       TEXT    NOT NULL DEFAULT '',                                  -- the bank day that signs counts
    signs          INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX cards_by_account ON cards (account);

-- A code with the request that it belongs to: channel and number are the correlation.
CREATE TABLE codes (
    channel       TEXT    NOT NULL,
    number        TEXT    NOT NULL,
    institution   TEXT    NOT NULL,
    card          TEXT    NOT NULL REFERENCES cards (number),
    name          TEXT    NOT NULL,
    document_type TEXT    NOT NULL,
    document      TEXT    NOT NULL,
    mobile        TEXT    NOT NULL,
    code          TEXT    NOT NULL,
    made_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    wrong         INTEGER NOT NULL DEFAULT 0,
    state         TEXT    NOT NULL DEFAULT 'fresh' CHECK (state IN ('fresh', 'used', 'locked', 'superseded')),
    PRIMARY KEY (channel, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX codes_fresh ON codes (card, institution) WHERE state = 'fresh';
CREATE INDEX codes_by_mobile ON codes (mobile, institution, made_at);

-- A case: a request that waits for people. While it is open it turns by itself at turns_at: to what they have
-- decided (reviewed, verdict: the reason of a rejection or nothing), or to expired.
CREATE TABLE cases (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    channel     TEXT    NOT NULL,
    number      TEXT    NOT NULL,
    institution TEXT    NOT NULL,
    account     TEXT    NOT NULL, -- the wallet account there
    card        TEXT    NOT NULL REFERENCES cards (number),
    mobile      TEXT    NOT NULL,
    kinds       TEXT    NOT NULL, -- of its messages, with commas
    state       TEXT    NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'approved', 'rejected', 'expired', 'superseded')),
    reason      TEXT    NOT NULL DEFAULT '',
    agreement   TEXT    NOT NULL DEFAULT '',
    reviewed    INTEGER NOT NULL,
    verdict     TEXT    NOT NULL,
    opened_at   INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    turns_at    INTEGER NOT NULL,
    decided_at  INTEGER NOT NULL DEFAULT 0,
    told        INTEGER NOT NULL DEFAULT 0, -- whoever asked knows of the end
    UNIQUE (channel, number)
);
CREATE UNIQUE INDEX cases_open ON cases (card, institution) WHERE state = 'received';
CREATE INDEX cases_turning ON cases (turns_at) WHERE state = 'received';
CREATE INDEX cases_untold ON cases (id) WHERE told = 0 AND state IN ('approved', 'rejected', 'expired');
CREATE INDEX cases_by_mobile ON cases (mobile, institution, opened_at);

CREATE TABLE agreements (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    number      TEXT    NOT NULL UNIQUE,
    institution TEXT    NOT NULL,
    account     TEXT    NOT NULL, -- the wallet account there
    card        TEXT    NOT NULL REFERENCES cards (number),
    state       TEXT    NOT NULL CHECK (state IN ('signed', 'unsigned', 'invalidated')),
    at          INTEGER NOT NULL
);
CREATE UNIQUE INDEX agreements_signed ON agreements (card, institution, account) WHERE state = 'signed';
CREATE INDEX agreements_by_card ON agreements (card, id);

-- What was answered to each request. The fingerprint tells a repetition from another request under the same number.
CREATE TABLE answers (
    channel     TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    number      TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    refusal     TEXT    NOT NULL,
    agreement   TEXT    NOT NULL,
    class       TEXT    NOT NULL,
    card_type   TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (channel, operation, number)
) WITHOUT ROWID;
CREATE INDEX answers_that_signed ON answers (agreement) WHERE operation = 'confirm' AND refusal = '';

CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT    NOT NULL,
    address TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    case_id INTEGER NOT NULL DEFAULT 0 -- the case that it asks to approve; 0: none
);
CREATE INDEX messages_by_address ON messages (address, id);
