-- Who connected which installation through the callback, and which states were used for it.

CREATE TABLE integrations (
    id            TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL,
    tenant_id     TEXT,
    host_id       TEXT NOT NULL,
    -- None while an owner has not approved the request.
    installation  BIGINT,
    account_login TEXT,
    -- GitHub's id of who asked an owner to install the App; what the approval is recognised by.
    requester     BIGINT,
    -- `install`, `update`, `request`.
    setup_action  TEXT NOT NULL,
    -- What shows that the user may have it: `code`, `app`, `event`; `none` while it is requested.
    proof         TEXT NOT NULL,
    -- `requested`, `active`, `revoked` by the user, `uninstalled` at GitHub.
    state         TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    callback_at   BIGINT NOT NULL,
    ended_at      BIGINT
) WITHOUT ROWID;
CREATE UNIQUE INDEX integrations_active ON integrations (host_id, installation, user_id) WHERE state = 'active';
CREATE INDEX integrations_user ON integrations (user_id, created_at);
CREATE INDEX integrations_requester ON integrations (host_id, requester) WHERE state = 'requested';

-- A state is good once. Rows are forgotten a day after the state expired by itself.
CREATE TABLE used_install_states (
    nonce      TEXT PRIMARY KEY,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX used_install_states_expired ON used_install_states (expires_at);
