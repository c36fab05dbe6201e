//! The version of the judge's state.

use serde::{Deserialize, Serialize};

/// Rises whenever a state that was written down would be continued otherwise.
pub(super) const STATE_VERSION: u32 = 1;

/// Reads only what this program continues exactly; another number is an error that names both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(super) struct Version;

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        STATE_VERSION
    }
}

impl TryFrom<u32> for Version {
    type Error = UnknownVersion;

    fn try_from(found: u32) -> Result<Self, UnknownVersion> {
        if found == STATE_VERSION { Ok(Self) } else { Err(UnknownVersion { found }) }
    }
}

/// The state was written by another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a judge's state of version {found}; this program knows {STATE_VERSION}: arm the rollout anew")]
pub(super) struct UnknownVersion {
    found: u32,
}
