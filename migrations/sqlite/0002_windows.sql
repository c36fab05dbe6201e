-- Lists are filtered, sorted and counted at any place. Rows of links, mappings and items are wide; what a list looks at is kept
-- narrow beside them.

-- One row for each link, with what its mapping says. Triggers keep it, so that also the version before, which does not know
-- it, leaves it right.
CREATE TABLE listed_links (
    project_id   TEXT NOT NULL,
    repo_lname   TEXT NOT NULL,
    tenant_id    TEXT NOT NULL,
    -- The mapping's word, or `unplanned`.
    status       TEXT NOT NULL,
    reason       TEXT,
    confidence   BIGINT,
    installation BIGINT,
    PRIMARY KEY (project_id, repo_lname)
) WITHOUT ROWID;
INSERT INTO listed_links (project_id, repo_lname, tenant_id, status, reason, confidence, installation)
SELECT links.project_id, links.repo_lname, links.tenant_id, coalesce(mappings.status, 'unplanned'),
       mappings.body->>'$.reason', mappings.confidence, mappings.installation
  FROM links LEFT JOIN mappings ON mappings.key = links.key;
CREATE INDEX listed_links_status ON listed_links (status, project_id, repo_lname, tenant_id);
CREATE INDEX listed_links_tenant ON listed_links (tenant_id, project_id, status);
CREATE INDEX listed_links_repo ON listed_links (repo_lname, project_id);
-- Every count goes over listed_links now. Each index costs an apply a tenth of its pace; without these the version before is
-- slower, and right.
DROP INDEX mappings_status;
DROP INDEX mappings_tenant;

CREATE TRIGGER links_listed AFTER INSERT ON links BEGIN
    INSERT INTO listed_links (project_id, repo_lname, tenant_id, status, reason, confidence, installation)
    SELECT NEW.project_id, NEW.repo_lname, NEW.tenant_id, coalesce(mappings.status, 'unplanned'),
           mappings.body->>'$.reason', mappings.confidence, mappings.installation
      FROM (SELECT NEW.key AS key) AS link LEFT JOIN mappings ON mappings.key = link.key;
END;
CREATE TRIGGER links_relisted AFTER UPDATE OF tenant_id ON links WHEN NEW.tenant_id <> OLD.tenant_id BEGIN
    UPDATE listed_links SET tenant_id = NEW.tenant_id
     WHERE project_id = NEW.project_id AND repo_lname = NEW.repo_lname;
END;
CREATE TRIGGER links_unlisted AFTER DELETE ON links BEGIN
    DELETE FROM listed_links WHERE project_id = OLD.project_id AND repo_lname = OLD.repo_lname;
END;
CREATE TRIGGER mappings_listed AFTER INSERT ON mappings BEGIN
    UPDATE listed_links
       SET status = NEW.status, reason = NEW.body->>'$.reason', confidence = NEW.confidence,
           installation = NEW.installation
     WHERE (project_id, repo_lname) IN (SELECT project_id, repo_lname FROM links WHERE key = NEW.key);
END;
CREATE TRIGGER mappings_relisted AFTER UPDATE ON mappings BEGIN
    UPDATE listed_links
       SET status = NEW.status, reason = NEW.body->>'$.reason', confidence = NEW.confidence,
           installation = NEW.installation
     WHERE (project_id, repo_lname) IN (SELECT project_id, repo_lname FROM links WHERE key = NEW.key);
END;
CREATE TRIGGER mappings_unlisted AFTER DELETE ON mappings BEGIN
    UPDATE listed_links SET status = 'unplanned', reason = NULL, confidence = NULL, installation = NULL
     WHERE (project_id, repo_lname) IN (SELECT project_id, repo_lname FROM links WHERE key = OLD.key);
END;

CREATE INDEX run_items_listed ON run_items (run_id, ord, state, attempts, key, reason);
CREATE INDEX run_items_key ON run_items (run_id, key);

-- When the pass began that took the run back; `started_at` stays the beginning of its first.
ALTER TABLE runs ADD COLUMN undo_started_at BIGINT;
CREATE INDEX runs_listed ON runs (id, kind, scope, state, author, planned_at);

-- What a record that can't be read says is nothing, not an error. The record itself stays where its hash is.
CREATE TABLE listed_audit (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT,
    origin  TEXT,
    act     TEXT,
    subject TEXT
) WITHOUT ROWID;
INSERT INTO listed_audit (seq, at, actor, origin, act, subject)
SELECT seq, at, bytes->>'$.actor', bytes->>'$.origin', bytes->>'$.act', bytes->>'$.subject'
  FROM (SELECT seq, at, CASE WHEN json_valid(bytes) THEN bytes ELSE '{}' END AS bytes FROM audit);
CREATE TRIGGER audit_listed AFTER INSERT ON audit BEGIN
    INSERT INTO listed_audit (seq, at, actor, origin, act, subject)
    SELECT NEW.seq, NEW.at, bytes->>'$.actor', bytes->>'$.origin', bytes->>'$.act', bytes->>'$.subject'
      FROM (SELECT CASE WHEN json_valid(NEW.bytes) THEN NEW.bytes ELSE '{}' END AS bytes);
END;
