-- Rows as version 0.4 wrote them: an installation made, suspended and renamed by events, one that went, a repository that was
-- granted and renamed, one withdrawn, one transferred. They never change: they are what an old store holds.

INSERT INTO installations (host_id, id, account_id, account_login, account_type, selection, suspended_at, permissions, sweep_id, listed_by, unread, seen_at, listed_at) VALUES
  ('github.com', 3000009001, 3000009101, 'cobalt-labs', 'Organization', 'selected', NULL, '{"contents":"read","metadata":"read"}', '01a1fd0c-b0b0-7212-b2b6-6b85a316c5e0', '01a1fd0c-b0b0-7212-b2b6-6b85a316c5e0', NULL, 1795246829744, 1795246829744);

INSERT INTO repositories (host_id, installation, id, full_name, owner_id, owner_login, created_at, private, fork, sweep_id) VALUES
  ('github.com', 3000009001, 3000009201, 'cobalt-labs/new-name', 3000009101, 'cobalt-labs', 1726716751000, 1, 0, '');

INSERT INTO installation_facts (host_id, id, gone_received, body, at, received, suspended_at, suspension_at, suspension_received, login, login_received) VALUES
  ('github.com', 3000009001, NULL, '{"id":3000009001,"account_id":3000009101,"account_login":"cobalt","account_type":"Organization","selection":"selected","suspended_at":null,"permissions":"{\"contents\":\"read\",\"metadata\":\"read\"}"}', 1795246830000, 1795246830400, NULL, 1795246830000, 1795246830400, 'cobalt-labs', 1795246831400),
  ('github.com', 3000009002, 1795246832000, '{"id":3000009002,"account_id":3000009102,"account_login":"ochre","account_type":"User","selection":"all","suspended_at":1795246831000,"permissions":"{}"}', 1795246831000, 1795246831900, 1795246831000, 1795246831000, 1795246831900, 'ochre', 1795246831900);

INSERT INTO repository_facts (host_id, installation, id, created_at, fork, granted, granted_received, named, named_received, told, told_at, told_received) VALUES
  ('github.com', 3000009001, 3000009201, 1726716751000, 0, 1, 1795246830400, '{"installation":3000009001,"id":3000009201,"full_name":"cobalt/old-name","owner_id":3000009101,"owner_login":"cobalt","created_at":null,"private":true,"fork":true}', 1795246830400, '{"installation":3000009001,"id":3000009201,"full_name":"cobalt-labs/new-name","owner_id":3000009101,"owner_login":"cobalt-labs","created_at":1726716751000,"private":true,"fork":false}', 1795246833000, 1795246833500),
  ('github.com', 3000009001, 3000009202, NULL, NULL, 0, 1795246834000, NULL, NULL, NULL, NULL, NULL);

INSERT INTO repository_homes (host_id, id, installation, received) VALUES
  ('github.com', 3000009203, 3000009001, 1795246835000);
