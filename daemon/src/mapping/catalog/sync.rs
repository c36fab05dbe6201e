//! Reads the application's catalog into ours before a plan: an observation, so that one planner serves both sources.

use std::sync::Arc;

use super::app_database::{AppDatabase, AppDatabaseError};
use crate::audit::Who;
use crate::clock::Clock;
use crate::seal::Seal;
use crate::store::{Db, ReadError, WriteError};

/// Why the catalog could not be read over.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Database(#[from] AppDatabaseError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Brings our copy up to date.
pub async fn sync(
    _db: &Db,
    _database: &AppDatabase,
    _seal: &Arc<Seal>,
    _clock: &Clock,
    _who: &Who,
) -> Result<(), SyncError> {
    unimplemented!()
}
