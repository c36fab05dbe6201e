-- Whether to migrate at all (C11): what was seen of each rollout's legacy arm against the thresholds. It goes on after a restart.
CREATE TABLE worth (
    rollout TEXT PRIMARY KEY,
    -- When it was written last.
    at      BIGINT NOT NULL,
    -- JSON: the thresholds, since when each is exceeded, dips and holes.
    watch   TEXT NOT NULL
) WITHOUT ROWID;
