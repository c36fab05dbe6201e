INSERT INTO arm_records (rollout, side, operation, tenant, key, digest, answered, body, at, owed) VALUES
    ('github-auth', 'legacy', 'import', 'acme', 'p1:acme/site@0123', 'aa', 1, '{"project":"p1"}', 1750000000000, 0),
    ('github-auth', 'target', 'import', 'acme', 'p1:acme/site@0123', 'aa', 0, '{"project":"p1"}', 1750000001000, 0),
    ('github-auth', 'legacy', 'list', 'acme', 'tenant', 'bb', 1, '{}', 1750000002000, 1);
INSERT INTO second_writes (id, rollout, operation, tenant, key, side, version, body, created_at, state, attempts, due_at, ended_at, note) VALUES
    ('w1', 'github-auth', 'import', 'acme', 'p1:acme/site@0123', 'target', 2, '{"project":"p1"}', 1750000000000, 'done', 1, 0, 1750000001000, NULL),
    ('w2', 'github-auth', 'list', 'acme', 'tenant', 'target', 2, '{}', 1750000002000, 'failed', 20, 0, NULL, 'no access'),
    ('w3', 'github-auth', 'import', 'acme', 'p1:acme/site', 'target', 2, '{}', 1750000003000, 'intent', 0, 0, NULL, NULL);
