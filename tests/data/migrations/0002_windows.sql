-- Rows as version 0.2 wrote them: the lists beside them come from triggers. They never change: they are what an old store holds.

INSERT INTO links (project_id, repo_lname, key, tenant_id, repo_full_name, repo_id, owner_id, owner_login, fingerprint) VALUES
  ('prj-window', 'iris-systems-26/web-infra-53', 'prj-window:iris-systems-26/web-infra-53', 'tenant-0007', 'Iris-systems-26/web-infra-53', 3000005185, 3000003171, 'iris-systems-26', '0d6f1f31cc7c83b1a5a9d1e2'),
  ('prj-window', 'iris-systems-26/unplanned', 'prj-window:iris-systems-26/unplanned', 'tenant-0007', 'iris-systems-26/unplanned', NULL, NULL, NULL, '7b0c4a8d11f0f3a2c9e55d10');

INSERT INTO mappings (key, tenant_id, status, installation, repo_id, confidence, body, fingerprint, run_id, updated_at) VALUES
  ('prj-window:iris-systems-26/web-infra-53', 'tenant-0007', 'mapped', 3000003765, 3000005185, 100, '{"confidence":100,"evidence":{"rung":1},"installation":3000003765,"next_steps":"","reason":"id_listed","repo_id":3000005185,"status":"mapped"}', '5d0f9d4b7f7e0b7b2f7c11aa', '01a1fd0c-df0d-74f4-9882-3c0e3a2954f5', 1795246841999);

INSERT INTO runs (id, kind, scope, state, direction, digest, basis, effect, reversibility, author, planned_at, expires_at, approved_by, approved_at, started_at, ended_at, undo_started_at, rate, reason, summary, lease_holder, lease_until) VALUES
  ('01a1fd0d-8a10-7e21-b0c5-4d1f0b1f7a10', 'map', 'tenant:tenant-0007', 'undone', 'undo', 'd0b226355cff85c4345ad7be9bd686437266ffd311e6f312cf51454d74a9f19a', '{"config":{"host":"github.com","slug":"cutover-sim","web":"https://github.com"},"items":0,"kind":"map","pages":[],"rules":{"matching":1},"scope":"tenant:tenant-0007"}', 'local', '{"is":"reversible"}', 'ana', 1795246890000, 1795333290000, 'ana', 1795246891000, 1795246892000, 1795246898000, 1795246897000, NULL, NULL, '{"changes":0,"counts":{"mapped":0,"pending":0,"unmappable":0,"unplanned":0},"index_at":1795246829781,"index_epoch":1,"installations":10,"probes_made":0,"probes_owed":0,"probes_stored":0,"reasons":[],"repositories":174}', NULL, NULL);

INSERT INTO audit (seq, at, bytes, prev, hash) VALUES
  (7, 1795246897000, '{"act":"run.undo","actor":"ana","at":1795246897000,"detail":{"rate":null},"origin":"rpc uid 0","seq":7,"subject":"01a1fd0d-8a10-7e21-b0c5-4d1f0b1f7a10"}', '3e957c971169a30d2b54b2bac45f19fde887f7e3ea1813500c9eae0f18aaed19', '599c2b463777a230cb80e4b48283cd7becd769144980763d575fe79f2ab57307');
