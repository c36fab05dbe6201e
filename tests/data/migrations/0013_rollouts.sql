INSERT INTO rollouts (name, version, body) VALUES ('github-auth', 2, '{"stage":"dual-write","stage_since":1750000000000,"algorithm":1,"salt":"github-auth"}');
INSERT INTO rollout_changes (name, version, at, by, act, from_stage, to_stage, reason, detail, body) VALUES
    ('github-auth', 1, 1749990000000, 'daemon', 'begin', 'off', 'off', 'first start', 'null', '{"stage":"off","stage_since":1749990000000,"algorithm":1,"salt":"github-auth"}'),
    ('github-auth', 2, 1750000000000, 'ana', 'stage', 'off', 'dual-write', '', '{"inside":0}', '{"stage":"dual-write","stage_since":1750000000000,"algorithm":1,"salt":"github-auth"}');
INSERT INTO rollout_lists (digest, tenants) VALUES ('00', '["acme","zeta"]');
INSERT INTO rollout_records (name, kind, at, body) VALUES ('github-auth', 'baseline', 1750000000000, '{}');
INSERT INTO incidents (id, opened_at, opened_by, rollout, text, closed_at, closed_by) VALUES
    ('inc-1', 1750000000000, 'ana', 'github-auth', 'wrong files', 1750000100000, 'ana'),
    ('inc-2', 1750000200000, 'ana', '', 'everything is slow', NULL, NULL);
