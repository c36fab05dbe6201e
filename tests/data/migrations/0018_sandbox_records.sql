INSERT INTO sandbox_records (tenant_id, id, project_id, repo_full_name, branch, commit_sha, tree_sha, state, created_at, updated_at, fingerprint) VALUES
    ('acme', 'sb-1', 'p1', 'Acme/Site', 'main', '0123456789012345678901234567890123456789', '9876543210987654321098765432109876543210', 'active', 1750000000000, 1750000100000, 'aa'),
    ('acme', 'sb-2', 'p1', 'Acme/Site', NULL, '0123456789012345678901234567890123456789', NULL, NULL, NULL, 1750000000000, 'bb');
