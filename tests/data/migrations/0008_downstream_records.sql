-- A record as version 0.4 wrote it. It never changes: it is what an old store holds.

INSERT INTO downstream_records (probe, project_id, repo_lname, recorded_at, recorded_by, body) VALUES
  ('docs', 'prj-1', 'iris-systems-26/web-infra-53', 1795300004000, 'ana', '{"call":"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef","seen":{"status":200,"events":[{"name":"chunk","count":41},{"name":"done","count":1}],"bytes":18233,"digest":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","matched":true,"ended":true}}');
