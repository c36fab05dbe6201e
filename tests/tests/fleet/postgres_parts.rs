//! Steps without a single transaction on PostgreSQL.

use cutover_daemon::fleet::driver::{Part, StepEnd};
use cutover_shared::fleet::{DriverKind, ErrorClass, Way};

use super::postgres::{ask, database};
use super::world::{Asks, alone, chunked, look, open, sql, versions};

const KIND: DriverKind = DriverKind::Postgres;

const ROWS: &str = "CREATE TABLE notes (id bigint PRIMARY KEY, slug text);\n\
                    INSERT INTO notes SELECT n, 'secret' || n FROM generate_series(1, 10) n;\n";

/// Touches three rows after the cursor, and counts how often each was.
const CHUNK: &str = "WITH few AS (SELECT id FROM notes WHERE id > :cursor ORDER BY id LIMIT :chunk),\n\
                     done AS (UPDATE notes SET slug = slug || '+' FROM few WHERE notes.id = few.id RETURNING notes.id)\n\
                     SELECT max(id) FROM done; -- :cursor\n";

#[tokio::test]
async fn chunks_go_on_at_their_cursor() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    Asks::default().up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    let step = chunked(2, CHUNK, 3, "0");
    let stopping = Asks::stopping("fleet.chunk.after", 2);
    assert_eq!(stopping.up(&mut session, KIND, &step).await, Ok(StepEnd::Stopped));
    session.close().await;
    assert_eq!(ask(&database, "SELECT count(*) FROM notes WHERE slug LIKE '%+'").await, "6");

    let seen = look(KIND, &database.url).await;
    let part = Part { way: Way::Up, statements: 2, cursor: Some("6".into()) };
    assert_eq!(seen.ledger().rows[&2].part, Some(part));
    assert_eq!((seen.ledger().version(), seen.ledger().has(2)), (1, false));

    let mut session = open(KIND, &database.url).await;
    let other = chunked(2, "SELECT NULL;\n", 3, "0");
    let error = Asks::default().up(&mut session, KIND, &other).await.unwrap_err();
    assert!(error.text.contains("begun with another text"), "{error}");
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(
        ask(&database, "SELECT count(*) FROM notes WHERE slug ~ '^[^+]*[+]$'").await,
        "10",
        "each row once"
    );
    assert_eq!(versions(&*look(KIND, &database.url).await), [1, 2]);
}

#[tokio::test]
async fn a_cursor_that_does_not_move_ends_the_step() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    for (text, start, expected) in
        [("SELECT 7;\n", "0", "does not move"), ("SELECT 'x';\n", "0", "not a whole number")]
    {
        let step = chunked(1, text, 3, start);
        let error = asks.up(&mut session, KIND, &step).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::MigrationBug);
        assert!(error.text.contains(expected), "{error}");
        database.psql("DELETE FROM cutover_migrations").await.unwrap();
        session.close().await;
        session = open(KIND, &database.url).await;
    }
    let wrong = chunked(1, "SELECT 1;\nSELECT nope FROM (SELECT :cursor) x;\n", 3, "0");
    let error = asks.up(&mut session, KIND, &wrong).await.unwrap_err();
    assert!(error.text.starts_with("0001_m1.up.sql:2: "), "{error}");
    session.close().await;
}

#[tokio::test]
async fn text_cursors_can_not_leave_their_quotes() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    let rows = "CREATE TABLE k (id text PRIMARY KEY);\nINSERT INTO k VALUES ('a''; DROP TABLE k; --'), ('b\\'), ('c');\n";
    asks.up(&mut session, KIND, &sql(1, rows, None)).await.unwrap();
    let step = chunked(2, "SELECT min(id) FROM k WHERE id COLLATE \"C\" > :cursor;\n", 1, "");
    assert_eq!(asks.up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(ask(&database, "SELECT count(*) FROM k").await, "3");
}

const TWO: &str = "CREATE INDEX CONCURRENTLY notes_a ON notes (slug);\n\
                   CREATE INDEX CONCURRENTLY notes_b ON notes (id, slug);\n";

