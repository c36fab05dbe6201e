-- The texts that plans of the fleet were made with, so that what was approved can be run after the folder has changed.
CREATE TABLE fleet_texts (
    -- SHA-256 over the files.
    digest      TEXT   NOT NULL PRIMARY KEY,
    version     BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    -- SHA-256 over the ways up.
    checksum    TEXT   NOT NULL,
    -- As in fleet_migrations.
    files       TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL
);
