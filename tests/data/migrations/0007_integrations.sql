-- Rows as version 0.4 wrote them: an installation connected with a code, one that the user let go, a request that an owner has
-- not answered, and the states that were used for them. They never change: they are what an old store holds.

INSERT INTO integrations (id, user_id, tenant_id, host_id, installation, account_login, requester, setup_action, proof, state, created_at, callback_at, ended_at) VALUES
  ('01a1fd0c-b0b0-7212-b2b6-6b85a316d001', 'user-1', 'org-1', 'github.com', 3000009001, 'cobalt-labs', NULL, 'install', 'code', 'active', 1795246829744, 1795246929744, NULL),
  ('01a1fd0c-b0b0-7212-b2b6-6b85a316d002', 'user-1', NULL, 'github.com', 3000009002, 'ochre', NULL, 'update', 'app', 'revoked', 1795246829744, 1795246829744, 1795246999744),
  ('01a1fd0c-b0b0-7212-b2b6-6b85a316d003', 'user-2', NULL, 'github.com', NULL, NULL, 3000009301, 'request', 'none', 'requested', 1795246830744, 1795246830744, NULL);

INSERT INTO used_install_states (nonce, used_at, expires_at) VALUES
  ('q83vASNFZ4mrze8BI0VniQ', 1795246829744, 1795247329744);
