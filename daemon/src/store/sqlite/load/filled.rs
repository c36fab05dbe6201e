//! A store with many rows, and how SQLite would look for some of them.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, QueryBuilder, Row as _, Sqlite, raw_sql};

use crate::faults::Faults;
use crate::store::{Db, open};

/// Filled by SQL, which is quicker than units.
pub async fn filled(sql: &'static str) -> (tempfile::TempDir, Db, SqliteConnection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cutover.db");
    let db = open(&format!("sqlite:{}", path.display()), Faults::none()).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    raw_sql(sql).execute(&mut connection).await.unwrap();
    (dir, db, connection)
}

/// The steps of SQLite's plan.
pub async fn plan(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let mut explain = QueryBuilder::<Sqlite>::new("EXPLAIN QUERY PLAN ");
    let rows = explain.push(sql).build().fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}
