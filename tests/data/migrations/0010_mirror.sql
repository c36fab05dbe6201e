-- Rows as version 0.6 wrote them: an installation that changed twice, an integration and the end of a sweep that the application's
-- database does not know yet. They never change: they are what an old store holds.

INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES
  ('installation', 'github.com', '3000009001', 2),
  ('integration', 'github.com', '01a1fd0c-b0b0-7212-b2b6-6b85a316d001', 1),
  ('all', 'github.com', '', 4);
