-- What webhooks said of installations and repositories, beside the index that shows it. Each fact has its own version, so that
-- late, doubled and disordered events end in the same index. A sweep that began later clears them.

-- When the sweep began that saw the installation, and the one that read its repositories to the end.
ALTER TABLE installations ADD COLUMN seen_at BIGINT;
ALTER TABLE installations ADD COLUMN listed_at BIGINT;

CREATE TABLE installation_facts (
    host_id             TEXT NOT NULL,
    id                  BIGINT NOT NULL,
    -- Uninstalled: a reinstall has another id.
    gone_received       BIGINT,
    -- JSON of the row, and its version: GitHub's time of change, then when it was received.
    body                TEXT,
    at                  BIGINT,
    received            BIGINT,
    suspended_at        BIGINT,
    suspension_at       BIGINT,
    suspension_received BIGINT,
    login               TEXT,
    login_received      BIGINT,
    PRIMARY KEY (host_id, id)
) WITHOUT ROWID;

CREATE TABLE repository_facts (
    host_id          TEXT NOT NULL,
    installation     BIGINT NOT NULL,
    id               BIGINT NOT NULL,
    -- Learned once, then kept: a grant does not say them.
    created_at       BIGINT,
    fork             BIGINT,
    granted          BIGINT,
    granted_received BIGINT,
    -- As a grant named it.
    named            TEXT,
    named_received   BIGINT,
    -- As an event of its own described it.
    told             TEXT,
    told_at          BIGINT,
    told_received    BIGINT,
    PRIMARY KEY (host_id, installation, id)
) WITHOUT ROWID;

-- Where a repository went by its last transfer; installation 0 when it was deleted.
CREATE TABLE repository_homes (
    host_id      TEXT NOT NULL,
    id           BIGINT NOT NULL,
    installation BIGINT NOT NULL,
    received     BIGINT NOT NULL,
    PRIMARY KEY (host_id, id)
) WITHOUT ROWID;
