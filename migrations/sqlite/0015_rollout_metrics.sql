-- What rollouts measured (C5). A row is one arm's figures of one operation in one window, as one process counted them: rows of one
-- window are added when they are read. Each flush replaces its own row, so that one that is repeated counts nothing twice.
CREATE TABLE rollout_windows (
    rollout    TEXT NOT NULL,
    -- Begin of the window.
    start_at   BIGINT NOT NULL,
    operation  TEXT NOT NULL,
    -- `legacy`, `target`. What is counted for both, comparisons and what was shed, stands with `target`.
    side       TEXT NOT NULL,
    -- `own`, or where else the figures come from: `prometheus`.
    source     TEXT NOT NULL,
    -- The process: when it was started. 0: added by whoever stored a difference, or merged.
    writer     BIGINT NOT NULL,
    length_ms  BIGINT NOT NULL,
    calls      BIGINT NOT NULL,
    -- Calls that failed, the gross ones among them.
    errors     BIGINT NOT NULL,
    gross      BIGINT NOT NULL,
    -- Calls whose answer the caller got; the others ran beside it.
    answered   BIGINT NOT NULL,
    -- Latencies; see `daemon/src/rollout/metrics/buckets.rs`.
    histogram  BLOB NOT NULL,
    -- Of figures that come without a histogram.
    p95_us     BIGINT,
    compared   BIGINT NOT NULL,
    mismatched BIGINT NOT NULL,
    shed       BIGINT NOT NULL,
    -- 0: still open; 1: whole; 2: something of it was lost.
    complete   BIGINT NOT NULL,
    PRIMARY KEY (rollout, start_at, operation, side, source, writer)
) WITHOUT ROWID;
CREATE INDEX rollout_windows_open ON rollout_windows (writer) WHERE complete = 0;

-- The same by tenant, a row a day.
CREATE TABLE rollout_tenants (
    rollout    TEXT NOT NULL,
    -- Days since 1970, UTC.
    day        BIGINT NOT NULL,
    tenant     TEXT NOT NULL,
    operation  TEXT NOT NULL,
    side       TEXT NOT NULL,
    calls      BIGINT NOT NULL,
    errors     BIGINT NOT NULL,
    slowest_us BIGINT NOT NULL,
    PRIMARY KEY (rollout, day, tenant, operation, side)
) WITHOUT ROWID;

-- The process that counts, and when it last stored: what a crash may have lost began then.
CREATE TABLE rollout_flushes (
    writer  BIGINT PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    -- 1: it stored everything and ended.
    stopped BIGINT NOT NULL
);
