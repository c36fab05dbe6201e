//! Why an import or a listing has no answer. The same on both arms: whoever calls can't tell them apart by their errors.

use std::time::Duration;

use crate::clock::Millis;
use crate::git::GitError;
use crate::github::{GitHubError, MintError};
use crate::rollout::shadow::Halted;
use crate::rollout::tally::Outcome;
use crate::store::ReadError;

/// A pause where GitHub asks for one and does not say how long.
pub(crate) const PAUSE: Duration = Duration::from_secs(60);

/// One code each; `docs/import.md` lists them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The caller's request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The catalog has no such project or repository, or it is another tenant's.
    #[error("the catalog has no {0}")]
    Unknown(&'static str),
    /// The project has several repositories.
    #[error("the project has {} repositories: say which", .0.len())]
    Ambiguous(Vec<String>),
    /// Neither credential may serve; `mend` says what to do.
    #[error("no credential: {why}; {mend}")]
    NoCredential { why: String, mend: String },
    /// GitHub has no such repository or ref, as far as the credential can see.
    #[error("not found: {0}")]
    NotFound(String),
    /// The credential does not reach the repository.
    #[error("no access: {0}")]
    NoAccess(String),
    #[error("GitHub's limit is used up; again in {} s", .retry_after.as_secs())]
    RateLimited { retry_after: Duration },
    #[error("GitHub is unavailable: {0}")]
    Unavailable(String),
    #[error("the repository is too large: {0}")]
    TooLarge(String),
    #[error("not done within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Too many imports are under way here.
    #[error("too many imports are under way")]
    Busy,
    /// Ours: the store, the disk, git.
    #[error("{0}")]
    Internal(String),
}

/// An error of one arm, and whether it is the installation's own: suspended, gone, not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArmError {
    pub(crate) error: ImportError,
    pub(crate) of_installation: bool,
}

impl ArmError {
    /// How the arm did that ended so. What the caller asked wrongly, what is too large and what moved while it was looked at is no
    /// fault of an arm; neither is a repository that is another one by now, while one that its credential does not see is. An arm is
    /// broken (gross) when GitHub does not answer it, takes too long, or refuses the credential of all: the App's key.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.error {
            ImportError::BadRequest(_)
            | ImportError::Unknown(_)
            | ImportError::Ambiguous(_)
            | ImportError::TooLarge(_) => Outcome::Ok,
            ImportError::NotFound(_) if !self.of_installation => Outcome::Ok,
            ImportError::Unavailable(_) | ImportError::TimedOut(_) => Outcome::Gross,
            ImportError::NoAccess(_) if !self.of_installation => Outcome::Gross,
            ImportError::NotFound(_)
            | ImportError::NoAccess(_)
            | ImportError::NoCredential { .. }
            | ImportError::RateLimited { .. }
            | ImportError::Busy
            | ImportError::Internal(_) => Outcome::Error,
        }
    }
}

