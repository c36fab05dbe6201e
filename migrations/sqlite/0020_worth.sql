-- Whether to migrate at all (C11): what was seen of each rollout's legacy arm against the thresholds. It goes on after a restart.
CREATE TABLE worth (
    rollout TEXT PRIMARY KEY,
    -- When it was written last.
    at      BIGINT NOT NULL,
    -- JSON: the thresholds, since when each is exceeded, dips and holes.
    watch   TEXT NOT NULL
) WITHOUT ROWID;

-- How long GitHub took to give installation tokens, in spans of five minutes (C5).
CREATE TABLE token_issuance (
    start_at  BIGINT NOT NULL,
    -- The process that counted.
    writer    BIGINT NOT NULL,
    -- Of microseconds, as in `rollout_windows`.
    histogram BLOB NOT NULL,
    PRIMARY KEY (start_at, writer)
) WITHOUT ROWID;
