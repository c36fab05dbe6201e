//! Lists travel in pages: a list call never loads everything.

use serde::{Deserialize, Serialize};

/// The most rows that one page may hold.
pub const MAX_ROWS: u32 = 500;

/// The most bytes of rows that one page may hold; well under the frame limit, which a JSON escape can double.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Which window of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageAsk {
    /// The `next` of the page before; none for the first page.
    #[serde(default)]
    pub after: Option<String>,
    /// How many rows; capped at [`MAX_ROWS`].
    #[serde(default = "default_limit")]
    pub limit: u32,
}

fn default_limit() -> u32 {
    100
}

impl Default for PageAsk {
    fn default() -> Self {
        Self { after: None, limit: default_limit() }
    }
}

impl PageAsk {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The rows that a door may ask the store for.
    pub fn rows(&self) -> u32 {
        self.limit.clamp(1, MAX_ROWS)
    }
}

/// One window of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the order of the list.
    pub rows: Vec<T>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), next: None }
    }
}

impl<T> Page<T> {
    /// The same page with each row changed.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(f).collect(), next: self.next }
    }
}
