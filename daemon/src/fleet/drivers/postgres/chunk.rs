//! A data step in chunks: each in a transaction of its own, with the cursor in the ledger.

use cutover_shared::fleet::{ErrorClass, Way};

use super::super::super::driver::{LedgerRow, Part, StepAsk, StepEnd, StepError};
use super::super::super::migration::{Chunk, Script};
use super::super::group::allowance;
use super::super::script::{Cursor, Dialect, filled, no_transactions};
use super::error::failed;
use super::ledger::Place;
use super::line::{Span, at};
use super::session::{PostgresSession, WAITING};
use super::wire::{silent, text};
use crate::sql_name::Sql;

impl PostgresSession {
    /// Goes on where the ledger says.
    pub(super) async fn in_chunks(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        script: &Script,
        begun: Option<Part>,
    ) -> Result<StepEnd, StepError> {
        let Some(chunk) = &script.chunk else { return Ok(StepEnd::Done) };
        no_transactions(script, Dialect::Postgres)?;
        let mut part = match begun {
            Some(part) => part,
            None => self.begin(place, ask, Some(chunk.start.clone())).await?,
        };
        loop {
            let here = part.cursor.clone().unwrap_or_else(|| chunk.start.clone());
            let next = self.one_chunk(ask, script, chunk, &here).await?;
            part.statements = part.statements.saturating_add(1);
            match next {
                None => {
                    self.end(place, ask, script).await?;
                    return Ok(StepEnd::Done);
                }
                Some(next) if next == here => {
                    self.rollback().await?;
                    return Err(stands_still(&script.file));
                }
                Some(next) => {
                    part.cursor = Some(next);
                    self.commit_part(place, ask, &part).await?;
                }
            }
            ask.faults.point("fleet.chunk.after").await;
            if ask.stop.is_cancelled() {
                return Ok(StepEnd::Stopped);
            }
        }
    }

    /// Writes that it was begun.
    pub(super) async fn begin(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        cursor: Option<String>,
    ) -> Result<Part, StepError> {
        let part = Part { way: ask.way, statements: 0, cursor };
        let create = if self.has_table { Sql::text("") } else { place.create() };
        let message =
            Sql::text("BEGIN;\n").then(&create).then(&place.begin_part(ask, &part, self.wire.now()));
        self.commit(ask, message).await?;
        self.has_table = true;
        self.keep_part(ask, &part, false);
        Ok(part)
    }

    /// Runs the script once and leaves its transaction open. The next cursor.
    async fn one_chunk(
        &mut self,
        ask: &StepAsk<'_>,
        script: &Script,
        chunk: &Chunk,
        here: &str,
    ) -> Result<Option<String>, StepError> {
        let cursor = Cursor::read(chunk, here).ok_or_else(|| not_whole(&script.file))?;
        let opening = self.opening(ask, script).then(&Sql::text(WAITING));
        let text_of = filled(&script.text, Dialect::Postgres, &cursor, chunk.rows);
        // BEGIN, two time-outs and the wait; and what cleans up, where something is to be cleaned.
        let span = Span {
            from: opening.as_str().chars().count(),
            length: text_of.as_str().chars().count(),
            statements: if self.is_marked { 8 } else { 4 },
        };
        let message = opening.then(&text_of).then(&Sql::text("\n;"));
        let sent = message.as_str().to_owned();
        let mut last = (0, None);
        let said = self.wire.say(message, allowance(ask, script), |done, row| {
            if last.0 != done {
                last = (done, text(row, 0));
            }
        });
        let failure = match said.await {
            Ok(done) => {
                let next = last.1.filter(|_| last.0 + 1 == done);
                if next.as_deref().is_none_or(|next| Cursor::read(chunk, next).is_some()) {
                    return Ok(next);
                }
                not_whole(&script.file)
            }
            Err(broken) if broken.is_lost() => return Err(broken.plain()),
            Err(broken) => broken.error.as_ref().map_or_else(silent, |error| {
                failed(error, Some(&at(script, span, &sent, error, broken.done)))
            }),
        };
        self.rollback().await?;
        Err(failure)
    }

    /// The cursor, and the chunk's commit.
    async fn commit_part(&mut self, place: &Place, ask: &StepAsk<'_>, part: &Part) -> Result<(), StepError> {
        self.commit(ask, place.part(ask, part, false)).await?;
        self.keep_part(ask, part, false);
        Ok(())
    }

    /// The last chunk found nothing more: its transaction ends the step.
    async fn end(&mut self, place: &Place, ask: &StepAsk<'_>, script: &Script) -> Result<(), StepError> {
        if let Some(query) = &script.verify {
            self.must_be_true(ask, script, query).await?;
        }
        self.commit(ask, place.end_part(ask, self.wire.now())).await?;
        self.keep(ask);
        Ok(())
    }

    /// Inside a transaction, which is rolled back where it is not true.
    pub(super) async fn must_be_true(
        &mut self,
        ask: &StepAsk<'_>,
        script: &Script,
        query: &str,
    ) -> Result<(), StepError> {
        let mut value = None;
        let message = Sql::written(query).then(&Sql::text("\n;"));
        let said = self.wire.say(message, allowance(ask, script), |_, row| value = text(row, 0));
        match said.await {
            Ok(_) if matches!(value.as_deref(), Some("t" | "true" | "1")) => Ok(()),
            Ok(_) => {
                self.rollback().await?;
                Err(super::session::untrue(&script.file, query))
            }
            Err(broken) if broken.is_lost() => Err(broken.plain()),
            Err(broken) => {
                self.rollback().await?;
                Err(broken.plain())
            }
        }
    }

    pub(super) fn keep_part(&mut self, ask: &StepAsk<'_>, part: &Part, begun: bool) {
        let version = ask.migration.version;
        if begun {
            self.begun.insert(version);
        } else {
            self.begun.remove(&version);
        }
        let row = self.ledger.rows.entry(version).or_insert_with(|| LedgerRow::of(ask.migration));
        row.part = Some(part.clone());
        debug_assert!(row.id == ask.migration.id || ask.way == Way::Down, "the ledger was asked before");
    }
}

pub(in super::super) fn stands_still(file: &str) -> StepError {
    let text = format!(
        "{file}: the cursor does not move: the last statement must answer with the last key of the chunk"
    );
    StepError::new(ErrorClass::MigrationBug, text)
}

pub(in super::super) fn not_whole(file: &str) -> StepError {
    let text = format!(
        "{file}: the cursor is not a whole number any more: keys that are text need `cursor: ''` at the beginning"
    );
    StepError::new(ErrorClass::MigrationBug, text)
}
