INSERT INTO fleet_texts (digest, version, id, checksum, files, recorded_at) VALUES
  ('d1', 1, '0001_notes', '5f0c', '[{"name":"0001_notes.up.sql","text":"CREATE TABLE notes (id INTEGER PRIMARY KEY)"}]', 1795246900000),
  ('d2', 2, '0002_add_tags', '66bb', '[{"name":"0002_add_tags.up.sql","text":"CREATE TABLE tag (id INTEGER PRIMARY KEY)"}]', 1795246800000);
