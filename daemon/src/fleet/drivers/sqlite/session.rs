//! An open SQLite file.

use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::ErrorClass;

use super::super::super::driver::{Ledger, Schema, Session, StepAsk, StepEnd, StepError, Target};
use super::super::super::migration::{HttpStep, Script, Step};
use super::super::group::{allowance, group};
use super::super::http::Caller;
use super::super::script::{Dialect, no_transactions};
use super::super::standing::{Standing, standing};
use super::ledger::{self, CREATE};
use super::lock::Lock;
use super::schema;
use super::wire::{Broken, Wire, failed, number, place, text};
use crate::sql_name::Sql;

/// What reading the ledger may take.
pub(super) const LOOK: Duration = Duration::from_secs(30);

/// Said before the last statement of several steps.
const COMMITTING: &str = "cutover_migrations commits";

/// An open file.
pub(super) struct SqliteSession {
    pub(super) wire: Wire,
    /// None: it was opened to look only.
    pub(super) lock: Option<Lock>,
    pub(super) ledger: Ledger,
    pub(super) has_table: bool,
    /// Milliseconds that a statement waits for a lock, where that is known.
    pub(super) busy_timeout: Option<i64>,
    pub(super) target: Target,
    pub(super) caller: Caller,
}

/// How far a transaction came.
#[derive(Default)]
struct Course {
    committing: bool,
    /// What the `verify` query of a single step answered, and after how many statements.
    value: Option<(usize, Option<String>)>,
}

#[async_trait]
impl Session for SqliteSession {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    async fn schema(&mut self) -> Result<Schema, StepError> {
        schema::read(&mut self.wire).await
    }

    async fn step(&mut self, ask: &StepAsk<'_>) -> Result<StepEnd, StepError> {
        self.must_migrate()?;
        let begun = match standing(&self.ledger, ask)? {
            Standing::Already => return Ok(StepEnd::Already),
            Standing::Fresh => None,
            Standing::Begun(part) => Some(part),
        };
        if ask.stop.is_cancelled() {
            return Ok(StepEnd::Stopped);
        }
        match ask.step {
            Step::Http(step) => self.called(ask, step).await,
            Step::Sql(script) => {
                no_transactions(script, Dialect::Sqlite)?;
                if script.chunk.is_some() {
                    self.in_chunks(ask, script, begun).await
                } else if script.transaction {
                    let ends = self.at_once(&[(ask, script)]).await;
                    ends.into_iter().next().unwrap_or(Ok(StepEnd::Stopped))
                } else {
                    self.alone(ask, script, begun).await
                }
            }
        }
    }

