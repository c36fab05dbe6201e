-- Workflows with a GitHub trigger, and what was sent on because of deliveries.

CREATE TABLE workflows (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    -- JSON of `shared::workflow::Rule`; the next two are taken out of it, for filters.
    rule           TEXT NOT NULL,
    repository     TEXT NOT NULL,
    events         TEXT NOT NULL,
    -- JSON, as it is handed to the engine.
    definition     TEXT NOT NULL,
    attach_context BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    updated_by     TEXT NOT NULL,
    matches        BIGINT NOT NULL DEFAULT 0,
    last_guid      TEXT,
    last_at        BIGINT
);

CREATE TABLE dispatches (
    -- Never given twice: the idempotency key is made of it.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What is sent in order: the workflow's id, or `@scheduler:INSTALLATION`.
    queue        TEXT NOT NULL,
    -- None: forwarded to the outside scheduler.
    workflow     TEXT,
    -- Place of the delivery in the inbox, which may have forgotten it by now.
    delivery     BIGINT NOT NULL,
    guid         TEXT NOT NULL,
    event        TEXT NOT NULL,
    repository   TEXT,
    created_at   BIGINT NOT NULL,
    state        TEXT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL DEFAULT 0,
    -- Set in final states and in no other.
    ended_at     BIGINT,
    execution_id TEXT,
    note         TEXT,
    -- How often somebody asked for it again after it was sent; part of the idempotency key.
    round        BIGINT NOT NULL DEFAULT 0,
    -- A delivery that is handled again makes no second one.
    UNIQUE (guid, queue)
);
-- Heads of queues are found here without a look at what waits behind them.
CREATE INDEX dispatches_waiting ON dispatches (queue, seq, due_at) WHERE state = 'waiting';
CREATE INDEX dispatches_dead ON dispatches (queue, seq) WHERE state = 'dead';
CREATE INDEX dispatches_ended ON dispatches (ended_at) WHERE ended_at IS NOT NULL;
