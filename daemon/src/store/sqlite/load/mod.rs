//! Reading, one file an area.

pub(super) mod audit;
pub(super) mod catalog;
mod downstream;
pub(super) mod inbox;
mod index;
mod installed;
mod integration;
mod mapping;
mod mirror;
pub(super) mod outbox;
mod rescore;
pub(super) mod run;
mod setting;

use crate::store::ReadError;

pub(super) type Read<T> = Result<T, ReadError>;

/// Names what was stored and can't be read.
pub(super) fn corrupt(what: &'static str, cause: impl std::fmt::Display) -> ReadError {
    ReadError::Corrupt { what, cause: cause.to_string() }
}

/// A count as the database gives it; a negative one can only be corruption, shown as 0.
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A list as the JSON array that `json_each` takes apart.
pub(super) fn array<T: serde::Serialize>(rows: &[T]) -> Read<String> {
    serde_json::to_string(rows).map_err(|error| corrupt("list", error))
}
