//! Windows of long lists: any place of a list that is filtered and sorted by the daemon, and how long it is. A console
//! scrolls freely in a window; a script that wants everything takes keyset pages ([`crate::page`]).

use serde::{Deserialize, Serialize};

/// The order of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// A field of the list's [`crate::filter::Fields`] that can be sorted by.
    pub field: String,
    #[serde(default)]
    pub descending: bool,
}

/// Which part of which order of which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowAsk {
    /// Typed terms, as `docs/operations.md` describes them; empty for all rows.
    #[serde(default)]
    pub filter: String,
    /// None for the list's own order.
    #[serde(default)]
    pub sort: Option<Sort>,
    /// Rows before the window.
    #[serde(default)]
    pub offset: u64,
    /// How many rows; capped at [`crate::page::MAX_ROWS`].
    pub limit: u32,
}

impl WindowAsk {
    /// The rows that a door may ask the store for.
    pub fn rows(&self) -> u32 {
        self.limit.clamp(1, crate::page::MAX_ROWS)
    }
}

/// A part of a list. Fewer rows than were asked for mean the end, or that the page had no room for more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window<T> {
    pub rows: Vec<T>,
    /// Rows before these. Lower than asked where the list has become shorter.
    pub offset: u64,
    /// All rows that pass the filter.
    pub total: u64,
}

impl<T> Window<T> {
    /// The same window with each row changed.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Window<U> {
        Window { rows: self.rows.into_iter().map(f).collect(), offset: self.offset, total: self.total }
    }
}
