//! The SQLite store: WAL, `synchronous=FULL`, one writer with group commit, a pool of readers.

mod body;
mod load;
mod window;
mod write;
mod writer;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::watch;

use self::writer::Writer;
use super::open::OpenError;
use super::{Lane, ReadError, Store, Unit, Versions, WriteError};
use crate::faults::Faults;

/// Readers at once. More would only wait for the two cores of a small machine.
const READERS: u32 = 4;

/// How long a statement waits for a lock that a backup or a checkpoint holds.
const BUSY: Duration = Duration::from_secs(5);

/// Pages that the writer keeps, KiB as SQLite wants them. With the usual 2 MiB the indexes of a large run are read anew for each group
/// commit.
const CACHE: &str = "-65536";

/// Pages of the log (16 MiB) before they are moved into the file: a page that many commits change is moved once for all of them.
const CHECKPOINT: &str = "4000";

/// The store in one SQLite file.
pub struct Sqlite {
    readers: SqlitePool,
    writer: Writer,
    versions: watch::Receiver<Versions>,
}

impl Sqlite {
    /// Opens the file, making it and bringing its schema up to date.
    pub async fn open(path: &Path, faults: Faults) -> Result<Self, OpenError> {
        let url = path.display().to_string();
        let refused = |cause: sqlx::Error| OpenError::Refused { url: url.clone(), cause: cause.to_string() };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("journal_size_limit", "67108864")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(refused)?;
        sqlx::migrate!("../migrations/sqlite")
            .run(&mut connection)
            .await
            .map_err(|cause| OpenError::Migrate { url: url.clone(), cause: cause.to_string() })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.clone().read_only(true).create_if_missing(false))
            .await
            .map_err(refused)?;
        let (announce, versions) = watch::channel(Versions::new());
        let options = options
            .create_if_missing(false)
            .pragma("cache_size", CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT)
            // What a unit's savepoint keeps to take back is a file otherwise, made anew for each group commit.
            .pragma("temp_store", "MEMORY");
        connection.close().await.map_err(refused)?;
        let connection = options.connect().await.map_err(refused)?;
        let writer = Writer::start(connection, options, announce, faults).await.map_err(refused)?;
        Ok(Self { readers, writer, versions })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn write(&self, lane: Lane, unit: Unit) -> Result<(), WriteError> {
        self.writer.write(lane, unit).await
    }

    fn write_trouble(&self) -> Option<String> {
        self.writer.trouble()
    }

    fn versions(&self) -> watch::Receiver<Versions> {
        self.versions.clone()
    }

    fn is_exclusive(&self) -> bool {
        // The daemon holds the lock of the state folder before it opens the file.
        true
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// Names what was being done when the database failed.
fn unavailable(doing: &'static str) -> impl FnOnce(sqlx::Error) -> ReadError {
    move |cause| ReadError::Unavailable { doing, cause: cause.to_string() }
}
