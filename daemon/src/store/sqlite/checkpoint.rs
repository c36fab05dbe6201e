//! Moves what was committed from the log into the file, beside the writer: in the writer it would hold up every
//! acknowledgement that waits for the next commit.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::mpsc;

/// Pages of the log after which the writer does it all the same, as [`Tell`] counts too little or this one can't follow.
pub(super) const MOST_PAGES: u32 = 16_384;

/// Rows, and [`PAGE`]s of bodies, after which it is time. A row is about a page, because keys come in no order.
const EVERY: usize = 2_000;

const PAGE: usize = 4_096;

/// Counts what is committed.
pub(super) struct Tell {
    since: usize,
    due: mpsc::Sender<()>,
}

impl Tell {
    /// After a commit of so many rows and bytes.
    pub(super) fn committed(&mut self, (rows, bytes): (usize, usize)) {
        self.since = self.since.saturating_add(rows).saturating_add(bytes / PAGE);
        if self.since >= EVERY {
            self.since = 0;
            // One that is due already will see this commit too.
            let _ = self.due.try_send(());
        }
    }
}

/// Works until what counts for it is dropped.
pub(super) fn start(options: SqliteConnectOptions) -> Tell {
    let (due, mut waiting) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut connection = None;
        while waiting.recv().await.is_some() {
            if let Err(error) = checkpoint(&mut connection, &options).await {
                // The file may be gone or the disk full. The writer says so; here the next time tries anew.
                tracing::warn!(%error, "the store's log was not moved into its file");
                connection = None;
            }
        }
        if let Some(connection) = connection {
            let _ = connection.close().await;
        }
    });
    Tell { since: 0, due }
}

async fn checkpoint(
    connection: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(options.connect().await?),
    };
    // Passive: waits for nobody, and nobody waits for it.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").await?;
    Ok(())
}
