//! Steps in transactions on PostgreSQL.

use cutover_daemon::fleet::driver::{Purpose, StepEnd};
use cutover_shared::fleet::{DriverKind, ErrorClass, Way};
use cutover_tests::services::{Database, PASSWORD, Postgres};
use sqlx::{AssertSqlSafe, Connection as _};

use super::world::{Asks, drivers, five, look, open, sql, target, versions, with};

const KIND: DriverKind = DriverKind::Postgres;

pub async fn database() -> Database {
    Postgres::shared().await.unwrap().database().await.unwrap()
}

/// One text of the database.
pub async fn ask(database: &Database, sql: &str) -> String {
    let mut connection = database.connect().await.unwrap();
    let value: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::text")))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    value.unwrap_or_default()
}

const TABLES: &str = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                      WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";

#[tokio::test]
async fn five_steps_go_up_and_down_with_their_ledger() {
    let database = database().await;
    let (asks, five) = (Asks::default(), five());
    let mut session = open(KIND, &database.url).await;
    assert_eq!(session.ledger().version(), 0);
    let ends = asks.all(&mut session, KIND, Way::Up, &five).await;
    assert_eq!(ends, vec![Ok(StepEnd::Done); 5]);
    assert_eq!(versions(&*session), [1, 2, 3, 4, 5]);
    assert_eq!(asks.all(&mut session, KIND, Way::Up, &five).await, vec![Ok(StepEnd::Already); 5]);
    session.close().await;

    let seen = look(KIND, &database.url).await;
    let row = &seen.ledger().rows[&3];
    assert_eq!((row.id.as_str(), row.checksum.as_str()), ("0003_m3", five[2].checksum.as_str()));
    let applied = ask(&database, "SELECT min(applied_at) > 1700000000000 FROM cutover_migrations").await;
    assert_eq!(applied, "true");
    assert_eq!(ask(&database, TABLES).await, "cutover_migrations t1 t2 t3 t4 t5");

    let mut session = open(KIND, &database.url).await;
    let back: Vec<_> = five.iter().rev().take(3).cloned().collect();
    assert_eq!(asks.all(&mut session, KIND, Way::Down, &back).await, vec![Ok(StepEnd::Done); 3]);
    assert_eq!(asks.all(&mut session, KIND, Way::Down, &back).await, vec![Ok(StepEnd::Already); 3]);
    assert_eq!(versions(&*session), [1, 2]);
    session.close().await;
    assert_eq!(versions(&*look(KIND, &database.url).await), [1, 2]);
    assert_eq!(ask(&database, TABLES).await, "cutover_migrations t1 t2");
}

#[tokio::test]
async fn looking_changes_nothing_and_takes_no_lock() {
    let database = database().await;
    let mut first = look(KIND, &database.url).await;
    let migrating = open(KIND, &database.url).await;
    let second = look(KIND, &database.url).await;
    assert_eq!((first.ledger().version(), second.ledger().version()), (0, 0));
    assert_eq!(ask(&database, "SELECT to_regclass('cutover_migrations') IS NULL").await, "true");
    let refused = Asks::default().up(&mut first, KIND, &five()[0]).await.unwrap_err();
    assert!(refused.text.contains("look only"));
    migrating.close().await;
}

#[tokio::test]
async fn only_one_session_migrates_a_database() {
    let database = database().await;
    let first = open(KIND, &database.url).await;
    let taken = drivers(None).open(KIND, &target(&database.url), Purpose::Migrate).await.err().unwrap();
    assert!(taken.is_taken, "{taken}");
    first.close().await;
    // The server notices a moment later that it is gone; the next waits for that.
    open(KIND, &database.url).await.close().await;
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_and_those_before_it_stay() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let mut all = five();
    all[2] = sql(3, "CREATE TABLE t3 (id int);\n\n-- two\nSELECT nope\nFROM t3;\n", None);
    let ends = Asks::default().all(&mut session, KIND, Way::Up, &all).await;
    assert_eq!(ends.len(), 3, "the rest was not run");
    assert_eq!(ends[..2], [Ok(StepEnd::Done), Ok(StepEnd::Done)]);
    let error = ends[2].clone().unwrap_err();
    assert_eq!(error.text, "0003_m3.up.sql:4: column \"nope\" does not exist (42703)");
    assert_eq!((error.class, error.is_unclear), (ErrorClass::SchemaMismatch, false));
    assert_eq!(versions(&*session), [1, 2]);
    assert_eq!(ask(&database, TABLES).await, "cutover_migrations t1 t2");
    // Mended, it goes on in the same session.
    all[2] = five()[2].clone();
    let ends = Asks::default().all(&mut session, KIND, Way::Up, &all).await;
    assert_eq!(ends.iter().filter(|end| **end == Ok(StepEnd::Done)).count(), 3);
    session.close().await;
}

