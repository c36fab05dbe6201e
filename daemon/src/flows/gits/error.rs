//! Why git for a tenant has no answer. The same on both arms.

use std::time::Duration;

use crate::flows::import::{ArmError, ImportError, PAUSE};
use crate::rollout::tally::Outcome;
use crate::sandbox::{QuotaKind, SandboxError};

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

/// An error, and how the arm did that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: GitsError,
    pub(super) outcome: Outcome,
}

impl From<ImportError> for GitsError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::BadRequest(text) => Self::BadRequest(text),
            ImportError::Unknown(what) => Self::Unknown(what),
            ImportError::Ambiguous(names) => Self::Ambiguous(names),
            ImportError::NoCredential { why, mend } => Self::NoCredential { why, mend },
            ImportError::NotFound(text) => Self::NotFound(text),
            ImportError::NoAccess(text) => Self::NoAccess(text),
            ImportError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            ImportError::Unavailable(text) => Self::Unavailable(text),
            ImportError::TimedOut(limit) => Self::TimedOut(limit),
            ImportError::Busy => Self::Busy,
            ImportError::TooLarge(text) | ImportError::Internal(text) => Self::Internal(text),
        }
    }
}

/// Whoever has no credential had none on either arm: it counts as an import's would.
impl From<ArmError> for Failure {
    fn from(failed: ArmError) -> Self {
        Self { outcome: failed.outcome(), error: failed.error.into() }
    }
}

/// What the caller asked wrongly, and what the remote rightly says no to, is no fault of an arm; nor is what a tenant's own
/// repository or number of sandboxes brings about on both arms, or one tenant could have everybody moved. An arm is broken (gross)
/// when its remote does not answer it, it takes too long, or git does not run there.
impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let text = error.to_string();
        let of_credential = error.is_of_credential();
        let (error, outcome) = match error {
            SandboxError::BadInput(_) => (GitsError::BadRequest(text), Outcome::Ok),
            SandboxError::Rejected(said) => (GitsError::Rejected(said), Outcome::Ok),
            SandboxError::Expired => (GitsError::Expired, Outcome::Ok),
            SandboxError::NotYours => {
                let text = "the repository has another name since: clone it again".to_owned();
                (GitsError::NotFound(text), Outcome::Ok)
            }
            // This process ends; the next one serves.
            SandboxError::Closed => (GitsError::Busy, Outcome::Ok),
            SandboxError::NotFound(_) if of_credential => (GitsError::NotFound(text), Outcome::Error),
            SandboxError::NotFound(_) => (GitsError::NotFound(text), Outcome::Ok),
            SandboxError::Auth(said) => (GitsError::NoAccess(said.to_owned()), Outcome::Error),
            SandboxError::Quota(kind) => (GitsError::Quota(kind.to_string()), of_quota(kind)),
            SandboxError::Busy => (GitsError::Busy, Outcome::Error),
            SandboxError::Paused => (GitsError::RateLimited { retry_after: PAUSE }, Outcome::Error),
            SandboxError::Damaged(said) => (GitsError::Damaged(said), Outcome::Error),
            SandboxError::Io(_) => (GitsError::Internal(text), Outcome::Error),
            SandboxError::Unavailable(said) => (GitsError::Unavailable(said), Outcome::Gross),
            SandboxError::TimedOut(limit) => (GitsError::TimedOut(limit), Outcome::Gross),
            SandboxError::Unhealthy(_) => (GitsError::Internal(text), Outcome::Gross),
            SandboxError::Unsure(inner) => return Self::from(*inner),
        };
        Self { error, outcome }
    }
}

/// Both arms have the same bounds, and how many processes git starts is the only thing that a tenant has no part in.
fn of_quota(kind: QuotaKind) -> Outcome {
    match kind {
        QuotaKind::Cpu | QuotaKind::Memory | QuotaKind::Disk | QuotaKind::Sandboxes => Outcome::Ok,
        QuotaKind::Processes => Outcome::Error,
    }
}

impl GitsError {
    /// Of a push that may have arrived: what would read as a no, and is none, becomes what is to be repeated.
    pub(super) fn of_unsure(self) -> Self {
        match self {
            Self::NoAccess(_) | Self::NoCredential { .. } | Self::NotFound(_) | Self::Quota(_) => {
                Self::Unavailable(format!("whether the push has arrived is not known: {self}"))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_answers_for_itself_alone() {
        let text = || "x".to_owned();
        for (error, code, outcome) in [
            (SandboxError::BadInput("x"), "bad_request", Outcome::Ok),
            (SandboxError::Rejected(text()), "remote_rejected", Outcome::Ok),
            (SandboxError::NotFound("the branch or commit"), "not_found", Outcome::Ok),
            (SandboxError::NotFound("the repository"), "not_found", Outcome::Error),
            (SandboxError::Auth("x"), "no_access", Outcome::Error),
            (SandboxError::Quota(QuotaKind::Sandboxes), "quota", Outcome::Ok),
            (SandboxError::Quota(QuotaKind::Disk), "quota", Outcome::Ok),
            (SandboxError::Quota(QuotaKind::Cpu), "quota", Outcome::Ok),
            (SandboxError::Quota(QuotaKind::Memory), "quota", Outcome::Ok),
            (SandboxError::Quota(QuotaKind::Processes), "quota", Outcome::Error),
            (SandboxError::Busy, "busy", Outcome::Error),
            (SandboxError::Paused, "rate_limited", Outcome::Error),
            (SandboxError::Unavailable(text()), "github_unavailable", Outcome::Gross),
            (SandboxError::TimedOut(PAUSE), "timed_out", Outcome::Gross),
            (SandboxError::Unhealthy(text()), "internal", Outcome::Gross),
        ] {
            let failure = Failure::from(error.clone());
            assert_eq!((failure.error.code(), failure.outcome), (code, outcome), "{error}");
            let unsure = Failure::from(SandboxError::Unsure(Box::new(error)));
            assert_eq!(unsure, failure, "the arm did as it did, whatever became of the push");
        }
    }

    #[test]
    fn a_push_that_may_have_arrived_is_to_be_repeated() {
        for (error, code) in [
            (GitsError::NoAccess("x".to_owned()), "github_unavailable"),
            (GitsError::NotFound("x".to_owned()), "github_unavailable"),
            (GitsError::Quota("cpu".to_owned()), "github_unavailable"),
            (GitsError::Rejected("x".to_owned()), "remote_rejected"),
            (GitsError::Busy, "busy"),
        ] {
            assert_eq!(error.of_unsure().code(), code);
        }
    }
}
