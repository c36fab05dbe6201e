//! What a plan is: a basis, items sorted by key in pages, and one digest over all of it.

use cutover_shared::ids::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::{NotCanonical, canonical};
use crate::hex::hex;

/// Items whose bytes are hashed together.
pub const ITEMS_PER_PAGE: usize = 1_000;

/// What the digest covers. Times, authors and ids are not in it: the same world gives the same digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    pub kind: String,
    pub scope: String,
    /// Rules with their versions, such as `matching: 1`.
    pub rules: Value,
    /// The configuration that the outcome depends on.
    pub config: Value,
    /// How many items there are.
    pub items: u64,
    /// SHA-256 of each page of items, in order.
    pub pages: Vec<String>,
}

impl Basis {
    /// The digest of the plan, and the bytes that it is made of.
    pub fn digest(&self) -> Result<(Digest, String), NotCanonical> {
        let bytes = canonical(self)?;
        Ok((Digest(hex(&Sha256::digest(bytes.as_bytes()))), bytes))
    }
}

/// The hash of one page: each item as key, NUL, body, newline.
pub fn page_hash<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for (key, body) in items {
        hash.update(key);
        hash.update([0]);
        hash.update(body);
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}
