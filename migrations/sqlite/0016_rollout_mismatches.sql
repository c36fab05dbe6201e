-- Answers of the two arms that differed (C3), newest kept. Values are digests, counts and names; neither content nor credentials.
CREATE TABLE rollout_mismatches (
    seq        INTEGER PRIMARY KEY,
    rollout    TEXT NOT NULL,
    operation  TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    -- The rollout's version that had both arms asked.
    version    BIGINT NOT NULL,
    -- JSON array of {field, legacy, target}.
    difference TEXT NOT NULL
);
CREATE INDEX rollout_mismatches_rollout ON rollout_mismatches (rollout, seq);
