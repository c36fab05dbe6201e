-- A timeline asks for the incidents of a time.
CREATE INDEX incidents_opened ON incidents (opened_at);
CREATE INDEX incidents_closed ON incidents (closed_at) WHERE closed_at IS NOT NULL;

-- Comparisons that the budget of calls left out: they stood with `shed` before, which is what was lost.
ALTER TABLE rollout_windows ADD COLUMN over_budget BIGINT NOT NULL DEFAULT 0;
