-- Rollouts (C1): what decides for each, and every change of it with the whole of what decided from then on, so that a decision
-- of any time can be made again.
CREATE TABLE rollouts (
    name    TEXT PRIMARY KEY,
    -- Raised by each change.
    version BIGINT NOT NULL,
    -- JSON: stage, flags, overrides, bucketing, kill, freeze.
    body    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE rollout_changes (
    name       TEXT NOT NULL,
    -- The version that the change made.
    version    BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    by         TEXT NOT NULL,
    -- `begin`, `stage`, `rollback`, `auto-rollback`, `kill`, `unkill`, `flag`, `override`, `freeze`, `unfreeze`, `mode`.
    act        TEXT NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    -- JSON: evidence.
    detail     TEXT NOT NULL,
    -- As in `rollouts`, after the change.
    body       TEXT NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;
CREATE INDEX rollout_changes_at ON rollout_changes (name, at);

-- Lists of tenants that rollouts name by their digest: those on the target by name, those under the ceiling of the mode.
CREATE TABLE rollout_lists (
    -- SHA-256 over the JSON, lower-case hex.
    digest  TEXT PRIMARY KEY,
    -- JSON array of ids, sorted.
    tenants TEXT NOT NULL
) WITHOUT ROWID;

-- What is kept of a rollout beside its decisions, each a JSON document of its own: the judge's state, the baseline, proofs.
CREATE TABLE rollout_records (
    name TEXT NOT NULL,
    -- `judge`, `baseline`, `reverse`, `armed`, `preflight`.
    kind TEXT NOT NULL,
    at   BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (name, kind)
) WITHOUT ROWID;

-- Incidents that a person or an alert declared. An open one rolls back what it names.
CREATE TABLE incidents (
    id        TEXT PRIMARY KEY,
    opened_at BIGINT NOT NULL,
    opened_by TEXT NOT NULL,
    -- Empty: all rollouts.
    rollout   TEXT NOT NULL,
    text      TEXT NOT NULL,
    closed_at BIGINT,
    closed_by TEXT
) WITHOUT ROWID;
CREATE INDEX incidents_open ON incidents (opened_at) WHERE closed_at IS NULL;
