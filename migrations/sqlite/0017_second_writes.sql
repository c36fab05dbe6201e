-- Dual-write (C3, C4): what each arm of a rollout did, and what the other arm still has to do.

-- The books of the arms: one record for each thing that an arm did. No secret is in them: names, digests, counts.
CREATE TABLE arm_records (
    rollout   TEXT   NOT NULL,
    -- Whose book: `legacy`, `target`.
    side      TEXT   NOT NULL,
    operation TEXT   NOT NULL,
    tenant    TEXT   NOT NULL,
    -- Stable for the thing that was done, the same in both books.
    key       TEXT   NOT NULL,
    -- SHA-256 over what must be the same, lower-case hex.
    digest    TEXT   NOT NULL,
    -- 1: this arm answered the caller. 0: it was written behind.
    answered  BIGINT NOT NULL,
    -- JSON: what to do it again by.
    body      TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    -- How often a reconciliation had the other arm write it again since it was answered.
    owed      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (rollout, side, operation, tenant, key)
) WITHOUT ROWID;
CREATE INDEX arm_records_at ON arm_records (at);

CREATE TABLE second_writes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Of the call: its intent and its answer find each other by it.
    id         TEXT   NOT NULL UNIQUE,
    rollout    TEXT   NOT NULL,
    operation  TEXT   NOT NULL,
    tenant     TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    -- The arm that owes it.
    side       TEXT   NOT NULL,
    -- The rollout's version that decided.
    version    BIGINT NOT NULL,
    -- JSON: what to do it by.
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- `intent` (not answered yet), `pending`, `done`, `failed` (a person has to look), `superseded`, `dropped` (by a person).
    state      TEXT   NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    due_at     BIGINT NOT NULL DEFAULT 0,
    -- Set in `done`, `superseded`, `dropped`.
    ended_at   BIGINT,
    note       TEXT
);
CREATE INDEX second_writes_due ON second_writes (rollout, side, due_at, seq) WHERE state = 'pending';
CREATE INDEX second_writes_open ON second_writes (rollout, operation, tenant, key) WHERE ended_at IS NULL;
CREATE INDEX second_writes_state ON second_writes (rollout, state, created_at);
CREATE INDEX second_writes_waiting ON second_writes (rollout, seq) WHERE ended_at IS NULL;
CREATE INDEX second_writes_ended ON second_writes (ended_at) WHERE ended_at IS NOT NULL;
