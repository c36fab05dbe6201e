-- The inbox of webhooks. A delivery outlives its body by far: its row is what tells that the same one came again.

CREATE TABLE deliveries (
    -- Never given twice, also when the newest is forgotten.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    guid         TEXT NOT NULL UNIQUE,
    event        TEXT NOT NULL,
    action       TEXT,
    installation BIGINT,
    repo_id      BIGINT,
    repository   TEXT,
    received_at  BIGINT NOT NULL,
    digest       TEXT NOT NULL,
    bytes        BIGINT NOT NULL,
    state        TEXT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL DEFAULT 0,
    -- Set in final states and in no other.
    ended_at     BIGINT,
    note         TEXT,
    repeats      BIGINT NOT NULL DEFAULT 0,
    -- Its body is in delivery_bodies.
    kept         BIGINT NOT NULL DEFAULT 1,
    queue        BIGINT NOT NULL GENERATED ALWAYS AS (coalesce(installation, 0)) STORED
);
-- Heads of queues are found here without a look at what waits behind them.
CREATE INDEX deliveries_waiting ON deliveries (queue, seq, due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_oldest ON deliveries (received_at) WHERE state = 'waiting';
CREATE INDEX deliveries_dead ON deliveries (seq) WHERE state = 'dead';
-- For what retention takes: bodies of those that have one, rows of those that have none any more.
CREATE INDEX deliveries_ended ON deliveries (kept, ended_at) WHERE ended_at IS NOT NULL;

-- Up to 25 MB each, so that they would tear the rows above apart. `packing` is `zstd` or `plain`.
CREATE TABLE delivery_bodies (
    seq     INTEGER PRIMARY KEY,
    packing TEXT NOT NULL,
    body    BLOB NOT NULL
);
