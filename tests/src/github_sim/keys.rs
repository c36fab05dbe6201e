//! Two fixed RSA keys of the App, for tests only; they guard nothing.

use jsonwebtoken::DecodingKey;

/// One of the two keys in `tests/data/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKey {
    /// Live from the start.
    First,
    /// For rotation; a wrong key until it is added.
    Second,
}

impl TestKey {
    /// The private key, PKCS#1 PEM as GitHub hands it out.
    pub fn private_pem(self) -> &'static str {
        match self {
            Self::First => include_str!("../../data/github_sim_test_key_1.pem"),
            Self::Second => include_str!("../../data/github_sim_test_key_2.pem"),
        }
    }

    pub(super) fn public(self) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
        let pem = match self {
            Self::First => include_str!("../../data/github_sim_test_key_1.pub.pem"),
            Self::Second => include_str!("../../data/github_sim_test_key_2.pub.pem"),
        };
        DecodingKey::from_rsa_pem(pem.as_bytes())
    }
}
