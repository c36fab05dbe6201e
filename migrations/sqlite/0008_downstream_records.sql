-- What services downstream answered to the probes of a repository before the move.

CREATE TABLE downstream_records (
    probe       TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    -- Lower-case `owner/name` of the catalog: a project may have several.
    repo_lname  TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    -- JSON: which call it was, status, events, length, digest. No content.
    body        TEXT NOT NULL,
    PRIMARY KEY (project_id, repo_lname, probe)
) WITHOUT ROWID;
