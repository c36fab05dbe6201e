//! Statements over names that an operator chose. A statement is made of fixed text and checked, quoted names only,
//! so that nothing else can get into it; values are always bound.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::mapping::catalog::ddl::{NameError, quoted};

/// PostgreSQL cuts longer names silently, and then two may be one.
const NAME_BYTES: usize = 63;

/// A checked name of a schema, table or column. The only way from a name into a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SqlName(String);

impl SqlName {
    /// Checks the name; `what` tells in the error which one it is.
    pub(super) fn new(what: &'static str, name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty { what });
        }
        if name.len() > NAME_BYTES {
            return Err(NameError::TooLong { what });
        }
        if name.chars().any(char::is_control) {
            return Err(NameError::Control { what });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as the database has it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The quoted name.
    pub(super) fn sql(&self) -> Sql {
        Sql(quoted(&self.0))
    }
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sql(String);

impl Sql {
    /// Fixed text.
    pub(super) fn text(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Fixed text with a piece for each `{}`, in order.
    pub(super) fn fill(template: &'static str, pieces: &[&Self]) -> Self {
        let mut parts = template.split("{}");
        let mut sql = parts.next().unwrap_or_default().to_owned();
        debug_assert_eq!(template.matches("{}").count(), pieces.len(), "one piece for each place");
        for (part, piece) in parts.zip(pieces) {
            sql.push_str(&piece.0);
            sql.push_str(part);
        }
        Self(sql)
    }

    /// The pieces with commas between.
    pub(super) fn list(pieces: &[Self]) -> Self {
        Self(pieces.iter().map(|piece| piece.0.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// One of these conditions.
    pub(super) fn any(conditions: &[Self]) -> Self {
        Self(conditions.iter().map(|piece| piece.0.as_str()).collect::<Vec<_>>().join(" OR "))
    }

    /// The finished statement.
    pub(super) fn statement(self) -> Statement {
        Statement(self.0.into())
    }
}

/// A statement that can be run again and again.
#[derive(Clone, Debug)]
pub(super) struct Statement(Arc<str>);

impl Statement {
    /// For `sqlx::query`. The assertion holds because of how [`Sql`] is made.
    pub(super) fn safe(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_leave_its_quotes_and_is_no_template() {
        let name = SqlName::new("table", "a\"; DROP TABLE x; -- {}").unwrap();
        let sql = Sql::fill("SELECT {} FROM {}", &[&name.sql(), &name.sql()]);
        assert_eq!(sql.0, "SELECT \"a\"\"; DROP TABLE x; -- {}\" FROM \"a\"\"; DROP TABLE x; -- {}\"");
    }

    #[test]
    fn names_that_postgresql_refuses_or_cuts_are_refused_here() {
        for (name, error) in [
            ("", NameError::Empty { what: "table" }),
            ("a\0b", NameError::Control { what: "table" }),
            (&"n".repeat(64), NameError::TooLong { what: "table" }),
        ] {
            assert_eq!(SqlName::new("table", name), Err(error));
        }
    }
}
