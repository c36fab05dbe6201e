//! Every migration meets tables that are not empty, and the store opens on what old versions wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cutover_daemon::faults::Faults;
use cutover_daemon::run::{Basis, page_hash};
use cutover_daemon::{audit, store};
use cutover_shared::filter;
use cutover_shared::ids::RunId;
use cutover_shared::window::WindowAsk;
use sha2::{Digest as _, Sha256};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `0001_foundation` and so on, in order.
fn stems(folder: &Path) -> Vec<String> {
    let mut stems: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "sql"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    stems.sort();
    stems
}

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

/// Applies the migrations of `folder`, each followed by its sample rows where there are some.
async fn grow(path: &Path, folder: &Path, samples: &Path) -> Result<(), MigrateError> {
    let migrator = Migrator::new(folder.to_owned()).await?;
    let mut connection = connect(path).await;
    let versions: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
    for (version, stem) in versions.into_iter().zip(stems(folder)) {
        migrator.run_to(version, &mut connection).await?;
        if let Ok(rows) = fs::read_to_string(samples.join(format!("{stem}.sql"))) {
            sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
        }
    }
    connection.close().await.unwrap();
    Ok(())
}

fn ours() -> (PathBuf, PathBuf) {
    (root().join("migrations/sqlite"), root().join("tests/data/migrations"))
}

async fn names(connection: &mut SqliteConnection, sql: String) -> BTreeSet<String> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn each_migration_has_sample_rows() {
    let (migrations, samples) = ours();
    assert_eq!(stems(&migrations), stems(&samples));
}

#[tokio::test]
async fn no_table_is_empty_and_no_column_never_used() {
    let (migrations, samples) = ours();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cutover.db");
    grow(&path, &migrations, &samples).await.unwrap();
    let mut connection = connect(&path).await;
    // Leases and reasons are gone again in runs that ended; nothing but a moment in between would show them.
    let passing = ["runs.rate", "runs.reason", "sweeps.cursor"];
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'"
            .to_owned();
    for table in names(&mut connection, tables).await {
        for column in names(&mut connection, format!("SELECT name FROM pragma_table_info('{table}')")).await {
            let sql = format!("SELECT '1' FROM {table} WHERE {column} IS NOT NULL LIMIT 1");
            let used = !names(&mut connection, sql).await.is_empty();
            let name = format!("{table}.{column}");
            assert!(used || passing.contains(&name.as_str()), "no sample row has a value in {name}");
        }
    }
}

