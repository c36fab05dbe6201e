//! Several steps in one message, each in its own transaction with its row in the ledger.

use std::time::Duration;

use cutover_shared::fleet::{ErrorClass, Way};

use super::super::super::driver::{StepAsk, StepEnd, StepError};
use super::super::super::migration::Script;
use super::super::group::allowance;
use super::super::script::leaves_marks;
use super::LOOK;
use super::error::{answer, failed};
use super::ledger::{NO_ROW, Place, TABLE, mark};
use super::line::{Span, at};
use super::session::{PostgresSession, times};
use super::wire::{Broken, text};
use crate::sql_name::Sql;

const BEGIN: &str = "BEGIN;\n";

/// Of a step whose commit need not wait for the disk, because that of a later one in the same message does.
const BEGIN_UNWAITED: &str = "BEGIN; SET LOCAL synchronous_commit = off;\n";

/// One step of a message.
struct Piece {
    version: u32,
    span: Span,
    /// Statements of the script.
    statements: usize,
}

impl Piece {
    /// Whether its commit was done, too, with so many statements of the message.
    fn is_over(&self, done: usize) -> bool {
        self.span.statements > 0 && done > self.span.statements + self.statements
    }
}

impl PostgresSession {
    /// Runs steps in one message, each in its own transaction with its row.
    pub(super) async fn at_once(
        &mut self,
        place: &Place,
        group: &[(&StepAsk<'_>, &Script)],
    ) -> Vec<Result<StepEnd, StepError>> {
        let mut message = Sql::text("");
        let mut pieces = Vec::with_capacity(group.len());
        let mut patience = Duration::ZERO;
        let mut set = None;
        let at = self.wire.now();
        for (number, (ask, script)) in group.iter().enumerate() {
            let waits = number + 1 == group.len() || ask.way == Way::Down;
            // For the session: to say it in each transaction would cost more than the row of the ledger does. Whatever else is said on
            // this session sets its own.
            let times = times(ask, script);
            if self.is_marked || set.as_ref() != Some(&times) {
                message = message.then(&self.clean());
                message = message.then(&Sql::fill(
                    "SET lock_timeout = {}; SET statement_timeout = {};\n",
                    &times.each_ref(),
                ));
                set = Some(times);
            }
            message = message.then(&Sql::text(if waits { BEGIN } else { BEGIN_UNWAITED }));
            if !self.has_table && number == 0 {
                message = message.then(&place.create());
            }
            message = message.then(&match ask.way {
                Way::Up => place.add(ask, at),
                Way::Down => place.remove(ask),
            });
            let (from, length) = (message.as_str().chars().count(), script.text.chars().count());
            let span = Span { from, length, statements: 0 };
            pieces.push(Piece { version: ask.migration.version, span, statements: script.statements.len() });
            message = message.then(&Sql::written(&script.text)).then(&Sql::text("\n;COMMIT;\n"));
            patience += allowance(ask, script);
            self.is_marked |= leaves_marks(script);
            ask.faults.point("fleet.step.before").await;
        }
        // Each step's ledger row answers with its mark: so it is known which one an error belongs to.
        let mut rows = 0;
        let sent = message.as_str().to_owned();
        let said = self.wire.say(message, patience, |done, row| {
            if let Some(piece) = pieces.get_mut(rows)
                && text(row, 0) == Some(mark(piece.version))
            {
                piece.span.statements = done + 1;
                rows += 1;
            }
        });
        let said = said.await;
        for (ask, _) in group {
            ask.faults.point("fleet.step.committed").await;
        }
        match said {
            Ok(_) => {
                self.has_table = true;
                for (ask, _) in group {
                    self.keep(ask);
                }
                group.iter().map(|_| Ok(StepEnd::Done)).collect()
            }
            Err(broken) => self.half(place, group, &pieces, rows, &sent, broken).await,
        }
    }

    /// A message that did not get to its end, after so many rows of the ledger.
    async fn half(
        &mut self,
        place: &Place,
        group: &[(&StepAsk<'_>, &Script)],
        pieces: &[Piece],
        rows: usize,
        sent: &str,
        broken: Broken,
    ) -> Vec<Result<StepEnd, StepError>> {
        let Some(error) = broken.error.as_ref().filter(|_| !broken.is_lost()) else {
            return vec![Err(broken.plain().unclear())];
        };
        let guard = rows < group.len() && is_guard(error);
        // The step whose row was written last failed, unless the next one's row was refused.
        let failing = if guard { rows } else { rows.saturating_sub(1) };
        let mut ends: Vec<_> = (0..failing).map(|_| Ok(StepEnd::Done)).collect();
        // Between two steps: the one before has its commit, and is asked about.
        let is_between = !guard && pieces.get(failing).is_some_and(|piece| piece.is_over(broken.done));
        let mut message = Sql::text("ROLLBACK;\n");
        if failing > 0 || is_between {
            message = message.then(&place.touch());
        }
        if let Err(again) = self.wire.say(message, LOOK, |_, _| {}).await {
            return vec![Err(again.plain().unclear())];
        }
        for (ask, _) in group.iter().take(failing) {
            self.has_table = true;
            self.keep(ask);
        }
        ends.push(match (group.get(failing), pieces.get(failing)) {
            // Somebody wrote the ledger past our lock.
            _ if guard => Err(StepError::new(
                ErrorClass::SchemaMismatch,
                "the tenant's ledger was changed by somebody else meanwhile: try again",
            )),
            _ if is_between => Err(broken.plain().unclear()),
            (Some((_, script)), Some(piece)) => {
                Err(failed(error, Some(&at(script, piece.span, sent, error, broken.done))))
            }
            _ => Err(broken.plain()),
        });
        ends
    }
}

/// Our own row was refused: it is there, or is not there to be taken away.
fn is_guard(error: &sqlx::Error) -> bool {
    answer(error).is_some_and(|answer| match answer.code() {
        "23505" => answer.table() == Some(TABLE),
        "22P02" => answer.message().contains(NO_ROW),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_over_only_with_its_commit() {
        // Its row was the third statement of the message, and it has two of its own.
        let piece =
            |statements| Piece { version: 1, span: Span { from: 0, length: 1, statements }, statements: 2 };
        for (done, expected) in [(3, false), (4, false), (5, false), (6, true), (7, true)] {
            assert_eq!(piece(3).is_over(done), expected, "{done} statements done");
        }
        assert!(!piece(0).is_over(9), "its row was not written");
    }
}
