-- Rings (C8): tenants that the first share of `canary` takes before all others. A tenant is in one at most. Nobody moves by being
-- here: a step freezes the list that it takes.
CREATE TABLE rollout_rings (
    tenant TEXT PRIMARY KEY,
    -- `internal`, `beta`.
    ring   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    by     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX rollout_rings_ring ON rollout_rings (ring, tenant);
