//! Steps outside a transaction: each statement is sent by itself, and the ledger counts those that are done.

use cutover_shared::fleet::ErrorClass;

use super::super::super::driver::{Part, StepAsk, StepEnd, StepError};
use super::super::super::migration::{Script, Statement};
use super::super::group::allowance;
use super::super::script::{Dialect, no_transactions, words};
use super::LOOK;
use super::error::{At, failed};
use super::ledger::Place;
use super::session::{PostgresSession, milliseconds};
use super::wire::{silent, text};
use crate::sql_name::Sql;

impl PostgresSession {
    /// Goes on where the ledger says.
    pub(super) async fn alone(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        script: &Script,
        begun: Option<Part>,
    ) -> Result<StepEnd, StepError> {
        no_transactions(script, Dialect::Postgres)?;
        let is_resumed = begun.is_some();
        let was_begun = self.begun.contains(&ask.migration.version);
        let mut part = match begun {
            Some(part) => part,
            None => self.begin(place, ask, None).await?,
        };
        self.time_outs(ask, script).await?;
        let first = usize::try_from(part.statements).unwrap_or(usize::MAX);
        for (number, statement) in script.statements.iter().enumerate().skip(first) {
            let resumes = is_resumed && number == first;
            let is_done = resumes && self.was_done(script, statement, was_begun).await?;
            if !is_done {
                if ask.stop.is_cancelled() {
                    self.note(place, ask, &part, false).await?;
                    return Ok(StepEnd::Stopped);
                }
                self.note(place, ask, &part, true).await?;
                self.run_alone(place, ask, script, statement, &part).await?;
                ask.faults.point("fleet.chunk.after").await;
            }
            part.statements = part.statements.saturating_add(1);
        }
        if let Some(query) = &script.verify {
            self.must_be_true(ask, script, query).await.inspect_err(|_| self.is_marked = true)?;
        }
        self.commit(ask, Sql::text("BEGIN;\n").then(&place.end_part(ask, self.wire.now()))).await?;
        self.is_marked = true;
        self.keep(ask);
        Ok(StepEnd::Done)
    }

    /// For the session: SET LOCAL holds for transactions only.
    async fn time_outs(&mut self, ask: &StepAsk<'_>, script: &Script) -> Result<(), StepError> {
        self.is_marked = true;
        let message = Sql::fill(
            "SET lock_timeout = {}; SET statement_timeout = {};",
            &[&milliseconds(ask.lock_timeout), &milliseconds(script.timeout.unwrap_or(ask.timeout))],
        );
        self.wire.say(message, LOOK, |_, _| {}).await.map(|_| ()).map_err(|broken| broken.plain())
    }

    /// How far it is; nothing is said twice.
    async fn note(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        part: &Part,
        begun: bool,
    ) -> Result<(), StepError> {
        let known = self.ledger.rows.get(&ask.migration.version).and_then(|row| row.part.as_ref());
        if known == Some(part) && self.begun.contains(&ask.migration.version) == begun {
            return Ok(());
        }
        self.wire
            .say(place.part(ask, part, begun), LOOK, |_, _| {})
            .await
            .map_err(|broken| broken.plain())?;
        self.keep_part(ask, part, begun);
        Ok(())
    }

    async fn run_alone(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        script: &Script,
        statement: &Statement,
        part: &Part,
    ) -> Result<(), StepError> {
        let said = self.wire.say(Sql::written(&statement.text), allowance(ask, script), |_, _| {}).await;
        match said {
            Ok(_) => Ok(()),
            Err(broken) if broken.is_lost() => Err(broken.plain().unclear()),
            Err(broken) => {
                // A single statement that is refused did nothing, and may be run again.
                self.note(place, ask, part, false).await?;
                let at = At { file: script.file.clone(), line: Some(statement.line) };
                Err(broken.error.as_ref().map_or_else(silent, |error| failed(error, Some(&at))))
            }
        }
    }

    /// Whether the statement at which it stopped was done; false: it may be run (again).
    async fn was_done(
        &mut self,
        script: &Script,
        statement: &Statement,
        was_begun: bool,
    ) -> Result<bool, StepError> {
        match kind(&statement.text) {
            // A refused one leaves an invalid index behind, too; one that is whole and was not begun by us is somebody else's.
            Kind::Index(index) => Ok(self.has_index(&index).await? && was_begun),
            _ if !was_begun => Ok(false),
            Kind::Again => Ok(false),
            Kind::Gone(name) => self.is_gone(&name).await,
            Kind::Other => Err(StepError::new(
                ErrorClass::MigrationBug,
                format!(
                    "{}:{}: the connection was lost while this statement ran outside a transaction, and nothing tells whether it is \
                     done. Look whether its effect is there; then, in the tenant's `cutover_migrations`, add 1 to `part_done` if it \
                     is, and set `part_begun` to false either way; then retry",
                    script.file, statement.line
                ),
            )
            .unclear()),
        }
    }

