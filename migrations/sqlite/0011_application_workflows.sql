-- Workflows that were read out of the application's own tables, beside those that were registered here.

-- `registered` or `application`; whoever brought it is the only one to change it.
ALTER TABLE workflows ADD COLUMN source TEXT NOT NULL DEFAULT 'registered';
-- The workflow that is started, where this row is a further trigger of it; none: this one.
ALTER TABLE workflows ADD COLUMN workflow TEXT;
-- Of what was read, so that only what changed is written.
ALTER TABLE workflows ADD COLUMN fingerprint TEXT;
-- Why it matches nothing; none: it is understood.
ALTER TABLE workflows ADD COLUMN trouble TEXT;
