//! Newtypes for everything that has an identity.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    )*};
}

macro_rules! number_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

text_id! {
    /// A tenant, as the application names it.
    TenantId;
    /// A project, as the application names it.
    ProjectId;
    /// A run (`UUIDv7`): its plan, approval, items and outcome.
    RunId;
    /// SHA-256 over what a plan says, in lower-case hex.
    Digest;
    /// A GitHub host: `github.com`, or the host of a GitHub Enterprise Server. Numeric ids are unique only on one host.
    HostId;
    /// Chosen by a client for one act; the same key gets the first receipt again for 24 h.
    ActKey;
    /// The name that the configuration gives to a peer's uid.
    OperatorName;
}

number_id! {
    /// An installation of the GitHub App on an account.
    InstallationId;
    /// A repository at GitHub. It survives renames and transfers.
    RepoId;
    /// A user or an organisation at GitHub. It survives renames.
    AccountId;
}

impl ActKey {
    /// A fresh key.
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

/// One repository of one project: the unit that is mapped. Written `projectId:owner/name`, the name in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkKey(pub String);

impl LinkKey {
    /// The key of `repo` in `project`.
    pub fn new(project: &ProjectId, repo_full_name: &str) -> Self {
        Self(format!("{project}:{}", repo_full_name.to_lowercase()))
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
