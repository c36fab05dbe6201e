//! The schema of a PostgreSQL database: each thing that can be changed by hand shows, and nothing else does.

use cutover_daemon::fleet::driver::Schema;
use cutover_daemon::fleet::schema::difference;
use cutover_shared::fleet::DriverKind;

use super::postgres::database;
use super::world::look;

const MADE: &str = "
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN slug AS text CHECK (VALUE <> '');
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, balance numeric(12,2) DEFAULT 0);
CREATE TABLE notes (id serial PRIMARY KEY, owner bigint REFERENCES users, mood mood, name slug, twice int GENERATED ALWAYS AS (1 + 1) STORED,
    CHECK (id > 0));
CREATE INDEX notes_owner ON notes (owner);
CREATE VIEW glad AS SELECT id FROM notes WHERE mood = 'glad';
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON notes USING (owner = 1);
CREATE TABLE cutover_migrations (version bigint PRIMARY KEY, id text, checksum text, part_way text, part_done bigint, part_cursor text,
    part_begun boolean, applied_at bigint);
";

async fn schema(url: &str) -> Schema {
    let mut session = look(DriverKind::Postgres, url).await;
    let schema = session.schema().await.unwrap();
    session.close().await;
    schema
}

#[tokio::test]
async fn the_same_statements_make_the_same_lines() {
    let (one, two) = (database().await, database().await);
    one.psql(MADE).await.unwrap();
    two.psql("CREATE TABLE gone (id int); DROP TABLE gone;").await.unwrap();
    two.psql(MADE).await.unwrap();
    two.psql("INSERT INTO users (email) VALUES ('x'); ANALYZE").await.unwrap();
    let (one, two) = (schema(&one.url).await, schema(&two.url).await);
    assert_eq!(difference(&one, &two), Vec::<String>::new());
    assert_eq!(one.hash(), two.hash());
    let text = one.text();
    assert!(!text.contains("cutover_migrations"), "{text}");
    for line in [
        "public.users column balance numeric(12,2) DEFAULT 0",
        "public.notes column owner bigint",
        "public.mood type e 'sad', 'glad'",
        "public.notes index notes_owner CREATE INDEX notes_owner ON public.notes USING btree (owner)",
    ] {
        assert!(one.lines.iter().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn every_change_by_hand_shows() {
    let database = database().await;
    database.psql(MADE).await.unwrap();
    let mut before = schema(&database.url).await;
    for (change, shows) in [
        ("ALTER TABLE users ADD COLUMN extra text", "public.users column extra text"),
        ("ALTER TABLE users ALTER COLUMN email TYPE varchar(9)", "column email character varying(9)"),
        ("ALTER TABLE users ALTER COLUMN email DROP NOT NULL", "column email"),
        ("ALTER TABLE users ALTER COLUMN balance SET DEFAULT 1", "DEFAULT 1"),
        ("ALTER TABLE users ALTER COLUMN email SET DATA TYPE text COLLATE \"C\"", "COLLATE"),
        ("ALTER TABLE notes DROP CONSTRAINT notes_id_check", "notes_id_check"),
        ("ALTER TABLE notes ADD CONSTRAINT late CHECK (id < 9) NOT VALID", "(not validated)"),
        ("DROP INDEX notes_owner", "notes_owner"),
        ("CREATE OR REPLACE VIEW glad AS SELECT id FROM notes", "glad relation view"),
        ("CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'", "one function"),
        ("ALTER TABLE notes DISABLE TRIGGER notes_touch", "notes_touch"),
        ("ALTER TYPE mood ADD VALUE 'mad'", "'mad'"),
        ("ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "row security"),
        ("ALTER POLICY own ON notes USING (owner = 2)", "policy own"),
        ("CREATE SEQUENCE lonely", "lonely relation sequence"),
        ("CREATE UNLOGGED TABLE fast ()", "table unlogged"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_key'::regclass",
            "(invalid)",
        ),
        ("CREATE SCHEMA other CREATE TABLE t (id int)", "other.t"),
    ] {
        database.psql(change).await.unwrap();
        let after = schema(&database.url).await;
        let lines = difference(&before, &after);
        assert!(lines.iter().any(|line| line.contains(shows)), "{change}: {lines:#?}");
        assert!(lines.len() <= 4, "{change}: {lines:#?}");
        before = after;
    }
}
