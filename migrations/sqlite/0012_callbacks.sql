-- Installations are sent on to the outside scheduler, too. Such a dispatch follows from no delivery (`delivery` is 0) and holds
-- what is sent itself: JSON, without a secret.

ALTER TABLE dispatches ADD COLUMN callback TEXT;
