INSERT INTO incidents (id, opened_at, opened_by, rollout, text, closed_at, closed_by) VALUES
    ('inc-past', 1750000010000, 'ana', 'github-auth', 'imports were slow', 1750000020000, 'bob'),
    ('inc-all', 1750000030000, 'ana', '', 'GitHub is away', NULL, NULL);
INSERT INTO rollout_windows
    (rollout, start_at, operation, side, source, writer, length_ms, calls, errors, gross, answered, histogram, p95_us, compared, mismatched, shed, complete, over_budget)
VALUES
    ('github-auth', 1750000010000, 'list', 'target', 'own', 1749999990000, 5000, 1, 0, 0, 0, X'016401', NULL, 1, 0, 2, 1, 40);
