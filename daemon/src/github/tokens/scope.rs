//! What a token may do, as a part of what its installation may do.

use std::collections::BTreeMap;

/// GitHub refuses more repositories in one token.
const MOST_REPOSITORIES: usize = 500;

/// A part of an installation; equal parts share one token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    repository_ids: Vec<i64>,
    permissions: BTreeMap<String, String>,
}

/// GitHub takes at most 500 repositories in one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token can be scoped to at most 500 repositories, {0} given")]
pub struct ScopeTooWide(
    /// How many were given.
    pub usize,
);

impl Scope {
    /// All that the installation may do.
    pub fn everything() -> Self {
        Self::default()
    }

    /// These repositories (none: all) with these permissions (`contents` -> `read`; none: all).
    ///
    /// # Errors
    /// [`ScopeTooWide`] for more than 500 repositories.
    pub fn of(
        mut repository_ids: Vec<i64>,
        permissions: BTreeMap<String, String>,
    ) -> Result<Self, ScopeTooWide> {
        repository_ids.sort_unstable();
        repository_ids.dedup();
        if repository_ids.len() > MOST_REPOSITORIES {
            return Err(ScopeTooWide(repository_ids.len()));
        }
        Ok(Self { repository_ids, permissions })
    }

    /// Ascending, without repetition.
    pub fn repository_ids(&self) -> &[i64] {
        &self.repository_ids
    }

    /// Name to level.
    pub fn permissions(&self) -> &BTreeMap<String, String> {
        &self.permissions
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.repository_ids.is_empty() && self.permissions.is_empty()
    }
}