#[tokio::test]
async fn errors_name_the_line_and_no_value() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    asks.up(
        &mut session,
        KIND,
        &sql(1, "CREATE TABLE k (id int PRIMARY KEY);\nINSERT INTO k VALUES (1);\n", None),
    )
    .await
    .unwrap();
    for (up, text, class) in [
        (
            "SELECT 1;\nINSERT INTO k VALUES (1);\n",
            "0002_m2.up.sql:2: duplicate key value violates unique constraint \"k_pkey\" (23505)",
            ErrorClass::MigrationBug,
        ),
        (
            "SELECT 1;\n\nSELECT 'planted'::text::int;\n",
            "0002_m2.up.sql:3: invalid input syntax for type integer: \"\u{2026}\" (22P02)",
            ErrorClass::MigrationBug,
        ),
        (
            "CREATE TABLE k ();\n",
            "0002_m2.up.sql:1: relation \"k\" already exists (42P07)",
            ErrorClass::SchemaMismatch,
        ),
        (
            "SELECT 1;\nSELEC 1;\n",
            "0002_m2.up.sql:2: syntax error at or near \"SELEC\" (42601)",
            ErrorClass::MigrationBug,
        ),
        (
            "SELECT 1;\nCOMMIT;\n",
            "0002_m2.up.sql:2: a migration must not begin or end transactions: it is run in one, or, with `transaction: none`, each \
             statement by itself",
            ErrorClass::MigrationBug,
        ),
    ] {
        let error = asks.up(&mut session, KIND, &sql(2, up, None)).await.unwrap_err();
        assert_eq!((error.text.as_str(), error.class), (text, class), "{up}");
    }
    session.close().await;
}

#[tokio::test]
async fn a_check_that_is_not_true_takes_the_step_back() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let checked = |query: &str| {
        with(sql(1, "CREATE TABLE v (id int);\nINSERT INTO v VALUES (1);\n", None), |script| {
            script.verify = Some(query.to_owned());
        })
    };
    let asks = Asks::default();
    let wrong = checked("SELECT count(*) = 2\n  FROM v");
    let error = asks.up(&mut session, KIND, &wrong).await.unwrap_err();
    assert_eq!(
        error.text,
        "0001_m1.up.sql: the check `SELECT count(*) = 2 FROM v` is not true, so nothing was kept"
    );
    assert_eq!(ask(&database, TABLES).await, "");
    let right = checked("SELECT count(*) = 1 FROM v;");
    assert_eq!(asks.up(&mut session, KIND, &right).await, Ok(StepEnd::Done));
    assert_eq!(ask(&database, TABLES).await, "cutover_migrations v");
    session.close().await;
}

#[tokio::test]
async fn what_a_step_sets_for_the_session_does_not_reach_the_next() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let all = [
        sql(
            1,
            "CREATE SCHEMA other;\nSELECT pg_catalog.set_config('search_path', '', false);\nCREATE TEMP TABLE x (id int);\n",
            None,
        ),
        sql(2, "CREATE TABLE here (id int);\nCREATE TEMP TABLE x (id int);\n", None),
        sql(3, "CREATE TYPE mood AS ENUM ('sad');\nSELECT 'sad'::mood, 'cutover_migrations 4';\n", None),
    ];
    let ends = Asks::default().all(&mut session, KIND, Way::Up, &all).await;
    assert_eq!(ends, vec![Ok(StepEnd::Done); 3]);
    session.close().await;
    assert_eq!(ask(&database, TABLES).await, "cutover_migrations here");
}

#[tokio::test]
async fn time_outs_are_told_from_mistakes() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    asks.up(&mut session, KIND, &five()[0]).await.unwrap();
    let mut holder = database.connect().await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE t1").execute(&mut holder).await.unwrap();
    let blocked = sql(2, "SELECT 1;\nALTER TABLE t1 ADD COLUMN x int;\n", None);
    let error = asks.up(&mut session, KIND, &blocked).await.unwrap_err();
    assert_eq!((error.class, error.is_lock, error.is_unclear), (ErrorClass::TimeOut, true, false), "{error}");
    assert!(error.text.starts_with("0002_m2.up.sql:2: "), "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let slow = with(sql(2, "SELECT pg_sleep(30);\n", None), |script| {
        script.timeout = Some(std::time::Duration::from_millis(50));
    });
    let error = asks.up(&mut session, KIND, &slow).await.unwrap_err();
    assert_eq!(
        (error.class, error.is_lock, error.code.as_deref()),
        (ErrorClass::TimeOut, false, Some("57014"))
    );
    assert_eq!(asks.up(&mut session, KIND, &blocked).await, Ok(StepEnd::Done));
    session.close().await;
}

