//! Steps without a single transaction: statement by statement, or in chunks.

use super::super::super::driver::{LedgerRow, Part, StepAsk, StepEnd, StepError};
use super::super::super::migration::Script;
use super::super::group::allowance;
use super::super::postgres::{not_whole, stands_still};
use super::super::script::{Cursor, Dialect, filled, words};
use super::ledger::{self, CREATE};
use super::session::{LOOK, SqliteSession, untrue};
use super::wire::{failed, place, text};
use crate::sql_name::Sql;

impl SqliteSession {
    /// Runs each statement by itself. All but those that can't be in a transaction are committed together with the ledger's count, so
    /// that it is never in doubt which are done.
    pub(super) async fn alone(
        &mut self,
        ask: &StepAsk<'_>,
        script: &Script,
        begun: Option<Part>,
    ) -> Result<StepEnd, StepError> {
        let mut part = self.begun(ask, begun, None).await?;
        let first = usize::try_from(part.statements).unwrap_or(usize::MAX);
        for (number, statement) in script.statements.iter().enumerate() {
            let is_free = is_free(&statement.text);
            // Settings went with the connection that made them.
            if number < first && !is_pragma(&statement.text) {
                continue;
            }
            if ask.stop.is_cancelled() {
                return Ok(StepEnd::Stopped);
            }
            let text_of = Sql::written(&statement.text).then(&Sql::text("\n;"));
            let message = if is_free { text_of } else { self.opening(ask).0.then(&text_of) };
            if let Err(broken) = self.wire.say(message, allowance(ask, script), |_, _| {}).await {
                self.rollback().await;
                return Err(failed(&broken.error, Some(&place(script, Some(number)))));
            }
            if number < first {
                continue;
            }
            part.statements = part.statements.saturating_add(1);
            let note = ledger::note(ask, &part);
            self.commit(ask, if is_free { Sql::text("BEGIN IMMEDIATE;\n").then(&note) } else { note })
                .await?;
            self.keep_part(ask, &part);
            ask.faults.point("fleet.chunk.after").await;
        }
        self.wire.run(Sql::text("BEGIN IMMEDIATE;"), LOOK).await?;
        self.end(ask, script).await?;
        // The next step must find the settings that it would find in a connection of its own.
        self.wire.run(Sql::text("PRAGMA foreign_keys = OFF;"), LOOK).await?;
        Ok(StepEnd::Done)
    }

    /// Goes on where the ledger says; each chunk in a transaction with its cursor.
    pub(super) async fn in_chunks(
        &mut self,
        ask: &StepAsk<'_>,
        script: &Script,
        begun: Option<Part>,
    ) -> Result<StepEnd, StepError> {
        let Some(chunk) = &script.chunk else { return Ok(StepEnd::Done) };
        let mut part = self.begun(ask, begun, Some(chunk.start.clone())).await?;
        loop {
            let here = part.cursor.clone().unwrap_or_else(|| chunk.start.clone());
            let cursor = Cursor::read(chunk, &here).ok_or_else(|| not_whole(&script.file))?;
            let (opening, opened) = self.opening(ask);
            let message = opening
                .then(&filled(&script.text, Dialect::Sqlite, &cursor, chunk.rows))
                .then(&Sql::text("\n;"));
            let mut last = (0, None);
            let said = self.wire.say(message, allowance(ask, script), |done, row| {
                if last.0 != done {
                    last = (done, text(row, 0));
                }
            });
            let next = match said.await {
                Ok(done) => last.1.filter(|_| last.0 + 1 == done),
                Err(broken) => {
                    self.rollback().await;
                    let statement = broken.done.checked_sub(opened);
                    return Err(failed(&broken.error, Some(&place(script, statement))));
                }
            };
            let Some(next) = next else {
                self.end(ask, script).await?;
                return Ok(StepEnd::Done);
            };
            let refusal = if next == here { Some(stands_still(&script.file)) } else { None };
            let refusal = refusal.or(Cursor::read(chunk, &next).is_none().then(|| not_whole(&script.file)));
            if let Some(error) = refusal {
                self.rollback().await;
                return Err(error);
            }
            part.statements = part.statements.saturating_add(1);
            part.cursor = Some(next);
            self.commit(ask, ledger::note(ask, &part)).await?;
            self.keep_part(ask, &part);
            ask.faults.point("fleet.chunk.after").await;
            if ask.stop.is_cancelled() {
                return Ok(StepEnd::Stopped);
            }
        }
    }

    /// How far it is; writes that it was begun where nothing says so yet.
    async fn begun(
        &mut self,
        ask: &StepAsk<'_>,
        begun: Option<Part>,
        cursor: Option<String>,
    ) -> Result<Part, StepError> {
        if let Some(part) = begun {
            return Ok(part);
        }
        let part = Part { way: ask.way, statements: 0, cursor };
        let create = Sql::text(if self.has_table { "" } else { CREATE });
        let message = Sql::text("BEGIN IMMEDIATE;\n").then(&create).then(&ledger::begin_part(
            ask,
            &part,
            self.wire.now(),
        ));
        self.commit(ask, message).await?;
        self.has_table = true;
        self.keep_part(ask, &part);
        Ok(part)
    }

    /// Ends the step in the transaction that stands open, if its check holds.
    async fn end(&mut self, ask: &StepAsk<'_>, script: &Script) -> Result<(), StepError> {
        if let Some(query) = &script.verify {
            let mut value = None;
            let said = self
                .wire
                .say(Sql::written(query), allowance(ask, script), |_, row| value = text(row, 0))
                .await;
            let failure = match said {
                Ok(_) if matches!(value.as_deref(), Some("1" | "true")) => None,
                Ok(_) => Some(untrue(&script.file, query)),
                Err(broken) => Some(failed(&broken.error, Some(&script.file))),
            };
            if let Some(error) = failure {
                self.rollback().await;
                return Err(error);
            }
        }
        let at = self.wire.now();
        self.commit(ask, ledger::end_part(ask, at)).await?;
        self.ledger.follow(ask.migration, ask.way);
        Ok(())
    }

    fn keep_part(&mut self, ask: &StepAsk<'_>, part: &Part) {
        let version = ask.migration.version;
        let row = self.ledger.rows.entry(version).or_insert_with(|| LedgerRow::of(ask.migration));
        row.part = Some(part.clone());
    }
}

fn is_pragma(statement: &str) -> bool {
    words(statement, Dialect::Sqlite, 1).first().is_some_and(|word| word == "PRAGMA")
}

/// SQLite does not run it in a transaction, or does nothing then; run again it does no harm.
fn is_free(statement: &str) -> bool {
    words(statement, Dialect::Sqlite, 1)
        .first()
        .is_some_and(|word| matches!(word.as_str(), "PRAGMA" | "VACUUM" | "ATTACH" | "DETACH"))
}
