//! Git for tenants (C9): clone, pull and push in a sandbox, by the arm that the rollout `git-sandbox` chooses and with the credential
//! that an import would have.

mod error;

use cutover_shared::git::{PushView, SandboxView};
use cutover_shared::ids::{ProjectId, TenantId};

pub use self::error::GitsError;
use crate::sandbox::Change;

/// Which repository, of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub project: Option<ProjectId>,
    pub tenant: Option<TenantId>,
    /// `owner/name`, in any case; needed when the project has several.
    pub repository: Option<String>,
    /// The caller's own tenant; what belongs to another isn't there.
    pub within: Option<TenantId>,
}

/// What is to be cloned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneAsk {
    pub place: Place,
    /// `HEAD`, a branch or a full commit sha; none: `HEAD`.
    pub reference: Option<String>,
}

/// Which sandbox is to be brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullAsk {
    /// [`SandboxView::sandbox`].
    pub sandbox: String,
    /// None: what it was cloned at.
    pub reference: Option<String>,
    /// The caller's own tenant.
    pub within: Option<TenantId>,
}

/// One commit that is to be put on a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAsk {
    pub place: Place,
    pub change: Change,
    /// The caller's name of the push; a repeat has the same.
    pub operation: crate::sandbox::OperationId,
}

/// The files of a sandbox as a tar stream, read while it is written.
pub struct Archive {
    /// Reads the archive; an error ends it before its end-of-archive blocks, so that a cut one shows.
    pub reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>,
    pub commit_sha: String,
}

/// Git for tenants. Cheap to clone.
#[derive(Clone)]
pub struct Gits;

impl Gits {
    /// Puts the files of a commit into a sandbox, which is the caller's until it is released or its time is over.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn clone_repository(&self, ask: &CloneAsk) -> Result<SandboxView, GitsError> {
        let _ = ask;
        Err(GitsError::Busy)
    }

    /// Makes a sandbox be the newest of a reference.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn pull(&self, ask: &PullAsk) -> Result<SandboxView, GitsError> {
        let _ = ask;
        Err(GitsError::Busy)
    }

    /// Puts one commit on a branch, once.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn push(&self, ask: &PushAsk) -> Result<PushView, GitsError> {
        let _ = ask;
        Err(GitsError::Busy)
    }

    /// The files of a sandbox.
    ///
    /// # Errors
    /// [`GitsError::Unknown`] for a sandbox that is not there or another tenant's.
    pub async fn archive(&self, sandbox: &str, within: Option<&TenantId>) -> Result<Archive, GitsError> {
        let _ = (sandbox, within);
        Err(GitsError::Busy)
    }

    /// Removes a sandbox before its time is over. One that is gone already is no mistake.
    ///
    /// # Errors
    /// [`GitsError::Unknown`] for another tenant's.
    pub async fn release(&self, sandbox: &str, within: Option<&TenantId>) -> Result<(), GitsError> {
        let _ = (sandbox, within);
        Err(GitsError::Busy)
    }
}
