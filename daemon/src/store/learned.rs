//! Facts that events tell, as operations on the index.

use super::rows::{InstallationRow, RepositoryRow};

/// How new a fact is. GitHub does not touch `updated_at` for everything (a grant leaves the installation's as it was), so that
/// among equals, and wherever two clocks would meet, the time of receipt decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// GitHub's time of the last change, or `received` where it says none; milliseconds since the epoch, UTC.
    pub at: i64,
    /// When the delivery first came; a replay has the same. Milliseconds since the epoch, UTC.
    pub received: i64,
}

/// One fact. Nothing happens when something newer is known, from an event or from a sweep that began later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The installation is there and looks like this; `suspended_at` of the row counts only when `suspension` is told.
    Seen { row: InstallationRow, suspension: bool, version: Version },
    /// It was uninstalled; its id never comes back.
    Uninstalled { installation: i64, version: Version },
    /// The account has another login.
    Renamed { installation: i64, login: String, version: Version },
    /// Its list has these. Of a row without `created_at` neither that nor `fork` is known.
    Granted { installation: i64, rows: Vec<RepositoryRow>, version: Version },
    /// Its list has these no more.
    Withdrawn { installation: i64, repositories: Vec<i64>, version: Version },
    /// A repository, if it is listed, looks like this.
    Described { row: RepositoryRow, version: Version },
    /// It was transferred: it is in this installation's list, when that is its owner's, and in no other.
    Moved { row: RepositoryRow, version: Version },
    /// It is in no list any more.
    Deleted { repository: i64, version: Version },
}

impl Learned {
    /// How many rows it carries.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Granted { rows, .. } => rows.len(),
            Self::Withdrawn { repositories, .. } => repositories.len(),
            _ => 1,
        }
    }
}
