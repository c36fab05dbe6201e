//! Reading, one file an area.

mod audit;
mod catalog;
mod index;
mod mapping;
mod run;
mod setting;

use crate::store::ReadError;

type Read<T> = Result<T, ReadError>;

/// Names what was stored and can't be read.
fn corrupt(what: &'static str, cause: impl std::fmt::Display) -> ReadError {
    ReadError::Corrupt { what, cause: cause.to_string() }
}

/// A count as the database gives it; a negative one can only be corruption, shown as 0.
fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A list as the JSON array that `json_each` takes apart.
fn array<T: serde::Serialize>(rows: &[T]) -> Read<String> {
    serde_json::to_string(rows).map_err(|error| corrupt("list", error))
}
