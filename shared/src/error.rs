//! Errors as a person or a script meets them: what went wrong, why, and the mend.

use serde::{Deserialize, Serialize};

/// What kind of refusal or failure it is. Decides the exit code of the CLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense as asked.
    Usage,
    /// What was named does not exist.
    NotFound,
    /// The role of the operator does not allow it.
    Role,
    /// A gate is closed.
    Gate,
    /// The plan was not approved.
    NotApproved,
    /// The digest that was approved is not the digest of the plan.
    WrongDigest,
    /// The plan is too old, or the world that it stood on has gone.
    StalePlan,
    /// Another run of this kind and scope is live.
    Busy,
    /// The state of the thing does not allow the act.
    WrongState,
    /// The kill switch is on or the mode forbids it.
    Killed,
    /// What was uploaded has mistakes; nothing was taken.
    BadUpload,
    /// Client and daemon speak different protocol versions.
    Version,
    /// The daemon could not be reached.
    NotReached,
    /// Still going when the time was up.
    StillGoing,
    /// GitHub refused or is out of reach.
    GitHub,
    /// Our store failed.
    Store,
    /// Another system (the application's database, a file) failed.
    Outside,
    /// A mistake of ours.
    Internal,
}

impl ErrorCode {
    /// The exit code of the CLI, as `docs/operations.md` lists them.
    pub fn exit(self) -> u8 {
        match self {
            Self::Usage | Self::NotFound => 2,
            Self::Role
            | Self::Gate
            | Self::NotApproved
            | Self::WrongDigest
            | Self::StalePlan
            | Self::Busy
            | Self::WrongState
            | Self::Killed
            | Self::BadUpload => 3,
            Self::Version | Self::NotReached => 4,
            Self::StillGoing => 5,
            Self::GitHub | Self::Store | Self::Outside | Self::Internal => 6,
        }
    }
}

/// The one error that crosses a door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct RpcError {
    /// Its kind.
    pub code: ErrorCode,
    /// What went wrong and why.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// A file of `runbooks/`, where one helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

impl RpcError {
    /// An error with its mend.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), runbook: None }
    }

    /// The same error, pointing at a runbook.
    #[must_use]
    pub fn with_runbook(mut self, runbook: &str) -> Self {
        self.runbook = Some(runbook.to_owned());
        self
    }
}
