//! What an error of PostgreSQL means for a step.
//!
//! `schema mismatch` is whatever says that an object is there that must not be, or is missing that must be there: every migration is
//! written against the schema that the ones before it made, so on a tenant whose ledger has those the schema was changed by somebody
//! else. A migration that names an object wrongly says the same of every tenant; then the group's size tells.

use cutover_shared::fleet::ErrorClass;
use cutover_shared::redact::redact;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::super::super::driver::StepError;

/// The longest message that is passed on, in characters.
const MOST: usize = 400;

/// Where in a migration it was.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) file: String,
    pub(super) line: Option<u32>,
}

/// The answer of the server, if it was one.
pub(super) fn answer(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    match error {
        sqlx::Error::Database(error) => error.try_downcast_ref(),
        _ => None,
    }
}

/// The position in the text that was sent, in characters from 0.
pub(super) fn position(error: &sqlx::Error) -> Option<usize> {
    match answer(error)?.position()? {
        PgErrorPosition::Original(at) => at.checked_sub(1),
        PgErrorPosition::Internal { .. } => None,
    }
}

/// Whether nothing can be said over this connection any more.
pub(super) fn is_over(error: &sqlx::Error) -> bool {
    use sqlx::postgres::PgSeverity;
    answer(error).is_none_or(|answer| matches!(answer.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// Connecting failed. `cause` never holds the address.
pub(super) fn unreachable(error: &sqlx::Error) -> StepError {
    match answer(error) {
        Some(answer) => StepError::new(
            ErrorClass::Connection,
            format!("the server does not let us in ({}): {}", answer.code(), refusal(answer)),
        )
        .coded(answer.code()),
        None => StepError::new(ErrorClass::Connection, format!("no connection: {}", plain(error))),
    }
}

/// Names of users, databases and addresses, which these messages hold, differ from tenant to tenant.
fn refusal(answer: &PgDatabaseError) -> &'static str {
    match answer.code() {
        "28P01" => "the password is wrong",
        code if code.starts_with("28") => "the user may not connect",
        "3D000" => "there is no such database",
        "42501" => "the user may not connect to the database",
        "57P03" => "it is starting or stopping",
        code if code.starts_with("53") => "it has no room for another connection",
        _ => "it refuses the connection",
    }
}

/// A statement failed, and what it was part of did not happen.
pub(super) fn failed(error: &sqlx::Error, at: Option<&At>) -> StepError {
    let Some(answer) = answer(error) else {
        let text = format!("the connection broke: {}", plain(error));
        return StepError::new(ErrorClass::Connection, text);
    };
    let code = answer.code();
    let message = message(code, answer.message());
    let place = match at {
        Some(At { file, line: Some(line) }) => format!("{file}:{line}: "),
        Some(At { file, line: None }) => format!("{file}: "),
        None => String::new(),
    };
    let error = StepError::new(class(code), format!("{place}{message} ({code})")).coded(code);
    StepError { is_lock: is_lock(code), ..error }
}

/// The message without what differs from row to row.
fn message(code: &str, message: &str) -> String {
    let message = redact(message);
    let message = if code.starts_with("22") { without_quotes(&message) } else { message.to_string() };
    message.chars().take(MOST).collect()
}

/// Data exceptions quote the value, and the value may have quotes of its own.
fn without_quotes(message: &str) -> String {
    match (message.split_once('"'), message.rsplit_once('"')) {
        (Some((before, _)), Some((_, after))) => format!("{before}\"\u{2026}\"{after}"),
        _ => message.to_owned(),
    }
}

fn class(code: &str) -> ErrorClass {
    match code {
        "57014" | "55P03" | "40001" | "40P01" | "25P03" => ErrorClass::TimeOut,
        "57P01" | "57P02" | "57P03" | "57P05" | "3D000" | "25006" => ErrorClass::Connection,
        // Is there already: table, column, object, function, schema. Is not there: table, column, object, function, schema.
        "42P07" | "42701" | "42710" | "42723" | "42P06" | "42P01" | "42703" | "42704" | "42883" | "3F000" => {
            ErrorClass::SchemaMismatch
        }
        code if ["08", "28", "53", "58", "XX"].iter().any(|class| code.starts_with(class)) => {
            ErrorClass::Connection
        }
        _ => ErrorClass::MigrationBug,
    }
}

/// Somebody was in the way: the same again may go well.
fn is_lock(code: &str) -> bool {
    matches!(code, "55P03" | "40001" | "40P01")
}

/// What went wrong on our end, without an address.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.kind().to_string(),
        sqlx::Error::Tls(_) => "TLS could not be agreed on".to_owned(),
        sqlx::Error::Configuration(_) => "the address can't be read".to_owned(),
        // It sends no rows of ours, so it can be neither cut short nor taken for another.
        sqlx::Error::Protocol(text) if text.contains("CopyIn") => {
            "a migration can't use COPY FROM STDIN: its rows are not there".to_owned()
        }
        sqlx::Error::Protocol(_) => "the server answers in an unknown way".to_owned(),
        _ => "it ended early".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_code() {
        for (code, expected) in [
            ("08006", ErrorClass::Connection),
            ("28P01", ErrorClass::Connection),
            ("53300", ErrorClass::Connection),
            ("57P01", ErrorClass::Connection),
            ("57014", ErrorClass::TimeOut),
            ("55P03", ErrorClass::TimeOut),
            ("40P01", ErrorClass::TimeOut),
            ("42P07", ErrorClass::SchemaMismatch),
            ("42703", ErrorClass::SchemaMismatch),
            ("23505", ErrorClass::MigrationBug),
            ("42601", ErrorClass::MigrationBug),
            ("P0001", ErrorClass::MigrationBug),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
        assert!(is_lock("55P03") && !is_lock("57014"));
    }

    #[test]
    fn rows_values_are_left_out() {
        assert_eq!(
            message("22P02", "invalid input syntax for type integer: \"secret\""),
            "invalid input syntax for type integer: \"\u{2026}\""
        );
        assert_eq!(
            message("22P02", "invalid input syntax for type integer: \"{\"name\":\"Bob\"}\""),
            "invalid input syntax for type integer: \"\u{2026}\""
        );
        assert_eq!(message("22P02", "half \"of it"), "half \"\u{2026}\"of it");
        assert_eq!(message("42P01", "relation \"tags\" does not exist"), "relation \"tags\" does not exist");
    }
}
