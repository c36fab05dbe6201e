-- Locks: for each name the highest fence that was ever given or seen, and who has it with that fence. A row stays for good: a
-- fence that came back would let a holder of long ago write again.
CREATE TABLE locks (
    name   TEXT PRIMARY KEY NOT NULL,
    fence  BIGINT NOT NULL CHECK (fence BETWEEN 0 AND 9007199254740991),
    -- None when it was given back.
    holder TEXT,
    until  BIGINT,
    -- Who agreed beside this store: `database` (nobody), `memory`, `redis`, `memory+redis`.
    agreed TEXT,
    CHECK ((holder IS NULL) = (until IS NULL) AND (holder IS NULL) = (agreed IS NULL))
) WITHOUT ROWID;
