//! Why an operation has no result. The same on both arms.

use std::time::Duration;

use super::quota::QuotaKind;
use crate::git::{GitError, Resource};

const REFUSED: &str = "the credential is refused";
const REPOSITORY: &str = "the repository";

/// Told apart as far as a caller can act on it. No text holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// More than the operation, or the tenant, may use.
    #[error("the quota of {0} is used up")]
    Quota(QuotaKind),
    /// Not done in the time of the quota.
    #[error("not done within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The credential is refused, or it may not do this.
    #[error("no access: {0}")]
    Auth(&'static str),
    /// No such repository, branch or commit, as far as the credential can see.
    #[error("{0} is not there")]
    NotFound(&'static str),
    /// The remote is not at the expected commit, or does not take the push.
    #[error("the remote refuses the push: {0}")]
    Rejected(String),
    /// The remote does not answer.
    #[error("the remote is unavailable: {0}")]
    Unavailable(String),
    /// The remote answers, and asks for a pause.
    #[error("the remote is unavailable: it asks for a pause")]
    Paused,
    /// What came is not what it says it is, or is forbidden.
    #[error("{0}")]
    Damaged(String),
    /// The caller's own input.
    #[error("not a valid {0}")]
    BadInput(&'static str),
    /// No sandbox became free in time, or too many wait.
    #[error("no sandbox is free")]
    Busy,
    /// The sandbox is another tenant's or another repository's.
    #[error("the sandbox belongs to another tenant or repository")]
    NotYours,
    /// The lease was over and the sandbox is gone.
    #[error("the sandbox's time is over")]
    Expired,
    /// The service is closed.
    #[error("sandboxes are closed")]
    Closed,
    /// Git does not run, or the disk is nearly full.
    #[error("sandboxes are unhealthy: {0}")]
    Unhealthy(String),
    /// A file.
    #[error("the disk does not take it: {0}")]
    Io(String),
    /// A push had begun, and the remote has not said that it did not take it.
    #[error("whether the push has arrived is not known: {0}")]
    Unsure(Box<SandboxError>),
}

impl SandboxError {
    /// One word a kind, for metrics and programs.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Quota(_) => "quota",
            Self::TimedOut(_) => "timed_out",
            Self::Auth(_) => "auth",
            Self::NotFound(_) => "not_found",
            Self::Rejected(_) => "remote_rejected",
            Self::Unavailable(_) | Self::Paused => "unavailable",
            Self::Damaged(_) => "damaged",
            Self::BadInput(_) => "bad_input",
            Self::Busy => "busy",
            Self::NotYours => "not_yours",
            Self::Expired => "expired",
            Self::Closed => "closed",
            Self::Unhealthy(_) => "unhealthy",
            Self::Io(_) => "io",
            Self::Unsure(inner) => inner.class(),
        }
    }

    /// The credential is refused as such: it is revoked, over, or so new that not all of the remote knows it.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Unsure(inner) => inner.is_refused(),
            other => *other == Self::Auth(REFUSED),
        }
    }

    /// With this credential there is no such repository, or nothing may be done there; another credential may do.
    pub fn is_of_credential(&self) -> bool {
        match self {
            Self::Unsure(inner) => inner.is_of_credential(),
            other => matches!(other, Self::Auth(_)) || *other == Self::NotFound(REPOSITORY),
        }
    }
}

impl From<std::io::Error> for SandboxError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<GitError> for SandboxError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Missing(said) | GitError::Failed(said) => Self::Unhealthy(said),
            GitError::BadInput { what } => Self::BadInput(what),
            GitError::NotFound => Self::NotFound(REPOSITORY),
            GitError::Moved => Self::NotFound("the repository, which has moved,"),
            GitError::NoSuchCommit => Self::NotFound("the branch or commit"),
            GitError::Denied => Self::Auth(REFUSED),
            GitError::Forbidden => Self::Auth("the credential may not do this"),
            GitError::RateLimited => Self::Paused,
            GitError::Unavailable(said) => Self::Unavailable(said),
            GitError::TooLarge { .. } => Self::Quota(QuotaKind::Disk),
            GitError::TimedOut(time) => Self::TimedOut(time),
            GitError::Busy => Self::Busy,
            GitError::Damaged(said) => Self::Damaged(said),
            GitError::Disk(said) => Self::Io(said),
            GitError::Rejected(said) => Self::Rejected(said),
            GitError::Exhausted(resource) => Self::Quota(match resource {
                Resource::Cpu => QuotaKind::Cpu,
                Resource::Memory => QuotaKind::Memory,
                Resource::Disk => QuotaKind::Disk,
                Resource::Processes => QuotaKind::Processes,
            }),
        }
    }
}