    async fn steps(&mut self, asks: &[StepAsk<'_>]) -> Vec<Result<StepEnd, StepError>> {
        let mut ends = Vec::with_capacity(asks.len());
        // Steps that have to be run one by one, because their common transaction was taken back.
        let mut single = 0;
        while let Some(rest) = asks.get(ends.len()..).filter(|rest| !rest.is_empty()) {
            let group = if ends.len() < single || self.lock.is_none() {
                Vec::new()
            } else {
                group(&self.ledger, rest, Dialect::Sqlite)
            };
            if group.len() < 2 {
                let Some(ask) = rest.first() else { break };
                ends.push(self.step(ask).await);
            } else {
                let some = self.at_once(&group).await;
                single = if some.is_empty() { ends.len() + group.len() } else { single };
                ends.extend(some);
            }
            if ends.last().is_some_and(|end| !matches!(end, Ok(StepEnd::Done | StepEnd::Already))) {
                break;
            }
        }
        ends
    }

    async fn is_done(&mut self, ask: &StepAsk<'_>) -> Result<Option<bool>, StepError> {
        let done = matches!(standing(&self.ledger, ask)?, Standing::Already);
        match ask.step {
            Step::Http(step) if !done => self.caller.is_done(&self.target, ask, step, None).await,
            _ => Ok(Some(done)),
        }
    }

    async fn number(&mut self, query: &str) -> Result<f64, StepError> {
        let mut value = None;
        let said = self.wire.say(Sql::written(query), Duration::from_secs(5), |done, row| {
            if done == 0 && value.is_none() {
                value = text(row, 0).and_then(|text| text.parse::<f64>().ok());
            }
        });
        said.await.map_err(|broken| failed(&broken.error, None))?;
        value.filter(|value| value.is_finite()).ok_or_else(|| {
            StepError::new(ErrorClass::MigrationBug, "the query of load does not answer with one number")
        })
    }

    async fn close(self: Box<Self>) {
        self.wire.close().await;
        drop(self.lock);
    }
}

impl SqliteSession {
    fn must_migrate(&self) -> Result<(), StepError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(StepError::new(ErrorClass::MigrationBug, "the session was opened to look only")),
        }
    }

    /// What begins a transaction, and how many statements that are.
    pub(super) fn opening(&mut self, ask: &StepAsk<'_>) -> (Sql, usize) {
        let wait = ask.lock_timeout.as_millis().clamp(1, 2_147_483_647);
        let wait = i64::try_from(wait).unwrap_or(i64::from(i32::MAX));
        let (mut message, mut statements) = (Sql::text("BEGIN IMMEDIATE;\n"), 1);
        // Not known any more from here on: a script may set another.
        if self.busy_timeout.take() != Some(wait) {
            let set = Sql::fill("PRAGMA busy_timeout = {};\n", &[&Sql::whole(wait)]);
            (message, statements) = (set.then(&message), statements + 1);
        }
        if !self.has_table {
            (message, statements) = (message.then(&Sql::text(CREATE)), statements + 1);
        }
        (message, statements)
    }

    /// Runs steps in one transaction. Nothing where one of several failed: all were taken back, and are to be run one by one.
    async fn at_once(&mut self, group: &[(&StepAsk<'_>, &Script)]) -> Vec<Result<StepEnd, StepError>> {
        let Some((first, script)) = group.first() else { return Vec::new() };
        let at = self.wire.now();
        let (opening, opened) = self.opening(first);
        let asks: Vec<&StepAsk<'_>> = group.iter().map(|(ask, _)| *ask).collect();
        let mut message = opening.then(&ledger::write(&asks, at));
        let mut patience = Duration::ZERO;
        for (ask, script) in group {
            message = message.then(&Sql::written(&script.text)).then(&Sql::text("\n;\n"));
            if let Some(query) = &script.verify {
                // Read before anything is committed: the rest is sent only then.
                message = message.then(&Sql::written(query)).then(&Sql::text("\n;\n"));
            }
            patience += allowance(ask, script);
            ask.faults.point("fleet.step.before").await;
        }
        let verify = script.verify.as_deref();
        let end = Sql::fill("SELECT {};\nCOMMIT;", &[&Sql::plain_literal(COMMITTING)]);
        if verify.is_none() {
            message = message.then(&end);
        }
        let mut course = Course::default();
        let mut said = self
            .wire
            .say(message, patience, |done, row| {
                let first = text(row, 0);
                if first.as_deref() == Some(COMMITTING) {
                    course.committing = true;
                } else if course.value.as_ref().is_none_or(|(at, _)| *at != done) {
                    course.value = Some((done, first));
                }
            })
            .await;
        if let (Some(query), Ok(done)) = (verify, &said) {
            let value = course
                .value
                .as_ref()
                .filter(|(at, _)| at + 1 == *done)
                .and_then(|(_, value)| value.as_deref());
            if !matches!(value, Some("1" | "true")) {
                self.rollback().await;
                return vec![Err(untrue(&script.file, query))];
            }
            course.committing = true;
            said = self.wire.say(Sql::text("COMMIT;"), patience, |_, _| {}).await;
        }
        for (ask, _) in group {
            ask.faults.point("fleet.step.committed").await;
        }
        match said {
            Ok(_) => {
                self.has_table = true;
                for (ask, _) in group {
                    self.ledger.follow(ask.migration, ask.way);
                }
                group.iter().map(|_| Ok(StepEnd::Done)).collect()
            }
            Err(broken) => self.half(group, opened, course.committing, broken).await,
        }
    }

    /// A transaction that did not get to its end. `opened`: statements before the rows of the ledger.
    async fn half(
        &mut self,
        group: &[(&StepAsk<'_>, &Script)],
        opened: usize,
        committing: bool,
        broken: Broken,
    ) -> Vec<Result<StepEnd, StepError>> {
        self.rollback().await;
        if committing || broken.done < opened {
            let error = failed(&broken.error, None);
            let may_be_there = committing && error.class == ErrorClass::Connection;
            return vec![Err(if may_be_there { error.unclear() } else { error })];
        }
        let Some(statement) = broken.done.checked_sub(opened + 1) else {
            // Somebody else was here since the ledger was read.
            let error = failed(&broken.error, None);
            let is_there = number(&broken.error) == Some(1555);
            let text = "the tenant's ledger was changed by somebody else meanwhile: try again";
            return vec![Err(if is_there {
                StepError::new(ErrorClass::SchemaMismatch, text)
            } else {
                error
            })];
        };
        match group {
            [(_, script)] => vec![Err(failed(&broken.error, Some(&place(script, Some(statement)))))],
            // Which of them it was is found by running them one by one.
            _ => Vec::new(),
        }
    }

    /// Calls services, then writes the row.
    async fn called(&mut self, ask: &StepAsk<'_>, step: &HttpStep) -> Result<StepEnd, StepError> {
        if self.caller.run(&self.target, ask, step, None).await? == StepEnd::Stopped {
            return Ok(StepEnd::Stopped);
        }
        let create = Sql::text(if self.has_table { "" } else { CREATE });
        let at = self.wire.now();
        let message = Sql::text("BEGIN IMMEDIATE;\n").then(&create).then(&ledger::write(&[ask], at));
        // The calls were made: without the row they must not be made again unasked.
        let may_again = step.idempotent;
        self.commit(ask, message).await.map_err(|error| if may_again { error } else { error.unclear() })?;
        self.has_table = true;
        self.ledger.follow(ask.migration, ask.way);
        Ok(StepEnd::Done)
    }

    /// Ends a transaction that stands open or is in `message`.
    pub(super) async fn commit(&mut self, ask: &StepAsk<'_>, message: Sql) -> Result<(), StepError> {
        ask.faults.point("fleet.step.before").await;
        let said = self.wire.run(message.then(&Sql::text("COMMIT;")), ask.timeout).await;
        ask.faults.point("fleet.step.committed").await;
        if said.is_err() {
            self.rollback().await;
        }
        said
    }

    /// Where SQLite took the transaction back by itself, there is none.
    pub(super) async fn rollback(&mut self) {
        let _ = self.wire.run(Sql::text("ROLLBACK;"), LOOK).await;
    }
}

pub(super) fn untrue(file: &str, query: &str) -> StepError {
    let query: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
    StepError::new(
        ErrorClass::MigrationBug,
        format!("{file}: the check `{query}` is not true, so nothing was kept"),
    )
}
