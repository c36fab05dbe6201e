//! SQLite files.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::fleet::driver::{Purpose, StepEnd};
use cutover_shared::fleet::{DriverKind, ErrorClass, Way};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

use super::world::{Asks, alone, chunked, drivers, five, look, open, sql, target, versions, with};

const KIND: DriverKind = DriverKind::Sqlite;

struct File {
    _dir: tempfile::TempDir,
    path: String,
}

async fn connect(path: &str) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(path: &str, sql: &str) {
    let mut connection = connect(path).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn file() -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tenant.db").to_str().unwrap().to_owned();
    run(&path, "CREATE TABLE own (id INTEGER PRIMARY KEY); INSERT INTO own VALUES (1)").await;
    File { _dir: dir, path }
}

async fn ask(path: &str, sql: &str) -> String {
    let mut connection = connect(path).await;
    let value: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT CAST(({sql}) AS TEXT)")))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    value.unwrap_or_default()
}

const TABLES: &str =
    "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)";

#[tokio::test]
async fn five_steps_go_up_and_down_with_their_ledger() {
    let file = file().await;
    let (asks, five) = (Asks::default(), five());
    let mut session = open(KIND, &file.path).await;
    assert_eq!(asks.all(&mut session, KIND, Way::Up, &five).await, vec![Ok(StepEnd::Done); 5]);
    assert_eq!(asks.all(&mut session, KIND, Way::Up, &five).await, vec![Ok(StepEnd::Already); 5]);
    session.close().await;
    let seen = look(KIND, &file.path).await;
    assert_eq!(versions(&*seen), [1, 2, 3, 4, 5]);
    seen.close().await;
    let applied = ask(&file.path, "SELECT min(applied_at) > 1700000000000 FROM cutover_migrations").await;
    assert_eq!(applied, "1");
    let back: Vec<_> = five.iter().rev().take(4).cloned().collect();
    let mut session = open(KIND, &file.path).await;
    assert_eq!(asks.all(&mut session, KIND, Way::Down, &back).await, vec![Ok(StepEnd::Done); 4]);
    session.close().await;
    assert_eq!(ask(&file.path, TABLES).await, "cutover_migrations own t1");
    let beside = std::fs::read_dir(Path::new(&file.path).parent().unwrap()).unwrap();
    let mut beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    beside.sort();
    assert_eq!(
        beside.first().map(String::as_str),
        Some(".cutover-locks"),
        "one for all databases of the folder"
    );
    assert_eq!(beside.len(), 2, "{beside:?}: no lock or journal of the file's own is left");
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_and_those_before_it_stay() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    let mut all = five();
    all[2] = sql(3, "CREATE TABLE t3 (id int);\n\n-- two\nINSERT INTO nope VALUES (1);\n", None);
    let ends = Asks::default().all(&mut session, KIND, Way::Up, &all).await;
    assert_eq!(ends[..2], [Ok(StepEnd::Done), Ok(StepEnd::Done)]);
    let error = ends[2].clone().unwrap_err();
    assert_eq!((ends.len(), error.class), (3, ErrorClass::SchemaMismatch));
    assert!(error.text.starts_with("0003_m3.up.sql:") && error.text.contains("no such table"), "{error}");
    assert_eq!(ask(&file.path, TABLES).await, "cutover_migrations own t1 t2");
    // A failure that takes back the whole transaction by itself: the steps before it are run again, one by one.
    let huge = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000000)\nINSERT INTO own SELECT x + 1 FROM n;\n";
    all[2] = five()[2].clone();
    all[3] = with(sql(4, huge, None), |script| script.timeout = Some(std::time::Duration::from_millis(40)));
    let asks = Asks { timeout: std::time::Duration::from_millis(200), ..Asks::default() };
    let ends = asks.all(&mut session, KIND, Way::Up, &all).await;
    assert_eq!(ends[2], Ok(StepEnd::Done));
    let error = ends[3].clone().unwrap_err();
    assert_eq!((ends.len(), error.class), (4, ErrorClass::TimeOut), "{error}");
    session.close().await;
    assert_eq!(ask(&file.path, TABLES).await, "cutover_migrations own t1 t2 t3");
    assert_eq!(versions(&*look(KIND, &file.path).await), [1, 2, 3]);
    assert_eq!(ask(&file.path, "SELECT count(*) FROM own").await, "1");
}

#[tokio::test]
async fn a_check_that_is_not_true_takes_the_step_back() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    let checked = |query: &str| {
        with(sql(1, "INSERT INTO own VALUES (2);\n", None), |script| script.verify = Some(query.to_owned()))
    };
    let error =
        Asks::default().up(&mut session, KIND, &checked("SELECT count(*) = 3 FROM own")).await.unwrap_err();
    assert!(error.text.contains("is not true"), "{error}");
    assert_eq!(ask(&file.path, "SELECT count(*) FROM own").await, "1");
    let right = checked("SELECT count(*) = 2 FROM own");
    assert_eq!(Asks::default().up(&mut session, KIND, &right).await, Ok(StepEnd::Done));
    session.close().await;
    assert_eq!(ask(&file.path, "SELECT count(*) FROM own").await, "2");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_and_another_is_no_database() {
    let file = file().await;
    let nowhere = format!("{}-planted", file.path);
    for purpose in [Purpose::Look, Purpose::Migrate] {
        let error = drivers(None).open(KIND, &target(&nowhere), purpose).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Connection);
        assert!(!error.text.contains("planted"), "{error}");
    }
    assert!(!Path::new(&nowhere).exists());
    std::fs::write(&nowhere, "no database at all, but long enough to be looked at as if it were one")
        .unwrap();
    let error = drivers(None).open(KIND, &target(&nowhere), Purpose::Look).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Connection, "{error}");
}

