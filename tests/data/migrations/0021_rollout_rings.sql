INSERT INTO rollout_rings (tenant, ring, at, by) VALUES
    ('acme', 'internal', 1750000000000, 'ana'),
    ('globex', 'beta', 1750000100000, 'ana');