    /// Whether the index is there whole; what is there in part is taken away.
    async fn has_index(&mut self, index: &Index) -> Result<bool, StepError> {
        let (name, table) = (Sql::literal(&index.name), Sql::literal(&index.table));
        let question = Sql::fill(
            "SELECT i.indisvalid, c.oid::regclass::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             WHERE c.relname = {} AND i.indrelid = to_regclass({});",
            &[&name, &table],
        );
        let mut found = None;
        self.wire
            .say(question, LOOK, |_, row| found = Some((text(row, 0), text(row, 1))))
            .await
            .map_err(|broken| broken.plain())?;
        match found {
            Some((Some(valid), _)) if valid == "t" => Ok(true),
            Some((_, Some(quoted))) => {
                // The server quoted it itself.
                let drop = Sql::fill("DROP INDEX CONCURRENTLY {};", &[&Sql::written(&quoted)]);
                self.wire.say(drop, LOOK, |_, _| {}).await.map_err(|broken| broken.plain())?;
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    async fn is_gone(&mut self, name: &str) -> Result<bool, StepError> {
        let question = Sql::fill("SELECT to_regclass({}) IS NULL;", &[&Sql::literal(name)]);
        let mut gone = None;
        self.wire.say(question, LOOK, |_, row| gone = text(row, 0)).await.map_err(|broken| broken.plain())?;
        Ok(gone.as_deref() == Some("t"))
    }
}

/// An index by its name and, as it is written, its table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Index {
    name: String,
    table: String,
}

/// What can be found out about a statement, or left to be done again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Index(Index),
    /// An index that is taken away.
    Gone(String),
    /// The same again does no harm.
    Again,
    Other,
}

fn kind(statement: &str) -> Kind {
    let all = words(statement, Dialect::Postgres, usize::MAX);
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["CREATE", "INDEX", "CONCURRENTLY", ..] | ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", ..] => {
            index(statement).map_or(Kind::Other, Kind::Index)
        }
        ["DROP", "INDEX", "CONCURRENTLY", "IF", "EXISTS", ..] => Kind::Again,
        ["DROP", "INDEX", "CONCURRENTLY", ..] => {
            after(statement, "CONCURRENTLY").map_or(Kind::Other, |rest| Kind::Gone(name(rest).0.to_owned()))
        }
        ["VACUUM" | "ANALYZE" | "REINDEX" | "CLUSTER" | "SET" | "RESET" | "COMMENT", ..]
        | ["REFRESH", "MATERIALIZED", ..]
        | ["CREATE", "OR", "REPLACE", ..] => Kind::Again,
        words if words.windows(2).any(|pair| pair == ["IF", "EXISTS"]) => Kind::Again,
        words if words.windows(3).any(|three| three == ["IF", "NOT", "EXISTS"]) => Kind::Again,
        _ => Kind::Other,
    }
}

fn index(statement: &str) -> Option<Index> {
    let mut rest = after(statement, "CONCURRENTLY")?;
    if let Some(named) = after_first(rest, &["IF", "NOT", "EXISTS"]) {
        rest = named;
    }
    let (index, rest) = name(rest);
    let mut rest = after_first(rest, &["ON"])?;
    if let Some(only) = after_first(rest, &["ONLY"]) {
        rest = only;
    }
    let (table, _) = name(rest);
    let plain = match index.strip_prefix('"').and_then(|index| index.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => index.to_lowercase(),
    };
    (!plain.is_empty() && !plain.eq_ignore_ascii_case("on") && !table.is_empty())
        .then(|| Index { name: plain, table: table.to_owned() })
}

/// What follows a word that stands in the first few; a comment in between is not looked through.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let at = text.to_ascii_uppercase().find(word)?;
    text.get(at + word.len()..)
}

/// What follows these words, if the text begins with them.
fn after_first<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().try_fold(text.trim_start(), |text, word| {
        let head = text.get(..word.len())?;
        let rest = text.get(word.len()..)?;
        let ends = !rest.starts_with(|char: char| char.is_alphanumeric() || char == '_' || char == '"');
        (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
    })
}

/// A name at the beginning, with its schema and quotes as they are written; and the rest.
fn name(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let mut quoted = false;
    let end = text.find(|char: char| {
        if char == '"' {
            quoted = !quoted;
        }
        !quoted && char != '"' && !char.is_alphanumeric() && !matches!(char, '_' | '.' | '$')
    });
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_found_out_is_told_apart() {
        let index = |name: &str, table: &str| Kind::Index(Index { name: name.into(), table: table.into() });
        for (statement, expected) in [
            ("CREATE INDEX CONCURRENTLY Notes_Slug ON notes (slug)", index("notes_slug", "notes")),
            (
                "create unique index concurrently if not exists \"A \"\"b\" on only app.\"N\" using btree (x)",
                index("A \"b", "app.\"N\""),
            ),
            ("CREATE INDEX CONCURRENTLY ON notes (slug)", Kind::Other),
            ("CREATE INDEX IF NOT EXISTS x ON y (z)", Kind::Again),
            ("DROP INDEX CONCURRENTLY app.x", Kind::Gone("app.x".into())),
            ("DROP INDEX CONCURRENTLY IF EXISTS x", Kind::Again),
            ("VACUUM notes", Kind::Again),
            ("ALTER TYPE mood ADD VALUE 'IF NOT EXISTS'", Kind::Other),
            ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'x'", Kind::Again),
            ("INSERT INTO notes VALUES (1)", Kind::Other),
        ] {
            assert_eq!(kind(statement), expected, "{statement}");
        }
    }
}
