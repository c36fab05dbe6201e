-- What an event or a sweep changed, until the mappings that hang on it were judged again: written with the fact itself, so that
-- a crash in between loses nothing.
CREATE TABLE rescore (
    -- Never given twice: what was taken is struck off by its number, and what came meanwhile stays.
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id TEXT NOT NULL,
    -- JSON: installations, accounts, logins and repositories; or everything.
    scope   TEXT NOT NULL,
    -- `delivery GUID` or `sweep ID`.
    cause   TEXT NOT NULL,
    at      BIGINT NOT NULL
);

-- A few repositories are judged without the whole index.
CREATE INDEX repositories_id ON repositories (host_id, id);
CREATE INDEX repositories_name ON repositories (host_id, lower(full_name));

-- The last delivery of each installation, to the minute, so that nobody looks through the inbox for it.
CREATE TABLE delivered (
    installation BIGINT PRIMARY KEY,
    at           BIGINT NOT NULL,
    -- `push`, `installation.suspend`.
    event        TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO delivered (installation, at, event)
SELECT installation, max(received_at), event || coalesce('.' || action, '')
  FROM deliveries WHERE installation IS NOT NULL GROUP BY installation;