impl ImportError {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unknown(_) | Self::NotFound(_) => "not_found",
            Self::Ambiguous(_) => "ambiguous",
            Self::NoCredential { .. } => "no_credential",
            Self::NoAccess(_) => "no_access",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "github_unavailable",
            Self::TooLarge(_) => "too_large",
            Self::TimedOut(_) => "timed_out",
            Self::Busy => "busy",
            Self::Internal(_) => "internal",
        }
    }

    /// `now` in epoch milliseconds.
    pub(super) fn of_github(error: GitHubError, now: Millis) -> ArmError {
        let plain = |error| ArmError { error, of_installation: false };
        let until = |until: Millis| {
            let left = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
            Self::RateLimited { retry_after: Duration::from_millis(left.max(1_000)) }
        };
        match error {
            GitHubError::Mint(error) => match error {
                MintError::Suspended | MintError::Gone | MintError::Scope { .. } => {
                    ArmError { error: Self::NoAccess(error.to_string()), of_installation: true }
                }
                MintError::RateLimited { until: at } => plain(until(at)),
                MintError::Unavailable { cause } => plain(Self::Unavailable(cause.to_string())),
                MintError::BadAnswer { .. } => plain(Self::Unavailable(error.to_string())),
                MintError::KeyRejected | MintError::ClockSkew { .. } | MintError::Refused { .. } => {
                    plain(Self::NoAccess(error.to_string()))
                }
            },
            GitHubError::RateLimited { until: at } => plain(until(at)),
            GitHubError::Unavailable { cause } => plain(Self::Unavailable(cause.to_string())),
            GitHubError::Refused { status: 401 | 403, .. } => {
                ArmError { error: Self::NoAccess(error.to_string()), of_installation: true }
            }
            GitHubError::BadInput { what } => plain(Self::BadRequest(format!("not a valid {what}"))),
            GitHubError::TooLarge { .. } => plain(Self::TooLarge(error.to_string())),
            GitHubError::Refused { .. } | GitHubError::BadAnswer { .. } | GitHubError::ForeignHost => {
                plain(Self::Unavailable(error.to_string()))
            }
        }
    }

    pub(super) fn of_git(error: GitError) -> ArmError {
        let text = error.to_string();
        // Seen by the API a moment ago: it was taken away from the credential since.
        let of_installation = matches!(error, GitError::NotFound | GitError::Denied | GitError::Forbidden);
        let error = match error {
            GitError::NotFound | GitError::Moved | GitError::NoSuchCommit => Self::NotFound(text),
            GitError::Denied | GitError::Forbidden => Self::NoAccess(text),
            GitError::RateLimited => Self::RateLimited { retry_after: PAUSE },
            GitError::Unavailable(text) => Self::Unavailable(text),
            GitError::TooLarge { .. } | GitError::Exhausted(_) => Self::TooLarge(text),
            GitError::TimedOut(limit) => Self::TimedOut(limit),
            GitError::Busy => Self::Busy,
            GitError::BadInput { .. } => Self::BadRequest(text),
            GitError::Missing(_)
            | GitError::Damaged(_)
            | GitError::Disk(_)
            | GitError::Rejected(_)
            | GitError::Failed(_) => Self::Internal(text),
        };
        ArmError { error, of_installation }
    }
}

impl From<ReadError> for ImportError {
    fn from(error: ReadError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<Halted> for ArmError {
    fn from(halted: Halted) -> Self {
        ImportError::Internal(halted.to_string()).into()
    }
}

impl From<ImportError> for ArmError {
    fn from(error: ImportError) -> Self {
        Self { error, of_installation: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_answers_for_itself_alone() {
        let outcome = |error: ImportError, of_installation| ArmError { error, of_installation }.outcome();
        let text = || "x".to_owned();
        assert_eq!(outcome(ImportError::BadRequest(text()), false), Outcome::Ok);
        assert_eq!(outcome(ImportError::NotFound(text()), false), Outcome::Ok, "a branch that is not there");
        assert_eq!(outcome(ImportError::NotFound(text()), true), Outcome::Error, "not granted");
        assert_eq!(outcome(ImportError::NoAccess(text()), true), Outcome::Error);
        assert_eq!(outcome(ImportError::NoAccess(text()), false), Outcome::Gross, "the App's key");
        assert_eq!(outcome(ImportError::Unavailable(text()), false), Outcome::Gross);
        assert_eq!(outcome(ImportError::TimedOut(PAUSE), false), Outcome::Gross);
        assert_eq!(outcome(ImportError::RateLimited { retry_after: PAUSE }, false), Outcome::Error);
        let key = ImportError::of_github(GitHubError::Mint(MintError::KeyRejected), 0);
        assert_eq!(key.outcome(), Outcome::Gross);
        assert_eq!(
            ImportError::of_github(GitHubError::Mint(MintError::Suspended), 0).outcome(),
            Outcome::Error
        );
        assert_eq!(ImportError::of_git(GitError::NoSuchCommit).outcome(), Outcome::Ok);
    }
}
