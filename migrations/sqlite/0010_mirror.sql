-- What is owed to the copies in the application's database. Triggers keep it: it stands from the same commit on as the fact,
-- whoever wrote that, so that a crash in between loses nothing. It holds one row for each installation and integration at the
-- most, and stays small where nothing is copied.
CREATE TABLE mirror_owed (
    -- `installation`, `integration`; `all` when a sweep has ended.
    kind    TEXT NOT NULL,
    host_id TEXT NOT NULL,
    -- Its id; empty for `all`.
    subject TEXT NOT NULL,
    -- Raised by each further fact: what was taken is struck off by its version, and what came meanwhile stays owed.
    version BIGINT NOT NULL,
    PRIMARY KEY (kind, host_id, subject)
) WITHOUT ROWID;

CREATE TRIGGER mirror_installation_added AFTER INSERT ON installations BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', NEW.host_id, NEW.id, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

-- With a list that was read to its end for the first time, an empty one is known to be empty.
CREATE TRIGGER mirror_installation_changed AFTER UPDATE OF account_id, account_login, account_type, listed_at ON installations
WHEN NEW.account_id <> OLD.account_id OR NEW.account_login <> OLD.account_login OR NEW.account_type <> OLD.account_type
  OR (NEW.listed_at IS NULL) <> (OLD.listed_at IS NULL) BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', NEW.host_id, NEW.id, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_installation_gone AFTER DELETE ON installations BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', OLD.host_id, OLD.id, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_repository_added AFTER INSERT ON repositories BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', NEW.host_id, NEW.installation, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_repository_renamed AFTER UPDATE OF full_name ON repositories WHEN NEW.full_name <> OLD.full_name BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', NEW.host_id, NEW.installation, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_repository_gone AFTER DELETE ON repositories BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('installation', OLD.host_id, OLD.installation, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

-- What an owner has not approved yet is nobody's, and is copied nowhere.
CREATE TRIGGER mirror_integration_added AFTER INSERT ON integrations WHEN NEW.installation IS NOT NULL BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('integration', NEW.host_id, NEW.id, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_integration_changed AFTER UPDATE ON integrations WHEN NEW.installation IS NOT NULL BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('integration', NEW.host_id, NEW.id, 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;

CREATE TRIGGER mirror_swept AFTER UPDATE OF state ON sweeps WHEN NEW.state = 'done' AND OLD.state <> 'done' BEGIN
    INSERT INTO mirror_owed (kind, host_id, subject, version) VALUES ('all', NEW.host_id, '', 1)
    ON CONFLICT (kind, host_id, subject) DO UPDATE SET version = version + 1;
END;
