//! Why git for a tenant has no answer. The same on both arms.

use std::time::Duration;

/// One code each; `docs/sandboxes.md` lists them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitsError {
    /// The caller's request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The catalog has no such project or repository, there is no such sandbox, or it is another tenant's.
    #[error("there is no {0}")]
    Unknown(&'static str),
    /// The project has several repositories.
    #[error("the project has {} repositories: say which", .0.len())]
    Ambiguous(Vec<String>),
    /// Neither credential may serve; `mend` says what to do.
    #[error("no credential: {why}; {mend}")]
    NoCredential { why: String, mend: String },
    /// The remote has no such repository, branch or commit, as far as the credential can see.
    #[error("not found: {0}")]
    NotFound(String),
    /// The credential does not reach the repository, or may not do this.
    #[error("no access: {0}")]
    NoAccess(String),
    /// The branch is not where it was expected, or the remote does not take the push.
    #[error("the remote refuses the push: {0}")]
    Rejected(String),
    #[error("GitHub's limit is used up; again in {} s", .retry_after.as_secs())]
    RateLimited { retry_after: Duration },
    #[error("the remote is unavailable: {0}")]
    Unavailable(String),
    /// A quota of the operation or of the tenant.
    #[error("the quota of {0} is used up")]
    Quota(String),
    #[error("not done within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// No sandbox became free in time, or too many wait.
    #[error("no sandbox is free")]
    Busy,
    /// The sandbox's time was over.
    #[error("the sandbox's time is over")]
    Expired,
    /// What came from the remote is broken or forbidden.
    #[error("{0}")]
    Damaged(String),
    /// Ours: the store, the disk, git.
    #[error("{0}")]
    Internal(String),
}

impl GitsError {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unknown(_) | Self::NotFound(_) => "not_found",
            Self::Ambiguous(_) => "ambiguous",
            Self::NoCredential { .. } => "no_credential",
            Self::NoAccess(_) => "no_access",
            Self::Rejected(_) => "remote_rejected",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "github_unavailable",
            Self::Quota(_) => "quota",
            Self::TimedOut(_) => "timed_out",
            Self::Busy => "busy",
            Self::Expired => "expired",
            Self::Damaged(_) => "damaged",
            Self::Internal(_) => "internal",
        }
    }
}
