//! What the store knows of each installation: the facts that health is judged by.

use async_trait::async_trait;

use super::ReadError;

/// Installations that are read at most, the lowest ids first.
pub const MOST_INSTALLATIONS: u32 = 50_000;

/// One installation in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledRow {
    pub id: i64,
    pub account_id: i64,
    pub account_login: String,
    /// `User` or `Organization`, as GitHub writes it.
    pub account_type: String,
    /// `all` or `selected`.
    pub selection: String,
    /// Milliseconds since the epoch, UTC, as all times here.
    pub suspended_at: Option<i64>,
    /// JSON of names and levels.
    pub permissions: String,
    /// An event said that it was removed, and no sweep has ended since.
    pub gone: bool,
    /// Why the last sweep could not read its list.
    pub unread: Option<String>,
    /// When the sweep began that read its list.
    pub read_at: Option<i64>,
    /// Repositories that it lists.
    pub repositories: u64,
    /// Links that are mapped to it.
    pub mapped: u64,
    /// Links of its account that are mapped to none.
    pub unmapped: u64,
    /// Its last delivery, to the minute.
    pub delivered_at: Option<i64>,
    /// `push`, `installation.suspend`.
    pub event: Option<String>,
    pub waiting: u64,
    pub dead: u64,
}

/// What can be read of installations as a whole.
#[async_trait]
pub trait InstalledRead {
    /// All of a host by id, at most [`MOST_INSTALLATIONS`]; or the one of this id.
    async fn installed(&self, host: &str, id: Option<i64>) -> Result<Vec<InstalledRow>, ReadError>;
}
