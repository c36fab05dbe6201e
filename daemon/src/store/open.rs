//! Opens the store that a URL names.

use std::sync::Arc;

use super::Db;
use super::sqlite::Sqlite;
use crate::faults::Faults;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a URL of a kind that we have.
    #[error("`{0}` is no store that this version has; use sqlite:PATH")]
    Scheme(String),
    /// The database refuses.
    #[error("the store {url} can't be opened: {cause}")]
    Refused { url: String, cause: String },
    /// The schema could not be brought up to date.
    #[error("the schema of {url} could not be brought up to date: {cause}")]
    Migrate { url: String, cause: String },
}

/// Opens (and makes, where missing) the store of `url`: `sqlite:PATH`, and brings its schema up to date.
pub async fn open(url: &str, faults: Faults) -> Result<Db, OpenError> {
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .ok_or_else(|| OpenError::Scheme(cutover_shared::redact::redact(url).into_owned()))?;
    Ok(Arc::new(Sqlite::open(std::path::Path::new(path), faults).await?))
}
