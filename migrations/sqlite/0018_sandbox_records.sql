-- Records of sandboxes that the application kept before git ran here (C9), as they were imported: what a run moves into the arms' books.
CREATE TABLE sandbox_records (
    tenant_id      TEXT   NOT NULL,
    -- The application's own id.
    id             TEXT   NOT NULL,
    project_id     TEXT   NOT NULL,
    -- `owner/name` in the letters of the source.
    repo_full_name TEXT   NOT NULL,
    -- NULL: not known, or the repository's HEAD.
    branch         TEXT,
    commit_sha     TEXT   NOT NULL,
    tree_sha       TEXT,
    -- The application's own word for how it stands.
    state          TEXT,
    created_at     BIGINT,
    updated_at     BIGINT NOT NULL,
    -- Over all of it.
    fingerprint    TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