#[tokio::test]
async fn the_store_opens_on_what_old_versions_wrote() {
    let (migrations, samples) = ours();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cutover.db");
    grow(&path, &migrations, &samples).await.unwrap();

    let db = store::open(&format!("sqlite:{}", path.display()), Faults::none()).await.unwrap();
    // The chain of the audit log holds, and grows on.
    let check = audit::verify(&db, None).await.unwrap();
    assert!(check.intact && check.records >= 6, "{check:?}");
    let record = audit::Who::daemon().did(1, "test", "migrations", serde_json::json!({}));
    db.write(store::Lane::Handler, store::Unit::new().with(record)).await.unwrap();
    let grown = audit::verify(&db, None).await.unwrap();
    assert_eq!((grown.intact, grown.records), (true, check.records + 1));

    // What was approved can still be proven: items and basis give the digest that a person saw.
    let run = db.run(&RunId::from("01a1fd0c-b0ea-761b-923f-c04960b5026e")).await.unwrap().unwrap();
    let items = db.items(&run.id, None, None, 100).await.unwrap();
    let basis: Basis = serde_json::from_str(&run.basis).unwrap();
    assert_eq!(basis.pages, [page_hash(items.iter().map(|item| (item.key.as_str(), item.body.as_str())))]);
    assert_eq!(basis.digest().unwrap().0.as_str(), run.digest);

    // Every list is read without a value that this version does not know.
    assert_eq!(db.runs(None, None, None, 100).await.unwrap().len(), 4);
    assert!(!db.links(&store::LinkFilter::All, None, 100).await.unwrap().is_empty());
    // What old rows say is in the lists that came later, and what was written since too.
    let select = |filter: &str| {
        let ask = WindowAsk { filter: filter.to_owned(), limit: 100, ..WindowAsk::default() };
        store::Select::understand(&filter::LINKS, &ask, 0).unwrap()
    };
    let all = db.links_window(&select("")).await.unwrap();
    assert_eq!(all.total, db.catalog_counts().await.unwrap().2);
    for filter in ["project:prj-window status:mapped reason:id_listed", "project:prj-window status:unplanned"]
    {
        assert_eq!(db.links_window(&select(filter)).await.unwrap().total, 1, "{filter}");
    }
    assert!(db.links_window(&select("!project:prj-window !status:unplanned")).await.unwrap().total > 0);
    assert!(!db.mapped(None, 100).await.unwrap().is_empty());
    assert!(!db.uploads().await.unwrap().is_empty());
    assert!(!db.probes(None, 100).await.unwrap().is_empty());
    assert_eq!(db.index_view("github.com").await.unwrap().suspended, 1);
    assert!(db.sweep_open("github.com").await.unwrap().is_some());
    // Deliveries wait where they waited, and a body is what its digest says however it was packed.
    let counts = db.inbox_counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 1));
    assert_eq!(db.queue_heads(None, 9).await.unwrap()[0].queue, 3_000_003_765);
    let deliveries =
        store::Select::understand(&filter::DELIVERIES, &WindowAsk { limit: 9, ..WindowAsk::default() }, 0)
            .unwrap();
    for delivery in db.deliveries_window(&deliveries).await.unwrap().rows {
        let body = db.delivery_body(delivery.seq).await.unwrap();
        let digest = body.map(|body| cutover_daemon::hex::hex(&Sha256::digest(&body)));
        assert_eq!(digest, delivery.kept.then_some(delivery.digest));
    }
    // Workflows are understood, and what waits goes on waiting.
    let workflow = db.workflow("wf-review").await.unwrap().unwrap();
    assert_eq!((workflow.rule.events.len(), workflow.matches, workflow.waiting), (2, 2, 1));
    assert_eq!(db.dispatch_heads(None, 9).await.unwrap()[0].queue, "wf-review");
    assert_eq!(db.outbox_counts().await.unwrap(), (1, 1));
    let dispatches = store::Select::understand(
        &filter::DISPATCHES,
        &WindowAsk { filter: "event:installation_callback".to_owned(), limit: 9, ..WindowAsk::default() },
        0,
    )
    .unwrap();
    let dispatches = db.dispatches_window(&dispatches).await.unwrap().rows;
    assert_eq!((dispatches.len(), dispatches[0].callback.is_some(), dispatches[0].delivery), (1, true, 0));
    db.close().await;
}

/// Shows that the samples earn their keep: a column that old rows can't have fails here, and not at a customer's.
#[tokio::test]
async fn not_null_without_default_fails() {
    let (migrations, samples) = ours();
    for (sql, fits) in [
        ("ALTER TABLE links ADD COLUMN visibility TEXT NOT NULL DEFAULT ''", true),
        ("ALTER TABLE links ADD COLUMN visibility TEXT", true),
        ("ALTER TABLE links ADD COLUMN visibility TEXT NOT NULL", false),
        // The same by the long way round: SQLite refuses no statement before it meets a row.
        (
            "CREATE TABLE runs_new (id TEXT PRIMARY KEY, owner TEXT NOT NULL);
             INSERT INTO runs_new (id, owner) SELECT id, lease_holder FROM runs",
            false,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("migrations");
        fs::create_dir(&copy).unwrap();
        for stem in stems(&migrations) {
            let name = format!("{stem}.sql");
            fs::copy(migrations.join(&name), copy.join(&name)).unwrap();
        }
        fs::write(copy.join("9999_next.sql"), sql).unwrap();
        let grown = grow(&folder.path().join("cutover.db"), &copy, &samples).await;
        assert_eq!(grown.is_ok(), fits, "{sql}: {grown:?}");
    }
}