#[tokio::test]
async fn only_one_session_migrates_a_file_and_looking_needs_no_lock() {
    let file = file().await;
    let first = open(KIND, &file.path).await;
    let taken = drivers(None).open(KIND, &target(&file.path), Purpose::Migrate).await.err().unwrap();
    assert!(taken.is_taken);
    let mut seen = look(KIND, &file.path).await;
    assert!(Asks::default().up(&mut seen, KIND, &five()[0]).await.unwrap_err().text.contains("look only"));
    seen.close().await;
    first.close().await;
    open(KIND, &file.path).await.close().await;
    assert_eq!(ask(&file.path, TABLES).await, "own");
}

#[tokio::test]
async fn a_file_that_somebody_writes_to_is_a_lock_time_out() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    let mut holder = connect(&file.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();
    let error = Asks::default().up(&mut session, KIND, &five()[0]).await.unwrap_err();
    assert_eq!((error.class, error.is_lock), (ErrorClass::TimeOut, true), "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(Asks::default().up(&mut session, KIND, &five()[0]).await, Ok(StepEnd::Done));
    session.close().await;
}

#[tokio::test]
async fn what_a_script_sets_for_itself_does_not_decide_how_long_the_next_waits_for_a_lock() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    // As long as a new connection waits, so that nothing has to be set for the first.
    let asks = Asks { lock_timeout: Duration::from_secs(2), ..Asks::default() };
    let first = sql(1, "PRAGMA busy_timeout = 600000;\nCREATE TABLE a (x);\n", None);
    assert_eq!(asks.up(&mut session, KIND, &first).await, Ok(StepEnd::Done));
    let mut holder = connect(&file.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();
    let second = sql(2, "CREATE TABLE b (x);\n", None);
    let waiting = asks.up(&mut session, KIND, &second);
    let error = Clock::system().timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap_err();
    assert!(error.is_lock, "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn chunks_and_statements_alone_go_on_where_the_ledger_says() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    let rows = "CREATE TABLE n (id INTEGER PRIMARY KEY, times INT NOT NULL DEFAULT 0);\n\
                WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r LIMIT 10) INSERT INTO n (id) SELECT x FROM r;\n";
    Asks::default().up(&mut session, KIND, &sql(1, rows, None)).await.unwrap();
    let chunks = chunked(
        2,
        "UPDATE n SET times = times + 1 WHERE id > :cursor AND id <= :cursor + :chunk;\n\
         SELECT max(id) FROM n WHERE id > :cursor AND id <= :cursor + :chunk;\n",
        4,
        "0",
    );
    let stopping = Asks::stopping("fleet.chunk.after", 1);
    assert_eq!(stopping.up(&mut session, KIND, &chunks).await, Ok(StepEnd::Stopped));
    session.close().await;
    assert_eq!(ask(&file.path, "SELECT sum(times) FROM n").await, "4");
    let mut session = open(KIND, &file.path).await;
    assert_eq!(session.ledger().rows[&2].part.as_ref().unwrap().cursor.as_deref(), Some("4"));
    assert_eq!(Asks::default().up(&mut session, KIND, &chunks).await, Ok(StepEnd::Done));
    assert_eq!(
        ask(&file.path, "SELECT count(*) || ' ' || max(times) || ' ' || min(times) FROM n").await,
        "10 1 1"
    );

    let statements = alone(
        3,
        "PRAGMA foreign_keys = ON;\nINSERT INTO own VALUES (7);\nINSERT INTO own VALUES (8);\nVACUUM;\n",
    );
    let stopping = Asks::stopping("fleet.chunk.after", 2);
    assert_eq!(stopping.up(&mut session, KIND, &statements).await, Ok(StepEnd::Stopped));
    session.close().await;
    assert_eq!(ask(&file.path, "SELECT max(id) FROM own").await, "7");
    let mut session = open(KIND, &file.path).await;
    assert_eq!(Asks::default().up(&mut session, KIND, &statements).await, Ok(StepEnd::Done));
    assert_eq!(versions(&*session), [1, 2, 3]);
    session.close().await;
    assert_eq!(ask(&file.path, "SELECT count(*) FROM own").await, "3");
}

#[tokio::test]
async fn a_script_that_takes_too_long_is_broken_off() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    let endless =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)\nSELECT count(*) FROM n;\n";
    let endless =
        with(sql(1, endless, None), |script| script.timeout = Some(std::time::Duration::from_millis(50)));
    let error = Asks::default().up(&mut session, KIND, &endless).await.unwrap_err();
    assert_eq!((error.class, error.is_lock), (ErrorClass::TimeOut, false));
    assert_eq!(error.text, "0001_m1.up.sql:1: it took longer than it may (9)");
    assert_eq!(Asks::default().up(&mut session, KIND, &five()[0]).await, Ok(StepEnd::Done));
    session.close().await;
}

#[tokio::test]
async fn the_schema_shows_what_was_changed_by_hand() {
    let file = file().await;
    let mut session = open(KIND, &file.path).await;
    Asks::default().up(&mut session, KIND, &five()[0]).await.unwrap();
    let before = session.schema().await.unwrap();
    assert!(!before.text().contains("cutover_migrations"), "{}", before.text());
    run(&file.path, "ALTER TABLE t1 ADD COLUMN extra TEXT; DROP INDEX t1_name").await;
    let after = session.schema().await.unwrap();
    session.close().await;
    let lines = cutover_daemon::fleet::schema::difference(&before, &after);
    assert!(lines.contains(&"+ t1 column extra TEXT".to_owned()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("- t1 index t1_name")), "{lines:#?}");
}
