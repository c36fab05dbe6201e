-- Tenants' own databases and their migrations (D1-D6).

-- Migrations as they were read when a plan first named them. What is applied is this content, not the file.
CREATE TABLE fleet_migrations (
    version     BIGINT NOT NULL PRIMARY KEY,
    -- `0002_add_tags`
    id          TEXT   NOT NULL UNIQUE,
    -- SHA-256 over the ways up.
    checksum    TEXT   NOT NULL,
    -- The files, as JSON: [{"name", "text"}].
    files       TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL,
    -- When it was run for the first time; from then on an edited file is refused.
    pinned_at   BIGINT
);

CREATE TABLE fleet_instances (
    tenant_id        TEXT    NOT NULL PRIMARY KEY,
    external_user    TEXT,
    -- postgres, sqlite, http
    driver           TEXT    NOT NULL,
    -- Where it is, without user and password.
    place            TEXT    NOT NULL,
    host             TEXT    NOT NULL,
    server           TEXT    NOT NULL,
    -- Address and key, sealed for the tenant.
    sealed           TEXT    NOT NULL,
    -- The key of the ring that sealed it.
    key_id           TEXT    NOT NULL,
    from_application INTEGER NOT NULL DEFAULT 0,
    -- new, connected, error
    state            TEXT    NOT NULL,
    reason           TEXT,
    -- As it was seen last.
    version          BIGINT  NOT NULL DEFAULT 0,
    -- What the schema is expected to be, and what it was when it was seen last: hashes in fleet_schemas.
    expected_schema  TEXT,
    seen_schema      TEXT,
    -- The first line of the difference; NULL while there is none.
    drift            TEXT,
    -- Where it comes in the order of waves: 0 for canary tenants, else 1 + a number under 1,000,000 that follows from the tenant's id.
    place_in_waves   BIGINT  NOT NULL,
    -- What its steps say, kept in step with fleet_steps by the unit that changes them: 1 one was left out, 2 one runs, 4 one failed;
    -- added up.
    marks            INTEGER NOT NULL DEFAULT 0,
    -- The newest version that failed.
    failed_version   BIGINT,
    checked_at       BIGINT,
    -- When the owner was told that it can't be reached; NULL again once it can.
    notified_at      BIGINT,
    added_at         BIGINT  NOT NULL
);
-- All that figures of a wave count, so that no wide row is read for them.
CREATE INDEX fleet_instances_waves ON fleet_instances (place_in_waves, tenant_id, state, version, marks, drift);
CREATE INDEX fleet_instances_version ON fleet_instances (version, driver, expected_schema, marks);
CREATE INDEX fleet_instances_key ON fleet_instances (key_id);

-- How each tenant stands with each migration that was ever tried or left out for it.
CREATE TABLE fleet_steps (
    tenant_id    TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    migration    TEXT    NOT NULL,
    -- running, completed, failed, skipped; pending again after a way down.
    status       TEXT    NOT NULL,
    -- up, down: what was tried last.
    way          TEXT    NOT NULL,
    class        TEXT,
    error        TEXT,
    -- Failures of the same cause have the same.
    error_group  TEXT,
    attempt      BIGINT  NOT NULL,
    run_id       TEXT    NOT NULL,
    started_at   BIGINT,
    completed_at BIGINT,
    PRIMARY KEY (tenant_id, version)
) WITHOUT ROWID;
CREATE INDEX fleet_steps_failed ON fleet_steps (error_group, tenant_id, version) WHERE status = 'failed';
-- The few that are more than done.
CREATE INDEX fleet_steps_marks ON fleet_steps (tenant_id, status, version) WHERE status IN ('failed', 'running', 'skipped');

-- Every attempt, in the order of their ends.
CREATE TABLE fleet_history (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    migration    TEXT    NOT NULL,
    way          TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    class        TEXT,
    error        TEXT,
    attempt      BIGINT  NOT NULL,
    run_id       TEXT    NOT NULL,
    started_at   BIGINT,
    completed_at BIGINT
);
CREATE INDEX fleet_history_tenant ON fleet_history (tenant_id, seq);

-- Schemas as text, once for however many tenants have the same.
CREATE TABLE fleet_schemas (
    hash    TEXT   NOT NULL PRIMARY KEY,
    -- Lines in order.
    lines   TEXT   NOT NULL,
    seen_at BIGINT NOT NULL
);

-- When a person last let a run go on: failures before that count no more against its limits.
ALTER TABLE runs ADD COLUMN resumed_at BIGINT;
