-- Rows as version 0.7 wrote them: a lock that a process had in memory, one by Redis, one that was given back, and a fence that was only
-- seen. They never change: they are what an old store holds.

INSERT INTO locks (name, fence, holder, until, agreed) VALUES
  ('sweep:github.com', 41, 'daemon#01a1fd0c-b0b0-7212-b2b6-6b85a316d101', 1790000030000, 'memory'),
  ('rollout', 7, 'daemon#01a1fd0c-b0b0-7212-b2b6-6b85a316d102', 1790000031000, 'redis'),
  ('given-back', 3, NULL, NULL, NULL),
  ('seen', 12, NULL, NULL, NULL);
