//! Where git works for a tenant: sandboxes with bounds, made for one task or taken from a pool.
//!
//! Both arms clone, pull and push over HTTP with the system's git, started as the module `git` starts it. No tenant ever gets a
//! folder, a repository or an object that another had. `docs/sandboxes.md` says how far the isolation goes.

mod after;
mod arm;
mod ask;
mod disk;
mod error;
mod figures;
mod house;
mod lease;
mod mirror;
mod pool;
mod push;
mod quota;
mod room;
mod settings;
mod spread;
mod steps;

use std::sync::Arc;

pub use arm::{Cloned, GitArm, Pulled, Pushed};
pub use ask::{Author, Branch, Change, FileChange, GitAsk, MOST_FILES, OperationId, Reference, Repository};
pub use error::SandboxError;
pub use figures::{Figures, WAIT_BOUNDS_MS, Waits};
pub use lease::{Lease, SandboxId};
pub use pool::ArmKind;
pub use quota::{CPU, DISK, MEMORY, MOST_LEVELS, PROCESSES, Quota, QuotaKind, WALL};
pub use settings::{
    AT_ONCE, LEASE, LEAST_FREE, LEAST_WARM, MIRROR_BYTES, MIRROR_PACKS, MIRRORS, PER_TENANT, ROUND,
    SandboxSettings, TENANT_MIRROR_BYTES, WAITING,
};

use self::arm::Arm;
use self::pool::Pool;
use crate::clock::Clock;

/// The service. Cheap to clone; clones share its sandboxes.
#[derive(Clone)]
pub struct Sandboxes(Arc<Pool>);

impl Sandboxes {
    /// Makes a folder of its own below the settings' folder, and clears away what processes that are gone have left there:
    /// their git processes are killed at once, their sandboxes and mirrors removed in the background.
    ///
    /// # Errors
    /// [`SandboxError::Io`]; [`SandboxError::BadInput`] for a folder whose name git can't be told.
    pub fn new(settings: SandboxSettings, clock: Clock) -> Result<Self, SandboxError> {
        Pool::new(settings, clock).map(Self)
    }

    /// The legacy arm: a sandbox for each task, made from nothing and removed afterwards.
    pub fn direct(&self) -> Arc<dyn GitArm> {
        self.arm(ArmKind::Direct)
    }

    /// The target: a warm sandbox, and a mirror of the repository that only this tenant reads.
    pub fn pooled(&self) -> Arc<dyn GitArm> {
        self.arm(ArmKind::Pooled)
    }

    /// One of the two.
    pub fn arm(&self, kind: ArmKind) -> Arc<dyn GitArm> {
        Arc::new(Arm { kind, pool: Arc::clone(&self.0) })
    }

    /// Keeps the pool filled and healthy, and reaps, until [`Sandboxes::close`]. Without it the pooled arm works, but cold.
    pub async fn work(&self) {
        self.0.work().await;
    }

    /// Takes away what is over its time or nobody's, at once; [`Sandboxes::work`] does so regularly.
    pub fn reap(&self) {
        self.0.reap();
    }

    /// What the console and the metrics show.
    pub fn figures(&self) -> Figures {
        self.0.figures()
    }

    /// Ends every operation with [`SandboxError::Closed`], kills every process of git's and removes all sandboxes and mirrors.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests;
