-- Rows as version 0.4 wrote them. They never change: they are what an old store holds.

INSERT INTO workflows (id, name, rule, repository, events, definition, attach_context, updated_at, updated_by, matches, last_guid, last_at) VALUES
  ('wf-review', 'Review', '{"repository":"iris-systems-26/*","events":["push","pull_request"],"branches":["main","!release/**"],"paths":[],"action_filter":[],"author_filter":[],"label_filter":[],"ignore_bots":true,"github_app_installation_id":3000003765}', 'iris-systems-26/*', 'push,pull_request', '{"nodes":[]}', 0, 1795300000000, 'ana', 2, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0003', 1795300002000);

INSERT INTO dispatches (seq, queue, workflow, delivery, guid, event, repository, created_at, state, attempts, due_at, ended_at, execution_id, note, round) VALUES
  (1, 'wf-review', 'wf-review', 2, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0002', 'push', 'iris-systems-26/web-infra-53', 1795300001000, 'sent', 1, 0, 1795300003000, 'exec-77', NULL, 1),
  (2, 'wf-review', 'wf-review', 3, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0003', 'push', 'iris-systems-26/web-infra-53', 1795300002000, 'waiting', 1, 1795300061000, NULL, NULL, 'the engine answered 502', 0),
  (3, '@scheduler:3000003765', NULL, 3, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0003', 'push', 'iris-systems-26/web-infra-53', 1795300002000, 'dead', 8, 0, 1795303602000, NULL, 'the scheduler answered 400', 0);
