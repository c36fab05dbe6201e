//! A sandbox in somebody's hands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutover_shared::ids::TenantId;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::mirror::{Key, Mirror};
use super::pool::{ArmKind, Pool};

/// Names one sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SandboxId(pub(super) Uuid);

impl std::fmt::Display for SandboxId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A sandbox while it is somebody's. Dropping it removes it; when its time is over it is removed all the same.
pub struct Lease {
    pub(super) pool: Arc<Pool>,
    pub(super) arm: ArmKind,
    pub(super) key: Key,
    pub(super) id: SandboxId,
    /// The sandbox's folder.
    pub(super) folder: PathBuf,
    pub(super) over: CancellationToken,
    pub(super) mirror: Option<Arc<Mirror>>,
    pub(super) commit: String,
}

impl Lease {
    /// Its name.
    pub fn id(&self) -> SandboxId {
        self.id
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.key.0
    }

    /// The arm that made it.
    pub fn arm(&self) -> ArmKind {
        self.arm
    }

    /// The work tree: the files of [`Lease::commit`], a symbolic link as a file that holds its target.
    pub fn path(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The commit that was cloned or pulled last, a full sha; empty when a pull broke off while it wrote files.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Its time was over, or the service was closed: the files are gone.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository.git")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.path()
    }

    /// The folder, for what is besides the work tree.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("id", &self.id.0).field("arm", &self.arm).finish_non_exhaustive()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.id);
    }
}
