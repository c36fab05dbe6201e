//! Statements over names that an operator chose. A statement is made of fixed text, checked and quoted names, quoted literals, and
//! SQL that an operator wrote to be run (a migration), and nothing else can get into it. Other values are bound.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// PostgreSQL cuts longer names silently, and then two may be one.
const NAME_BYTES: usize = 63;

/// A name that PostgreSQL can't take as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name of the {what} is empty")]
    Empty { what: &'static str },
    #[error("the name of the {what} is longer than {NAME_BYTES} bytes")]
    TooLong { what: &'static str },
    #[error("the name of the {what} holds a control character")]
    Control { what: &'static str },
}

/// A checked name of a schema, table or column. The only way from a name into a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlName(String);

impl SqlName {
    /// Checks the name; `what` tells in the error which one it is.
    pub fn new(what: &'static str, name: &str) -> Result<Self, NameError> {
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
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The quoted name.
    pub fn sql(&self) -> Sql {
        Sql(format!("\"{}\"", self.0.replace('"', "\"\"")))
    }
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql(String);

impl Sql {
    /// Fixed text.
    pub fn text(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// A whole number.
    pub fn whole(number: i64) -> Self {
        // In brackets: a minus sign after another one would begin a comment.
        Self(if number < 0 { format!("({number})") } else { number.to_string() })
    }

    /// A text as PostgreSQL quotes it, whatever `standard_conforming_strings` says. On one line, so that lines can be counted.
    pub fn literal(text: &str) -> Self {
        let mut sql = String::with_capacity(text.len() + 3);
        sql.push_str("E'");
        for char in text.chars() {
            match char {
                '\\' => sql.push_str("\\\\"),
                '\'' => sql.push_str("''"),
                '\n' => sql.push_str("\\n"),
                '\r' => sql.push_str("\\r"),
                // No text of PostgreSQL's can hold it.
                '\0' => {}
                char => sql.push(char),
            }
        }
        sql.push('\'');
        Self(sql)
    }

    /// A text as SQLite quotes it.
    pub fn plain_literal(text: &str) -> Self {
        Self(format!("'{}'", text.replace('\0', "").replace('\'', "''")))
    }

    /// SQL that an operator wrote to be run as it is: a migration, or a query of the configuration. Never a value.
    pub fn written(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// This, and then that.
    #[must_use]
    pub fn then(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }

    /// How it reads.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fixed text with a piece for each `{}`, in order.
    pub fn fill(template: &'static str, pieces: &[&Self]) -> Self {
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
    pub fn list(pieces: &[Self]) -> Self {
        Self(pieces.iter().map(|piece| piece.0.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// One of these conditions.
    pub fn any(conditions: &[Self]) -> Self {
        Self(conditions.iter().map(|piece| piece.0.as_str()).collect::<Vec<_>>().join(" OR "))
    }

    /// The finished statement.
    pub fn statement(self) -> Statement {
        Statement(self.0.into())
    }
}

/// A statement that can be run again and again.
#[derive(Clone, Debug)]
pub struct Statement(Arc<str>);

impl Statement {
    /// For `sqlx::query`. The assertion holds because of how [`Sql`] is made.
    pub fn safe(&self) -> AssertSqlSafe<Arc<str>> {
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
    fn a_literal_can_not_leave_its_quotes() {
        assert_eq!(Sql::literal("a'b\\'; --\n$$").0, "E'a''b\\\\''; --\\n$$'");
        assert_eq!(Sql::plain_literal("a'b\\\0").0, "'a''b\\'");
        assert_eq!(Sql::whole(-1).0, "(-1)");
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
