//! What can go wrong with the application's database, told apart by what it means for a write that was under way.

use cutover_shared::redact::redact;
use secrecy::{ExposeSecret, SecretString};

use crate::mapping::catalog::ddl::{ColumnError, NameError};

/// The longest cause that is passed on, in characters.
const CAUSE_MOST: usize = 500;

/// Why the application's database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppDatabaseError {
    /// Not an address of a PostgreSQL database.
    #[error(
        "the address of the application's database can't be read: {0}; write it as postgres://USER:PASSWORD@HOST/NAME"
    )]
    Address(String),
    /// A configured name can't be one of PostgreSQL's.
    #[error("catalog.postgres: {0}")]
    Name(#[from] NameError),
    /// Tables or columns are not as they must be; nothing is read or written then.
    #[error("the application's database can't be used: {}", list(.0))]
    Unfit(Vec<Unfit>),
    /// No answer. A write that was under way may have happened or not.
    #[error("the application's database at {place} does not answer while {doing}: {cause}")]
    Unavailable { doing: &'static str, place: String, cause: String },
    /// It answered no: nothing was written.
    #[error("the application's database refuses while {doing}: {cause}")]
    Refused { doing: &'static str, cause: String },
}

/// One thing that is not as it must be, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("there is no table {table} in schema {schema}: set the names below catalog.postgres")]
    NoTable { schema: String, table: String },
    #[error(
        "schema {schema} is closed to us: GRANT USAGE ON SCHEMA {schema} to the user of catalog.database_url"
    )]
    Closed { schema: String },
    #[error("table {table} has no column {column}: set the names below catalog.postgres")]
    NoColumn { table: String, column: String },
    #[error("column {column} of {table} can't be read: GRANT SELECT to the user of catalog.database_url")]
    NotReadable { table: String, column: String },
    #[error(
        "column {column} of {table} can't be written: GRANT UPDATE on it to the user of catalog.database_url"
    )]
    NotWritable { table: String, column: String },
    #[error("the database takes no writes: catalog.database_url must name the primary, not a standby")]
    ReadOnly,
    #[error("column {column} of {table} has the type {found}; an id is text, uuid or a whole number")]
    IdType { table: String, column: String, found: String },
    #[error("column {column} of {table} does not name one row: an id must be NOT NULL and unique by itself")]
    NotUnique { table: String, column: String },
    #[error(
        "rows can't be added to {table}: GRANT INSERT ({columns}) on it to the user of catalog.database_url"
    )]
    NotAddable { table: String, columns: String },
    #[error(
        "column {column} of {table} is NOT NULL without a default, so no row can be added: give it a default"
    )]
    Demanded { table: String, column: String },
    #[error("column {column} of {table} has the type {found}; {wanted} is needed")]
    Type { table: String, column: String, found: String, wanted: &'static str },
    #[error("column {column} of {table} does not name one row: it must be unique by itself")]
    Ambiguous { table: String, column: String },
    #[error("column {column} of {table} is generated: name one that can be written")]
    Generated { table: String, column: String },
    #[error("table {table}: {error}")]
    Column { table: String, error: ColumnError },
}

fn list(problems: &[Unfit]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What an error of the database means for what was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The connection is gone: nobody knows whether the statement ran.
    Lost,
    /// It was rolled back because somebody was in the way; the same again may go well.
    InTheWay,
    /// It was rolled back because the tables are not what we think they are.
    Moved,
    /// It was rolled back.
    No,
}

/// Reads the meaning of an error from its class.
pub(super) fn meaning(error: &sqlx::Error) -> Meaning {
    use sqlx::Error as E;
    match error {
        E::Database(answer) => match answer.code().as_deref().unwrap_or_default() {
            // Serialisation failure, deadlock, lock not available, cancelled by statement_timeout.
            "40001" | "40P01" | "55P03" | "57014" => Meaning::InTheWay,
            // Connection, authorisation, shutting down or starting, no slot, no such database.
            code if ["08", "28", "57P", "533", "3D"].iter().any(|class| code.starts_with(class)) => {
                Meaning::Lost
            }
            // Internal and system errors may come after the commit.
            code if code.starts_with("XX") || code.starts_with("58") => Meaning::Lost,
            // No such table or column, another type, a plan that does not fit any more.
            code if code.starts_with("42") || code == "0A000" => Meaning::Moved,
            _ => Meaning::No,
        },
        E::ColumnDecode { .. } | E::Decode(_) | E::Encode(_) | E::ColumnNotFound(_) | E::RowNotFound => {
            Meaning::No
        }
        _ => Meaning::Lost,
    }
}

/// `text` without anything that the address keeps secret.
pub(super) fn scrub(url: &SecretString, text: &str) -> String {
    let url = url.expose_secret();
    let mut text = text.to_owned();
    for secret in [Some(url), password(url)].into_iter().flatten().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, cutover_shared::redact::REDACTED);
    }
    redact(&text).chars().take(CAUSE_MOST).collect()
}

/// The password as it is written in the address.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    Some(user.split_once(':')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_address_nor_its_password_gets_through() {
        let url = SecretString::from("postgres://app:hunter2%40x@db/app");
        let scrubbed = scrub(&url, "can't reach postgres://app:hunter2%40x@db/app with `hunter2%40x`");
        assert!(!scrubbed.contains("hunter2"), "{scrubbed}");
        assert!(scrubbed.starts_with("can't reach"));
    }
}
