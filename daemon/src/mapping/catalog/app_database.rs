//! The application's own PostgreSQL (B1).

use cutover_shared::ids::ProjectId;

use crate::config::PostgresCatalog;
use crate::mapping::link::Held;

/// Why the application's database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppDatabaseError {
    #[error("the application's database does not answer: {0}")]
    Unavailable(String),
}

/// A connection pool to it.
#[derive(Clone)]
pub struct AppDatabase {}

/// How a compare-and-set went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareAndSet {
    Done,
    /// It holds something else; nothing was written.
    Holds(Held),
    /// The project is not there.
    Missing,
}

impl AppDatabase {
    /// Connects lazily: the daemon starts without it.
    pub fn new(_catalog: &PostgresCatalog) -> Result<Self, AppDatabaseError> {
        unimplemented!()
    }

    /// Whether it answers and has the columns.
    pub async fn check(&self) -> Result<(), AppDatabaseError> {
        unimplemented!()
    }

    /// What the two columns of these projects hold.
    pub async fn held(
        &self,
        _projects: &[ProjectId],
    ) -> Result<std::collections::HashMap<ProjectId, Held>, AppDatabaseError> {
        unimplemented!()
    }

    /// Sets both columns where they hold `expected`.
    pub async fn compare_and_set(
        &self,
        _project: &ProjectId,
        _expected: &Held,
        _to: &Held,
    ) -> Result<CompareAndSet, AppDatabaseError> {
        unimplemented!()
    }
}
