-- The store of the foundation: runs, catalog, index, mappings, settings, audit.
-- Times are milliseconds since the epoch, UTC. Ids of GitHub are unique only together with host_id.
-- Expand, then contract: a later migration adds columns with a default, fills them, and only a release later drops.

CREATE TABLE settings (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq   BIGINT PRIMARY KEY,
    at    BIGINT NOT NULL,
    bytes TEXT NOT NULL,
    prev  TEXT NOT NULL,
    hash  TEXT NOT NULL
);

CREATE TABLE act_receipts (
    act_key  TEXT PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    request  TEXT NOT NULL,
    receipt  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX act_receipts_at ON act_receipts (at);

CREATE TABLE runs (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    scope         TEXT NOT NULL,
    state         TEXT NOT NULL,
    direction     TEXT NOT NULL,
    digest        TEXT NOT NULL,
    basis         TEXT NOT NULL,
    effect        TEXT NOT NULL,
    reversibility TEXT NOT NULL,
    author        TEXT NOT NULL,
    planned_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    approved_by   TEXT,
    approved_at   BIGINT,
    started_at    BIGINT,
    ended_at      BIGINT,
    rate          BIGINT,
    reason        TEXT,
    summary       TEXT NOT NULL,
    lease_holder  TEXT,
    lease_until   BIGINT
) WITHOUT ROWID;
-- One live run for each kind and scope.
CREATE UNIQUE INDEX runs_live ON runs (kind, scope)
    WHERE state IN ('approved', 'applying', 'pausing', 'paused', 'verifying', 'undoing');
CREATE INDEX runs_state ON runs (state);

CREATE TABLE run_items (
    run_id     TEXT NOT NULL,
    ord        BIGINT NOT NULL,
    key        TEXT NOT NULL,
    state      TEXT NOT NULL,
    body       TEXT NOT NULL,
    before     TEXT,
    reason     TEXT,
    attempts   BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (run_id, ord)
) WITHOUT ROWID;
CREATE INDEX run_items_state ON run_items (run_id, state, ord);

-- Kept in step with run_items by the same unit that changes them, so that progress never counts rows.
CREATE TABLE run_counts (
    run_id TEXT NOT NULL,
    state  TEXT NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (run_id, state)
) WITHOUT ROWID;

CREATE TABLE uploads (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    operator   TEXT NOT NULL,
    format     TEXT NOT NULL,
    state      TEXT NOT NULL,
    skip_bad   BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE upload_parts (
    upload_id TEXT NOT NULL,
    part      BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    sealed    TEXT NOT NULL,
    PRIMARY KEY (upload_id, part)
) WITHOUT ROWID;

CREATE TABLE user_tokens (
    fingerprint TEXT PRIMARY KEY,
    sealed      TEXT NOT NULL,
    seen_at     BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE links (
    project_id          TEXT NOT NULL,
    repo_lname          TEXT NOT NULL,
    key                 TEXT NOT NULL,
    tenant_id           TEXT NOT NULL,
    repo_full_name      TEXT NOT NULL,
    repo_id             BIGINT,
    owner_id            BIGINT,
    owner_login         TEXT,
    token               TEXT,
    imported_commit_sha TEXT,
    imported_tree_sha   TEXT,
    imported_at         BIGINT,
    import_method       TEXT,
    -- What the application's own columns held when the catalog was read from its database.
    app_installation    BIGINT,
    app_status          TEXT,
    fingerprint         TEXT NOT NULL,
    PRIMARY KEY (project_id, repo_lname)
) WITHOUT ROWID;
CREATE UNIQUE INDEX links_key ON links (key);
CREATE INDEX links_tenant ON links (tenant_id, project_id, repo_lname);

CREATE TABLE mappings (
    key          TEXT PRIMARY KEY,
    tenant_id    TEXT NOT NULL,
    status       TEXT NOT NULL,
    installation BIGINT,
    repo_id      BIGINT,
    confidence   BIGINT NOT NULL,
    body         TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    run_id       TEXT NOT NULL,
    updated_at   BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX mappings_status ON mappings (status, key);
CREATE INDEX mappings_tenant ON mappings (tenant_id, status);

CREATE TABLE sweeps (
    id         TEXT PRIMARY KEY,
    host_id    TEXT NOT NULL,
    state      TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    cursor     TEXT,
    listed     BIGINT NOT NULL DEFAULT 0,
    changes    BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE installations (
    host_id       TEXT NOT NULL,
    id            BIGINT NOT NULL,
    account_id    BIGINT NOT NULL,
    account_login TEXT NOT NULL,
    account_type  TEXT NOT NULL,
    selection     TEXT NOT NULL,
    suspended_at  BIGINT,
    permissions   TEXT NOT NULL,
    sweep_id      TEXT NOT NULL,
    listed_by     TEXT,
    -- Why its repositories could not be read by the last sweep; they are as last seen then.
    unread        TEXT,
    PRIMARY KEY (host_id, id)
) WITHOUT ROWID;
CREATE INDEX installations_owed ON installations (sweep_id, listed_by);

CREATE TABLE repositories (
    host_id      TEXT NOT NULL,
    installation BIGINT NOT NULL,
    id           BIGINT NOT NULL,
    full_name    TEXT NOT NULL,
    owner_id     BIGINT NOT NULL,
    owner_login  TEXT NOT NULL,
    created_at   BIGINT,
    private      BIGINT NOT NULL,
    fork         BIGINT NOT NULL,
    sweep_id     TEXT NOT NULL,
    PRIMARY KEY (host_id, installation, id)
) WITHOUT ROWID;

CREATE TABLE installation_requests (
    host_id       TEXT NOT NULL,
    account_id    BIGINT NOT NULL,
    account_login TEXT NOT NULL,
    sweep_id      TEXT NOT NULL,
    PRIMARY KEY (host_id, account_id)
) WITHOUT ROWID;

CREATE TABLE probes (
    key    TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    at     BIGINT NOT NULL
) WITHOUT ROWID;
