INSERT INTO fleet_migrations (version, id, checksum, files, recorded_at, pinned_at) VALUES
  (1, '0001_notes', '5f0c', '[{"name":"0001_notes.up.sql","text":"CREATE TABLE notes (id INTEGER PRIMARY KEY)"}]', 1795246900000, 1795246900100),
  (2, '0002_add_tags', '77aa', '[{"name":"0002_add_tags.up.sql","text":"CREATE TABLE tags (id INTEGER PRIMARY KEY)"}]', 1795246900000, NULL);

INSERT INTO fleet_instances
    (tenant_id, external_user, driver, place, host, server, sealed, key_id, from_application, state, reason, version, expected_schema, seen_schema, drift, place_in_waves, marks, failed_version, checked_at, notified_at, added_at)
VALUES
  ('tenant-0007', 'user_7', 'postgres', 'db1:5432/t7', 'db1', 'db1:5432', 's1.k1.c2VhbGVk', 'k1', 1, 'connected', NULL, 1, 'a1', 'b2', '+ table sketches', 0, 4, 2, 1795246900200, NULL, 1795246890000),
  ('tenant-0008', NULL, 'sqlite', '/srv/t8.db', 'localhost', '/srv', 's1.k1.c2VhbGVk', 'k1', 0, 'error', 'no such file', 0, NULL, NULL, NULL, 4711, 0, NULL, 1795246900200, 1795246900300, 1795246890000);

INSERT INTO fleet_steps
    (tenant_id, version, migration, status, way, class, error, error_group, attempt, run_id, started_at, completed_at)
VALUES
  ('tenant-0007', 1, '0001_notes', 'completed', 'up', NULL, NULL, NULL, 1, '01a1fd0c-fleet', 1795246900100, 1795246900110),
  ('tenant-0007', 2, '0002_add_tags', 'failed', 'up', 'migration bug', 'relation "tags" exists already', 'g1', 2, '01a1fd0c-fleet', 1795246900120, 1795246900130);

INSERT INTO fleet_history
    (seq, tenant_id, version, migration, way, status, class, error, attempt, run_id, started_at, completed_at)
VALUES
  (1, 'tenant-0007', 1, '0001_notes', 'up', 'completed', NULL, NULL, 1, '01a1fd0c-fleet', 1795246900100, 1795246900110),
  (2, 'tenant-0007', 2, '0002_add_tags', 'up', 'failed', 'migration bug', 'relation "tags" exists already', 2, '01a1fd0c-fleet', 1795246900120, 1795246900130);

INSERT INTO fleet_schemas (hash, lines, seen_at) VALUES ('a1', 'table notes', 1795246900110), ('b2', 'table notes
table sketches', 1795246900200);

UPDATE runs SET resumed_at = 1795246842000 WHERE id = '01a1fd0c-df0d-74f4-9882-3c0e3a2954f5';
