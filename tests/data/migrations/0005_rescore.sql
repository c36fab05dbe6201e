-- Rows as version 0.5 wrote them: an event and a sweep whose mappings were not judged again yet. They never change: they are what
-- an old store holds.

INSERT INTO rescore (id, host_id, scope, cause, at) VALUES
  (7, 'github.com', '{"all":false,"installations":[3000009001],"accounts":[3000009101],"logins":["cobalt-labs"],"repositories":[3000009201],"reread":[]}', 'delivery 5f0c1a52-c6b1-11f0-8f4e-8d2f6a0b7c11', 1795246833500),
  (8, 'github.com', '{"all":true,"installations":[],"accounts":[],"logins":[],"repositories":[],"reread":[]}', 'sweep 01a1fd0c-b0b0-7212-b2b6-6b85a316c5e0', 1795246839000);

INSERT INTO delivered (installation, at, event) VALUES (3000009001, 1795246833500, 'repository.renamed');
