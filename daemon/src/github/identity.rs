//! Who a call is made as, without the secret: the key of accounts and of the conditional cache.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Who to ask GitHub as.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The App itself, by JWT.
    App,
    /// An installation, by its one-hour token.
    Installation(i64),
    /// A user's OAuth token.
    User(SecretString),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    App,
    Installation(i64),
    User([u8; 16]),
    /// Client id and secret of the old OAuth App.
    OAuthApp,
}

/// Makes fingerprints that can't be compared with anything outside this process.
pub(crate) struct Fingerprints([u8; 32]);

impl Fingerprints {
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }

    pub(crate) fn identity(&self, credential: &Credential) -> Identity {
        match credential {
            Credential::App => Identity::App,
            Credential::Installation(id) => Identity::Installation(*id),
            Credential::User(token) => {
                let digest =
                    Sha256::new().chain_update(self.0).chain_update(token.expose_secret()).finalize();
                let mut short = [0; 16];
                short.copy_from_slice(&digest[..16]);
                Identity::User(short)
            }
        }
    }
}

impl Identity {
    pub(crate) fn installation(&self) -> Option<i64> {
        match self {
            Self::Installation(id) => Some(*id),
            Self::App | Self::User(_) | Self::OAuthApp => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App => f.write_str("app"),
            Self::OAuthApp => f.write_str("oauth app"),
            Self::Installation(id) => write!(f, "installation {id}"),
            Self::User(print) => {
                f.write_str("user ")?;
                print[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