#[tokio::test]
async fn a_database_that_can_not_be_reached_says_why_without_its_address() {
    let database = database().await;
    let drivers = drivers(None);
    for (url, text) in [
        (database.url.replace("/test_", "/nowhere_"), "no such database"),
        ("postgres://u:planted@127.0.0.1:1/x".to_owned(), "no connection"),
        ("not an address planted".to_owned(), "can't be read"),
    ] {
        let error = drivers.open(KIND, &target(&url), Purpose::Look).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Connection);
        assert!(error.text.contains(text), "{error}");
        for secret in ["planted", PASSWORD, "nowhere", "127.0.0.1"] {
            assert!(!error.text.contains(secret) && !format!("{error:?}").contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_step_is_unclear_and_the_ledger_knows() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let five = five();
    let fatal = sql(2, "SELECT pg_terminate_backend(pg_backend_pid());\n", None);
    let asks = Asks::default();
    let ends = asks.all(&mut session, KIND, Way::Up, &[five[0].clone(), fatal.clone()]).await;
    let error = ends.last().unwrap().clone().unwrap_err();
    assert_eq!((error.class, error.is_unclear), (ErrorClass::Connection, true), "{error}");
    session.close().await;
    let mut session = open(KIND, &database.url).await;
    assert_eq!(session.is_done(&asks.of(&five[0], Way::Up, KIND)).await, Ok(Some(true)));
    assert_eq!(session.is_done(&asks.of(&fatal, Way::Up, KIND)).await, Ok(Some(false)));
    session.close().await;
}

#[tokio::test]
async fn a_ledger_of_another_history_is_refused() {
    let database = database().await;
    let mut session = open(KIND, &database.url).await;
    let asks = Asks::default();
    asks.up(&mut session, KIND, &five()[0]).await.unwrap();
    let mut other = five()[0].clone();
    other.id = "0001_other".into();
    let error = asks.up(&mut session, KIND, &other).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::SchemaMismatch);
    assert_eq!(error.text, "the tenant's ledger has `0001_m1` as version 1, not `0001_other`");
    session.close().await;
    let broken_view = "DROP TABLE cutover_migrations; CREATE FUNCTION broken() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM nowhere); END'; \
                       CREATE VIEW cutover_migrations AS SELECT broken() AS version, '' AS id, '' AS checksum, '' AS part_way, \
                       0 AS part_done, '' AS part_cursor, false AS part_begun";
    for instead in ["DROP TABLE cutover_migrations; CREATE TABLE cutover_migrations (x int)", broken_view] {
        database.psql(instead).await.unwrap();
        for purpose in [Purpose::Look, Purpose::Migrate] {
            let error = drivers(None).open(KIND, &target(&database.url), purpose).await.err().unwrap();
            assert_eq!(error.class, ErrorClass::SchemaMismatch, "{error}");
        }
    }
}

#[tokio::test]
async fn the_ledger_stays_in_its_schema_when_the_path_changes() {
    let database = database().await;
    let asks = Asks::default();
    let mut session = open(KIND, &database.url).await;
    asks.up(&mut session, KIND, &five()[0]).await.unwrap();
    session.close().await;
    // From now on another schema comes first.
    database.psql("CREATE SCHEMA postgres").await.unwrap();
    let mut session = open(KIND, &database.url).await;
    asks.up(&mut session, KIND, &five()[1]).await.unwrap();
    session.close().await;
    assert_eq!(versions(&*look(KIND, &database.url).await), [1, 2]);
    assert_eq!(ask(&database, "SELECT count(*) FROM public.cutover_migrations").await, "2");
}

#[tokio::test]
async fn the_load_of_a_server_is_one_number() {
    let database = database().await;
    let mut session = look(KIND, &database.url).await;
    assert_eq!(session.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'public';").await, Ok(1.0));
    for bad in ["SELECT 'x'", "SELECT 1 WHERE false", "SELECT nope", "CREATE TABLE x ()"] {
        assert!(session.number(bad).await.is_err(), "{bad}");
    }
    assert_eq!(session.number("SELECT 2.5").await, Ok(2.5));
    session.close().await;
}
