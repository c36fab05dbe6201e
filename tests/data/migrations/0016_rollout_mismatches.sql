INSERT INTO rollout_mismatches (seq, rollout, operation, tenant, at, version, difference) VALUES
    (1, 'github-auth', 'import', 'acme', 1750000000000, 2, '[{"field":"files","legacy":"37","target":"36"}]');
