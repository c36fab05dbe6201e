INSERT INTO rollout_windows
    (rollout, start_at, operation, side, source, writer, length_ms, calls, errors, gross, answered, histogram, p95_us, compared, mismatched, shed, complete)
VALUES
    ('github-auth', 1750000000000, 'import', 'legacy', 'own', 1749999990000, 5000, 3, 1, 0, 3, X'016403', NULL, 0, 0, 0, 1),
    ('github-auth', 1750000000000, 'list', 'target', 'own', 0, 5000, 0, 0, 0, 0, X'01', NULL, 2, 1, 0, 1),
    ('github-auth', 1750000000000, 'import', 'target', 'prometheus', 1749999990000, 60000, 40, 1, 0, 40, X'01', 81000, 0, 0, 0, 1),
    ('github-auth', 1750000005000, 'import', 'target', 'own', 1749999990000, 5000, 1, 0, 0, 0, X'016401', NULL, 1, 0, 7, 0);
INSERT INTO rollout_tenants (rollout, day, tenant, operation, side, calls, errors, slowest_us) VALUES
    ('github-auth', 20254, 'acme', 'import', 'legacy', 3, 1, 90000);
INSERT INTO rollout_flushes (writer, seen_at, stopped) VALUES (1749999990000, 1750000006000, 0);