#[tokio::test]
async fn statements_alone_are_counted_and_not_run_twice() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    Asks::default().up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    let step = alone(2, TWO);
    let stopping = Asks::stopping("fleet.chunk.after", 1);
    assert_eq!(stopping.up(&mut session, KIND, &step).await, Ok(StepEnd::Stopped));
    session.close().await;
    let mut session = open(KIND, &database.url).await;
    let part = session.ledger().rows[&2].part.clone().unwrap();
    assert_eq!((part.statements, part.way), (1, Way::Up));
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(
        ask(&database, "SELECT count(*) FROM pg_index WHERE indrelid = 'notes'::regclass AND indisvalid")
            .await,
        "3"
    );
}

/// As a crash leaves it: the statement was begun, and nothing says how it ended.
const CRASHED: &str = "UPDATE cutover_migrations SET part_begun = true WHERE version = 2";

#[tokio::test]
async fn an_index_that_is_there_counts_and_an_invalid_one_is_made_again() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    Asks::default().up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    let step = alone(2, TWO);
    Asks::stopping("fleet.chunk.after", 1).up(&mut session, KIND, &step).await.unwrap();
    session.close().await;
    // The second was made whole, the daemon died before it could say so.
    let made = "CREATE INDEX CONCURRENTLY notes_b ON notes (id, slug)";
    database.psql(&format!("{CRASHED};\n{made};")).await.unwrap();
    let mut session = open(KIND, &database.url).await;
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;

    let unique = alone(3, "CREATE UNIQUE INDEX CONCURRENTLY notes_u ON notes (length(slug));\n");
    let mut session = open(KIND, &database.url).await;
    let error = Asks::default().up(&mut session, KIND, &unique).await.unwrap_err();
    assert_eq!((error.code.as_deref(), error.is_unclear), (Some("23505"), false));
    session.close().await;
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'notes_u'::regclass";
    assert_eq!(ask(&database, valid).await, "false", "what a failed one leaves behind");
    database.psql("UPDATE notes SET slug = repeat('x', id::int)").await.unwrap();
    let mut session = open(KIND, &database.url).await;
    assert_eq!(Asks::default().up(&mut session, KIND, &unique).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(ask(&database, valid).await, "true");
}

#[tokio::test]
async fn what_can_not_be_told_waits_for_a_person() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    Asks::default().up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    let step = alone(2, "VACUUM notes;\nINSERT INTO notes VALUES (11, 'x');\nANALYZE notes;\n");
    Asks::stopping("fleet.chunk.after", 1).up(&mut session, KIND, &step).await.unwrap();
    session.close().await;
    database.psql(CRASHED).await.unwrap();
    let mut session = open(KIND, &database.url).await;
    let error = Asks::default().up(&mut session, KIND, &step).await.unwrap_err();
    assert!(error.is_unclear && error.text.starts_with("0002_m2.up.sql:2: "), "{error}");
    session.close().await;
    // A person saw that it was not done.
    database.psql("UPDATE cutover_migrations SET part_begun = false").await.unwrap();
    let mut session = open(KIND, &database.url).await;
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(ask(&database, "SELECT count(*) FROM notes").await, "11");
}

#[tokio::test]
async fn a_refused_statement_may_be_run_again() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    Asks::default().up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    let step = alone(2, "INSERT INTO more VALUES (1);\n");
    let error = Asks::default().up(&mut session, KIND, &step).await.unwrap_err();
    assert_eq!(error.text, "0002_m2.up.sql:1: relation \"more\" does not exist (42P01)");
    session.close().await;
    database.psql("CREATE TABLE more (id int)").await.unwrap();
    let mut session = open(KIND, &database.url).await;
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
}

#[tokio::test]
async fn an_index_of_somebody_else_is_not_taken_for_ours() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    asks.up(&mut session, KIND, &sql(1, ROWS, None)).await.unwrap();
    database.psql("CREATE INDEX notes_slug ON notes (slug)").await.unwrap();
    let step = alone(2, "CREATE UNIQUE INDEX CONCURRENTLY notes_slug ON notes (slug);\n");
    // However often: it is not unique.
    for _ in 0..2 {
        let refused = asks.up(&mut session, KIND, &step).await.unwrap_err();
        assert_eq!(refused.code.as_deref(), Some("42P07"), "{refused}");
        session.close().await;
        session = open(KIND, &database.url).await;
    }
    database.psql("DROP INDEX notes_slug").await.unwrap();
    assert_eq!(asks.up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
    session.close().await;
}
