-- A row as version 0.5 wrote it. It never changes: it is what an old store holds.

INSERT INTO dispatches (seq, queue, workflow, delivery, guid, event, repository, created_at, state, attempts, due_at, ended_at, execution_id, note, round, callback) VALUES
  (4, '@scheduler:3000003765', NULL, 0, 'callback-01a20c7e-1f60-71f1-9d0c-5e3f7c1a0009', 'installation_callback', NULL, 1795300004000, 'sent', 0, 0, 1795300005000, NULL, NULL, 0, '{"installation_id":3000003765,"setup_action":"install","state":"user-1","code":null}');
